//! `JSONLinesWriter`: a list or a stream of values to a file of one JSON value a line.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Spec, Stage},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::writer::failure;
use crate::data::{
    atomic::AtomicFile,
    files::WorkDir,
    stream::{FileStage, Held, Sink, write_whole},
};

/// Writes a JSON Lines file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct JsonLinesWriter {}

impl NodeType for JsonLinesWriter {
    fn spec() -> Spec {
        Spec::new("JSONLinesWriter", "data", "Writes values to a file of one JSON value a line.")
            .inputs([
                Input::required("data", Kind::List, "The values, one for each line.").streaming(),
                Input::required("file_path", Kind::Text, "The file to write; it is replaced as a whole."),
            ])
            .outputs([
                Output::new("file_path", Kind::Text, "The path as it was given."),
                Output::new("rows_written", Kind::Int, "How many lines the file has."),
            ])
            .effect(Effect::Idempotent)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let dir = WorkDir::of(cx);
        let stage_dir = dir.clone();
        let whole = move |mut inputs: Inputs, cx: Context| {
            let dir = dir.clone();
            async move {
                let (rows, file_path) = (inputs.list(0)?, inputs.text(1)?);
                let path = dir.checked(&file_path)?;
                write_whole(move || JsonRows::create(&path), rows, file_path, &cx).await
            }
        };
        let stage = move |mut inputs: Inputs, _: &Context| {
            let file_path = inputs.text(1)?;
            let path = stage_dir.checked(&file_path)?;
            let sink = Held::closed(move || JsonRows::create(&path));
            Ok(Box::new(FileStage { sink, file_path }) as Box<dyn Stage>)
        };
        Ok(Body::future(whole).with_stage(stage))
    }
}

struct JsonRows {
    file: AtomicFile,
    path: PathBuf,
    rows: u64,
}

impl JsonRows {
    fn create(path: &Path) -> Result<Self> {
        Ok(Self { file: AtomicFile::create(path)?, path: path.to_owned(), rows: 0 })
    }
}

impl Sink for JsonRows {
    fn write_row(&mut self, row: &Value) -> Result<()> {
        self.rows += 1;
        serde_json::to_writer(&mut self.file, row)
            .map_err(|error| failure(&self.path, error).at(format!("row {}", self.rows)))?;
        self.file.write_all(b"\n").map_err(|error| Error::io(&self.path, error))
    }

    fn finish(self) -> Result<u64> {
        self.file.commit().map(|()| self.rows)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    fn node(dir: &Path) -> NodeTest {
        let services = Services::builder().with(WorkDir(dir.into())).unwrap().build();
        NodeTest::new::<JsonLinesWriter>(value!({"file_path": "out.jsonl"}), &services).unwrap()
    }

    #[tokio::test]
    async fn values_are_written_one_a_line_whole_or_streamed() {
        let dir = tempfile::tempdir().unwrap();
        let rows = vec![value!({"a": "x\ny"}), value!([1]), value!(null)];
        let content = || std::fs::read_to_string(dir.path().join("out.jsonl")).unwrap();
        let got = node(dir.path()).run(value!({"data": (rows.clone())})).await.unwrap();
        assert_eq!(Value::from(got), value!({"file_path": "out.jsonl", "rows_written": 3}));
        assert_eq!(content(), "{\"a\":\"x\\ny\"}\n[1]\nnull\n");
        let batches = rows.into_iter().map(|row| vec![row]).collect();
        let streamed = node(dir.path()).stream(value!({}), batches).await.unwrap();
        assert_eq!(streamed.outputs.get("rows_written"), Some(&value!(3)));
        assert_eq!(content(), "{\"a\":\"x\\ny\"}\n[1]\nnull\n");
    }

    #[tokio::test]
    async fn a_value_without_a_form_in_json_is_named_by_its_row_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let batches = vec![vec![value!(1)], vec![value!(f64::INFINITY)]];
        let error = node(dir.path()).stream(value!({}), batches).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("json.value", Some("row 2")));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}

//! `CSVWriter`: a list or a stream of rows to a CSV file that appears whole or not at all.

use std::path::PathBuf;

use kailash_core::{
    Kind, Result, Text,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Output, Setup, Spec, Stage},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    dialect::delimiter,
    table::{Extra, LineEnding, Options, Table},
};
use crate::data::{
    early,
    files::WorkDir,
    stream::{FileStage, Held, write_whole},
};

/// Writes a CSV file.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct CsvWriter {
    /// What happens to keys of later rows that the first row doesn't have.
    extra: Extra,
    /// How lines end.
    line_ending: LineEnding,
}

const DATA: usize = 0;
const FILE_PATH: usize = 1;
const HEADERS: usize = 2;
const DELIMITER: usize = 3;

impl NodeType for CsvWriter {
    fn spec() -> Spec {
        Spec::new("CSVWriter", "data", "Writes rows to a CSV file.")
            .inputs([
                Input::required(
                    "data",
                    Kind::List,
                    "The rows: maps, whose columns are the keys of the first, or lists.",
                )
                .streaming(),
                Input::required("file_path", Kind::Text, "The file to write; it is replaced as a whole."),
                Input::with_default(
                    "headers",
                    Kind::Bool,
                    true,
                    "Whether the first line names the columns of maps.",
                ),
                Input::with_default("delimiter", Kind::Text, ",", "The character between two fields."),
            ])
            .outputs([
                Output::new("file_path", Kind::Text, "The path as it was given."),
                Output::new("rows_written", Kind::Int, "How many rows the file has, without the header."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        early::check(setup, "delimiter", delimiter)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, this) = (WorkDir::of(cx), *self);
        let stage_dir = dir.clone();
        let whole = move |mut inputs: Inputs, cx: Context| {
            let rows = inputs.list(DATA);
            let request = this.request(inputs, &dir);
            async move {
                let (file_path, path, options) = request?;
                write_whole(move || Table::create(&path, options), rows?, file_path, &cx).await
            }
        };
        let stage = move |inputs: Inputs, _: &Context| {
            let (file_path, path, options) = this.request(inputs, &stage_dir)?;
            let sink = Held::closed(move || Table::create(&path, options));
            Ok(Box::new(FileStage { sink, file_path }) as Box<dyn Stage>)
        };
        Ok(Body::future(whole).with_stage(stage))
    }
}

impl CsvWriter {
    fn request(self, mut inputs: Inputs, dir: &WorkDir) -> Result<(Text, PathBuf, Options)> {
        let file_path = inputs.text(FILE_PATH)?;
        let options = Options {
            headers: inputs.bool(HEADERS)?.unwrap_or(true),
            delimiter: delimiter(&inputs.text(DELIMITER)?)?,
            extra: self.extra,
            line_ending: self.line_ending,
        };
        let path = dir.checked(&file_path)?;
        Ok((file_path, path, options))
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Map, Services, Value, testing::NodeTest, value};

    use super::*;

    struct Bench(tempfile::TempDir);

    impl Bench {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn node(&self, config: Value) -> NodeTest {
            let services = Services::builder().with(WorkDir(self.0.path().into())).unwrap().build();
            NodeTest::new::<CsvWriter>(config, &services).unwrap()
        }

        async fn write(&self, config: Value, data: Value) -> Result<Map> {
            self.node(config).run(value!({"file_path": "out.csv", "data": data})).await
        }

        fn content(&self) -> String {
            std::fs::read_to_string(self.0.path().join("out.csv")).unwrap()
        }

        fn files(&self) -> usize {
            std::fs::read_dir(self.0.path()).unwrap().count()
        }
    }

    #[tokio::test]
    async fn maps_are_written_under_the_columns_of_the_first() {
        let bench = Bench::new();
        let data = value!([{"id": 1, "name": "a,\"b\""}, {"name": "x\ny", "id": null}, {"id": true}]);
        let got = bench.write(value!({}), data).await.unwrap();
        assert_eq!(Value::from(got), value!({"file_path": "out.csv", "rows_written": 3}));
        assert_eq!(bench.content(), "id,name\n1,\"a,\"\"b\"\"\"\n,\"x\ny\"\ntrue,\n");
    }

    #[tokio::test]
    async fn lists_are_written_without_a_header() {
        let bench = Bench::new();
        let config = value!({"delimiter": ";", "line_ending": "crlf"});
        bench.write(config, value!([["a", 1.5], ["b", [1, 2]]])).await.unwrap();
        assert_eq!(bench.content(), "a;1.5\r\nb;[1,2]\r\n");
    }

    #[tokio::test]
    async fn no_rows_make_an_empty_file() {
        let bench = Bench::new();
        let got = bench.write(value!({}), value!([])).await.unwrap();
        assert_eq!(got.get("rows_written"), Some(&value!(0)));
        assert_eq!(bench.content(), "");
    }

    #[tokio::test]
    async fn a_row_that_does_not_fit_is_named_and_leaves_the_old_file() {
        let bench = Bench::new();
        std::fs::write(bench.0.path().join("out.csv"), "old").unwrap();
        for (data, message) in [
            (value!([{"a": 1}, {"a": 2, "b": 3}]), "key `b` is no column of the first row"),
            (value!([[1], [1, 2]]), "the row has 2 fields, the first row 1"),
            (value!([{"a": 1}, [2]]), "a row is a map as the first here, not list"),
            (value!([{"a": 1}, {"a": (f64::NAN)}]), "NaN has no form in JSON"),
        ] {
            let error = bench.write(value!({}), data).await.unwrap_err();
            assert_eq!((error.code(), error.place()), ("csv.row", Some("row 2")));
            assert_eq!(error.message(), message);
        }
        let error = bench.write(value!({}), value!([1])).await.unwrap_err();
        assert_eq!(error.place(), Some("row 1"));
        assert_eq!((bench.content().as_str(), bench.files()), ("old", 1));
    }

    #[tokio::test]
    async fn extra_keys_can_be_left_out() {
        let bench = Bench::new();
        let data = value!([{"a": 1}, {"b": 3, "a": 2}]);
        bench.write(value!({"extra": "ignore"}), data).await.unwrap();
        assert_eq!(bench.content(), "a\n1\n2\n");
    }

    #[tokio::test]
    async fn a_stream_writes_the_same_file_as_the_whole() {
        let bench = Bench::new();
        let rows: Vec<Value> = (0..3000).map(|i| value!({"id": i, "name": (format!("n{i}"))})).collect();
        bench.write(value!({}), Value::list(rows.clone())).await.unwrap();
        let whole = bench.content();
        let batches = rows.chunks(700).map(<[Value]>::to_vec).collect();
        let given = value!({"file_path": "out.csv"});
        let got = bench.node(value!({})).stream(given, batches).await.unwrap();
        assert_eq!(got.outputs.get("rows_written"), Some(&value!(3000)));
        assert_eq!(bench.content(), whole);
    }

    #[tokio::test]
    async fn a_stream_that_fails_leaves_nothing() {
        let bench = Bench::new();
        let batches = vec![vec![value!({"a": 1})], vec![value!({"b": 1})]];
        let error = bench.node(value!({})).stream(value!({"file_path": "out.csv"}), batches).await;
        assert_eq!(error.unwrap_err().code(), "csv.row");
        assert_eq!(bench.files(), 0);
    }
}

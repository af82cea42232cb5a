//! `JSONLinesReader`: a file of one JSON value a line to a list or a stream of values.

use std::path::Path;

use kailash_core::{
    Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Source, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::{
    files::{self, DEFAULT_MAX_BYTES, WorkDir},
    lines::Lines,
    stream::{FileSource, Held, Rows},
};

/// Reads a JSON Lines file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct JsonLinesReader {
    /// The size in bytes above which a file is refused unless its values leave over a stream connection.
    max_bytes: u64,
}

impl Default for JsonLinesReader {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES }
    }
}

impl NodeType for JsonLinesReader {
    fn spec() -> Spec {
        Spec::new("JSONLinesReader", "data", "Reads a file of one JSON value a line.")
            .inputs([Input::required(
                "file_path",
                Kind::Text,
                "The file to read; UTF-8, empty lines are skipped.",
            )])
            .outputs([Output::new("data", Kind::List, "The values, one for each line.").streaming()])
            .effect(Effect::Idempotent)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, max_bytes) = (WorkDir::of(cx), self.max_bytes);
        let source_dir = dir.clone();
        let whole = move |mut inputs: Inputs, cx: Context| {
            let path = inputs.text(0).and_then(|path| dir.checked(&path));
            async move {
                let (path, check) = (path?, cx.clone());
                let rows = cx.blocking(move || {
                    JsonRows::new(files::open_bounded(&path, max_bytes)?, &path).all(&check)
                });
                Ok(Outcome::Done(Outputs::one(rows.await?)))
            }
        };
        let source = move |mut inputs: Inputs, _: &Context| {
            let path = source_dir.checked(&inputs.text(0)?)?;
            let rows = Held::closed(move || Ok(JsonRows::new(files::open(&path)?, &path)));
            Ok(Box::new(FileSource { rows, port: 0 }) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

struct JsonRows(Lines);

impl JsonRows {
    fn new(file: std::fs::File, path: &Path) -> Self {
        Self(Lines::new(file, path))
    }
}

impl Rows for JsonRows {
    fn next_row(&mut self) -> Result<Option<Value>> {
        while self.0.advance()? {
            let line = self.0.line();
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            return Value::from_json_slice(line).map(Some).map_err(|error| error.at(self.0.place()));
        }
        Ok(None)
    }

    fn bytes_read(&self) -> u64 {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    fn node(content: impl AsRef<[u8]>) -> (tempfile::NamedTempFile, NodeTest) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let config = value!({"file_path": (file.path().to_str().unwrap())});
        (file, NodeTest::new::<JsonLinesReader>(config, &Services::default()).unwrap())
    }

    #[tokio::test]
    async fn each_line_is_a_value_whole_or_streamed() {
        let (_file, node) = node("{\"a\":1}\n\n[2]\r\n3");
        let expected = value!([{"a": 1}, [2], 3]);
        assert_eq!(node.run(value!({})).await.unwrap().get("data"), Some(&expected));
        let streamed = node.stream(value!({}), vec![]).await.unwrap();
        assert_eq!(Value::list(streamed.items[0].clone()), expected);
    }

    #[tokio::test]
    async fn a_broken_line_is_named() {
        let (file, node) = node("1\n{\"a\n");
        let error = node.run(value!({})).await.unwrap_err();
        assert_eq!(error.code(), "json.syntax");
        assert_eq!(error.place(), Some(format!("{} line 2", file.path().display()).as_str()));
    }
}

//! `JSONReader`: a JSON file to a value.

use std::path::Path;

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::{
    encoding::without_bom,
    files::{self, DEFAULT_MAX_BYTES, WorkDir},
};

/// Reads a JSON file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct JsonReader {
    /// The size in bytes above which a file is refused.
    max_bytes: u64,
}

impl Default for JsonReader {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES }
    }
}

impl NodeType for JsonReader {
    fn spec() -> Spec {
        Spec::new("JSONReader", "data", "Reads the value in a JSON file.")
            .inputs([Input::required("file_path", Kind::Text, "The file to read; UTF-8.")])
            .outputs([Output::new("data", Kind::Any, "The value in the file.")])
            .effect(Effect::Idempotent)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, max_bytes) = (WorkDir::of(cx), self.max_bytes);
        Ok(Body::future(move |mut inputs: Inputs, cx: Context| {
            let path = inputs.text(0).and_then(|path| dir.checked(&path));
            async move {
                let path = path?;
                let data = cx.blocking(move || read(&path, max_bytes)).await?;
                Ok(Outcome::Done(Outputs::one(data)))
            }
        }))
    }
}

fn read(path: &Path, max_bytes: u64) -> Result<Value> {
    let content = files::read(path, max_bytes)?;
    Value::from_json_slice(without_bom(&content)).map_err(|error| {
        let place = match error.place() {
            Some(place) => format!("{} {place}", path.display()),
            None => path.display().to_string(),
        };
        error.at(place)
    })
}

#[cfg(test)]
mod tests {
    use kailash_core::{Map, Services, testing::NodeTest, value};

    use super::*;

    async fn read(content: &[u8]) -> Result<Map> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let node = NodeTest::new::<JsonReader>(value!({"max_bytes": 100}), &Services::default()).unwrap();
        node.run(value!({"file_path": (file.path().to_str().unwrap())})).await
    }

    #[tokio::test]
    async fn the_value_in_the_file_is_read() {
        let got = read(b"\xef\xbb\xbf[{\"a\": 1.0, \"b\": null}]").await.unwrap();
        assert_eq!(got.get("data"), Some(&value!([{"a": 1.0, "b": null}])));
    }

    #[tokio::test]
    async fn a_syntax_error_names_file_line_and_column() {
        let error = read(b"{\"a\": 1,\n \"b\": }").await.unwrap_err();
        assert_eq!(error.code(), "json.syntax");
        assert!(error.place().unwrap().ends_with(" line 2 column 7"), "{error}");
        for wrong in [&b""[..], b"[1] 2", b"\"\xff\""] {
            assert_eq!(read(wrong).await.unwrap_err().code(), "json.syntax");
        }
    }

    #[tokio::test]
    async fn a_file_over_the_limit_is_refused() {
        assert_eq!(read(&[b' '; 101]).await.unwrap_err().code(), "file.too_large");
    }
}

//! `FileReader`: a file to bytes.

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::files::{self, DEFAULT_MAX_BYTES, WorkDir};

/// Reads a file as it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct FileReader {
    /// The size in bytes above which a file is refused.
    max_bytes: u64,
}

impl Default for FileReader {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES }
    }
}

impl NodeType for FileReader {
    fn spec() -> Spec {
        Spec::new("FileReader", "data", "Reads the bytes of a file.")
            .inputs([Input::required("file_path", Kind::Text, "The file to read.")])
            .outputs([Output::new("data", Kind::Bytes, "The content of the file.")])
            .effect(Effect::Idempotent)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, max_bytes) = (WorkDir::of(cx), self.max_bytes);
        Ok(Body::future(move |mut inputs: Inputs, cx: Context| {
            let path = inputs.text(0).and_then(|path| dir.checked(&path));
            async move {
                let path = path?;
                let content = cx.blocking(move || files::read(&path, max_bytes)).await?;
                Ok(Outcome::Done(Outputs::one(Value::bytes(content))))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    #[tokio::test]
    async fn the_bytes_of_a_file_are_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"\x00\xff").unwrap();
        let config = value!({"file_path": (file.path().to_str().unwrap())});
        let node = NodeTest::new::<FileReader>(config, &Services::default()).unwrap();
        let got = node.run(value!({})).await.unwrap();
        assert_eq!(got.get("data"), Some(&Value::bytes(b"\x00\xff".to_vec())));
    }
}

//! `FileWriter`: bytes to a file that appears whole or not at all.

use std::{io::Write, path::Path};

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::{atomic::AtomicFile, files::WorkDir};

/// Writes a file as it is.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct FileWriter {}

impl NodeType for FileWriter {
    fn spec() -> Spec {
        Spec::new("FileWriter", "data", "Writes bytes to a file.")
            .inputs([
                Input::required("file_path", Kind::Text, "The file to write; it is replaced as a whole."),
                Input::required("data", Kind::Bytes, "The content."),
            ])
            .outputs([
                Output::new("file_path", Kind::Text, "The path as it was given."),
                Output::new("bytes_written", Kind::Int, "How many bytes the file has."),
            ])
            .effect(Effect::Idempotent)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let dir = WorkDir::of(cx);
        Ok(Body::future(move |mut inputs: Inputs, cx: Context| {
            let dir = dir.clone();
            async move {
                let file_path = inputs.text(0)?;
                let path = dir.checked(&file_path)?;
                let data = inputs.value(1)?;
                let bytes = Value::from(cx.blocking(move || write(&path, &data)).await?);
                Ok(Outcome::Done([Some(file_path.into()), Some(bytes)].into_iter().collect::<Outputs>()))
            }
        }))
    }
}

fn write(path: &Path, data: &Value) -> Result<u64> {
    let content = data.as_bytes().ok_or_else(|| {
        let message = format!("`data` wants bytes, not {}", data.kind());
        Error::invalid("input.kind", message).with_hint("write text with TextWriter")
    })?;
    let mut file = AtomicFile::create(path)?;
    file.write_all(content).map_err(|error| Error::io(path, error))?;
    file.commit().map(|()| content.len() as u64)
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    #[tokio::test]
    async fn bytes_replace_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let services = Services::builder().with(WorkDir(dir.path().into())).unwrap().build();
        let node = NodeTest::new::<FileWriter>(value!({"file_path": "f"}), &services).unwrap();
        let got = node.run(value!({"data": (Value::bytes(vec![0_u8, 255]))})).await.unwrap();
        assert_eq!(Value::from(got), value!({"file_path": "f", "bytes_written": 2}));
        assert_eq!(std::fs::read(dir.path().join("f")).unwrap(), [0, 255]);
    }
}

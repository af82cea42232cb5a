//! `JSONWriter`: a value to a JSON file that appears whole or not at all.

use std::path::Path;

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::data::{atomic::AtomicFile, files::WorkDir};

/// Writes a JSON file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct JsonWriter {}

const MAX_INDENT: i64 = 16;

impl NodeType for JsonWriter {
    fn spec() -> Spec {
        Spec::new("JSONWriter", "data", "Writes a value to a JSON file.")
            .inputs([
                Input::required("file_path", Kind::Text, "The file to write; it is replaced as a whole."),
                Input::required("data", Kind::Any, "The value."),
                Input::with_default(
                    "indent",
                    Kind::Int,
                    2,
                    "Spaces for each level, 0 to 16; 0 puts all on one line.",
                ),
            ])
            .outputs([Output::new("file_path", Kind::Text, "The path as it was given.")])
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
                let indent = indent(inputs.int(2)?)?;
                cx.blocking(move || write(&path, &data, indent)).await?;
                Ok(Outcome::Done(Outputs::one(file_path)))
            }
        }))
    }
}

fn indent(given: Option<i64>) -> Result<usize> {
    let indent = given.unwrap_or(0);
    usize::try_from(indent).ok().filter(|_| indent <= MAX_INDENT).ok_or_else(|| {
        Error::invalid("json.indent", format!("indent {indent} is not between 0 and {MAX_INDENT}"))
    })
}

fn write(path: &Path, data: &Value, indent: usize) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    let written = if indent == 0 {
        serde_json::to_writer(&mut file, data)
    } else {
        let spaces = b" ".repeat(indent);
        let formatter = PrettyFormatter::with_indent(&spaces);
        data.serialize(&mut Serializer::with_formatter(&mut file, formatter))
    };
    written.map_err(|error| failure(path, error))?;
    file.commit()
}

/// What serde_json says, as an error about the file or about the value.
pub(super) fn failure(path: &Path, error: serde_json::Error) -> Error {
    if error.is_io() {
        return Error::io(path, error.into());
    }
    Error::invalid("json.value", error.to_string()).with_hint("replace NaN and infinities by null")
}

#[cfg(test)]
mod tests {
    use kailash_core::{Map, Services, testing::NodeTest, value};

    use super::*;

    async fn write(dir: &Path, mut given: Value) -> Result<Map> {
        if let Value::Map(map) = &mut given {
            std::sync::Arc::make_mut(map).insert("file_path", "out.json");
        }
        let services = Services::builder().with(WorkDir(dir.into())).unwrap().build();
        NodeTest::new::<JsonWriter>(value!({}), &services).unwrap().run(given).await
    }

    #[tokio::test]
    async fn a_value_is_written_with_two_spaces_and_only_its_path_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let got = write(dir.path(), value!({"data": [{"id": "é"}]})).await.unwrap();
        assert_eq!(Value::from(got), value!({"file_path": "out.json"}));
        let content = std::fs::read_to_string(dir.path().join("out.json")).unwrap();
        assert_eq!(content, "[\n  {\n    \"id\": \"é\"\n  }\n]");
        write(dir.path(), value!({"data": [1, 2], "indent": 0})).await.unwrap();
        assert_eq!(std::fs::read_to_string(dir.path().join("out.json")).unwrap(), "[1,2]");
    }

    #[tokio::test]
    async fn what_has_no_form_in_json_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("out.json"), "old").unwrap();
        let error = write(dir.path(), value!({"data": [1, (f64::NAN)]})).await.unwrap_err();
        assert_eq!(error.code(), "json.value");
        assert_eq!(std::fs::read_to_string(dir.path().join("out.json")).unwrap(), "old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_wrong_indent_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for wrong in [-1, 17] {
            let error = write(dir.path(), value!({"data": 1, "indent": wrong})).await.unwrap_err();
            assert_eq!(error.code(), "json.indent");
        }
    }
}

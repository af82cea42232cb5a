//! `TextWriter`: a text to a file, replacing it as a whole or appending to it.

use std::{fs::OpenOptions, io::Write, path::Path};

use kailash_core::{
    Error, Kind, Result, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::{atomic::AtomicFile, early, encoding::Encoding, files::WorkDir};

/// Writes a text file.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct TextWriter {
    /// Whether the text goes to the end of the file; otherwise the file is replaced as a whole. It cannot be given at
    /// a run: a node that appends is not repeated after a crash amid it.
    append: bool,
}

impl NodeType for TextWriter {
    fn spec() -> Spec {
        Spec::new("TextWriter", "data", "Writes a text to a file, or appends it.")
            .inputs([
                Input::required("file_path", Kind::Text, "The file to write."),
                Input::required("text", Kind::Text, "The text."),
                Input::with_default(
                    "encoding",
                    Kind::Text,
                    "utf-8",
                    "The text encoding: utf-8, utf-8-sig (with a byte order mark) or latin-1.",
                ),
            ])
            .outputs([
                Output::new("file_path", Kind::Text, "The path as it was given."),
                Output::new("bytes_written", Kind::Int, "How many bytes the text took in the file."),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if self.append {
            setup.effect = Effect::Effectful;
        }
        early::check(setup, "encoding", str::parse::<Encoding>)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, append) = (WorkDir::of(cx), self.append);
        Ok(Body::future(move |mut inputs: Inputs, cx: Context| {
            let dir = dir.clone();
            async move {
                let (file_path, text) = (inputs.text(0)?, inputs.text(1)?);
                let path = dir.checked(&file_path)?;
                let encoding: Encoding = inputs.text(2)?.parse()?;
                let bytes = cx.blocking(move || {
                    let content = encoding.encode(&text)?;
                    if append {
                        self::append(&path, &content, encoding)
                    } else {
                        replace(&path, &content, encoding)
                    }
                });
                let bytes = Value::from(bytes.await?);
                Ok(Outcome::Done([Some(file_path.into()), Some(bytes)].into_iter().collect::<Outputs>()))
            }
        }))
    }
}

fn replace(path: &Path, content: &[u8], encoding: Encoding) -> Result<u64> {
    let mut file = AtomicFile::create(path)?;
    let fail = |error| Error::io(path, error);
    file.write_all(encoding.prefix()).and_then(|()| file.write_all(content)).map_err(fail)?;
    let bytes = file.bytes();
    file.commit().map(|()| bytes)
}

fn append(path: &Path, content: &[u8], encoding: Encoding) -> Result<u64> {
    let fail = |error| Error::io(path, error);
    let mut file = OpenOptions::new().append(true).create(true).open(path).map_err(fail)?;
    let metadata = file.metadata().map_err(fail)?;
    let prefix = if metadata.len() == 0 { encoding.prefix() } else { b"" };
    // One write, so that writers of the same file don't mix within a text.
    let bytes = [prefix, content].concat();
    file.write_all(&bytes).map_err(fail)?;
    if metadata.is_file() {
        file.sync_data().map_err(fail)?;
    }
    Ok(bytes.len() as u64)
}

#[cfg(test)]
mod tests {
    use kailash_core::{Map, Registry, Services, testing::NodeTest, value};

    use super::*;

    fn node(dir: &Path) -> NodeTest {
        node_with(dir, false)
    }

    fn node_with(dir: &Path, append: bool) -> NodeTest {
        let services = Services::builder().with(WorkDir(dir.into())).unwrap().build();
        NodeTest::new::<TextWriter>(value!({"file_path": "t.txt", "append": append}), &services).unwrap()
    }

    #[tokio::test]
    async fn a_text_replaces_the_file_or_goes_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let content = || std::fs::read(dir.path().join("t.txt")).unwrap();
        let got = node(dir.path()).run(value!({"text": "é\n"})).await.unwrap();
        assert_eq!(Value::from(got), value!({"file_path": "t.txt", "bytes_written": 3}));
        node_with(dir.path(), true).run(value!({"text": "b"})).await.unwrap();
        assert_eq!(content(), "é\nb".as_bytes());
        node(dir.path()).run(value!({"text": "é", "encoding": "utf-8-sig"})).await.unwrap();
        assert_eq!(content(), "\u{feff}é".as_bytes());
        node(dir.path()).run(value!({"text": "é", "encoding": "latin-1"})).await.unwrap();
        assert_eq!(content(), b"\xe9");
    }

    #[test]
    fn only_a_writer_that_appends_is_effectful() {
        let mut registry = Registry::new();
        registry.register::<TextWriter>().unwrap();
        let effect = |append: bool| {
            let config = Map::from_iter([("append".into(), append.into())]);
            registry
                .get("TextWriter")
                .unwrap()
                .configure(&config, &registry, &kailash_core::validate::Nesting::default())
                .unwrap()
                .effect
        };
        assert_eq!((effect(false), effect(true)), (Effect::Idempotent, Effect::Effectful));
    }

    #[tokio::test]
    async fn a_text_that_the_encoding_lacks_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.txt"), "old").unwrap();
        let error = node(dir.path()).run(value!({"text": "€", "encoding": "latin-1"})).await.unwrap_err();
        assert_eq!(error.code(), "text.encoding");
        assert_eq!(std::fs::read(dir.path().join("t.txt")).unwrap(), b"old");
    }

    #[tokio::test]
    async fn a_missing_directory_is_an_error_with_a_hint() {
        let node = node("/no/such".as_ref());
        let error = node.run(value!({"text": "a"})).await.unwrap_err();
        assert_eq!(error.code(), "io.not_found");
        assert!(error.hint().is_some());
    }
}

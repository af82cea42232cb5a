//! `TextReader`: a text file to one text, or to a stream of its lines.

use std::path::Path;

use kailash_core::{
    Error, Kind, Result, Text, Value,
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Setup,
        Source, Spec,
    },
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::{
    early,
    encoding::{Encoding, without_bom},
    files::{self, DEFAULT_MAX_BYTES, WorkDir},
    lines::Lines,
    stream::{FileSource, Held, Rows},
};

/// Reads a text file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(in crate::data) struct TextReader {
    /// The size in bytes above which a file is refused unless its lines leave over a stream connection.
    max_bytes: u64,
}

impl Default for TextReader {
    fn default() -> Self {
        Self { max_bytes: DEFAULT_MAX_BYTES }
    }
}

const LINES_PORT: usize = 1;

impl NodeType for TextReader {
    fn spec() -> Spec {
        Spec::new("TextReader", "data", "Reads a text file.")
            .inputs([
                Input::required("file_path", Kind::Text, "The file to read."),
                Input::with_default(
                    "encoding",
                    Kind::Text,
                    "utf-8",
                    "The text encoding: utf-8, utf-8-sig or latin-1.",
                ),
            ])
            .outputs([
                Output::new("text", Kind::Text, "The whole text; not over stream connections."),
                Output::new(
                    "lines",
                    Kind::Text,
                    "The lines without their ends; only over stream connections.",
                )
                .streaming(),
            ])
            .effect(Effect::Idempotent)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        early::check(setup, "encoding", str::parse::<Encoding>)
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let (dir, max_bytes) = (WorkDir::of(cx), self.max_bytes);
        let source_dir = dir.clone();
        let whole = move |mut inputs: Inputs, cx: Context| {
            let dir = dir.clone();
            async move {
                let path = dir.checked(&inputs.text(0)?)?;
                let encoding = inputs.text(1)?.parse()?;
                let text = cx.blocking(move || read(&path, encoding, max_bytes)).await?;
                let mut outputs = Outputs::none(2);
                outputs.set(0, text);
                Ok(Outcome::Done(outputs))
            }
        };
        let source = move |mut inputs: Inputs, _: &Context| {
            let path = source_dir.checked(&inputs.text(0)?)?;
            let encoding = inputs.text(1)?.parse()?;
            let rows = Held::closed(move || {
                Ok(TextRows { lines: Lines::new(files::open(&path)?, &path), encoding })
            });
            Ok(Box::new(FileSource { rows, port: LINES_PORT }) as Box<dyn Source>)
        };
        Ok(Body::future(whole).with_source(source))
    }
}

fn read(path: &Path, encoding: Encoding, max_bytes: u64) -> Result<Text> {
    let content = files::read(path, max_bytes)?;
    let content = without_bom(&content);
    let text = encoding.decode(content).map_err(|valid| {
        let line = content[..valid].split(|byte| *byte == b'\n').count();
        not_text(format!("{} line {line}", path.display()))
    })?;
    Ok(Text::from(&*text))
}

fn not_text(place: String) -> Error {
    Error::invalid("text.utf8", "the line is not UTF-8")
        .at(place)
        .with_hint("set `encoding` to `latin-1`, or read bytes with FileReader")
}

struct TextRows {
    lines: Lines,
    encoding: Encoding,
}

impl Rows for TextRows {
    fn next_row(&mut self) -> Result<Option<Value>> {
        if !self.lines.advance()? {
            return Ok(None);
        }
        match self.encoding.decode(self.lines.line()) {
            Ok(text) => Ok(Some(Value::from(&*text))),
            Err(_) => Err(not_text(self.lines.place())),
        }
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes()
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    fn node(content: &[u8]) -> (tempfile::NamedTempFile, NodeTest) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let config = value!({"file_path": (file.path().to_str().unwrap())});
        (file, NodeTest::new::<TextReader>(config, &Services::default()).unwrap())
    }

    #[tokio::test]
    async fn the_whole_text_is_read_and_nothing_else_given() {
        let (_file, node) = node("a\r\nö\n".as_bytes());
        let got = node.run(value!({})).await.unwrap();
        assert_eq!(Value::from(got), value!({"text": "a\r\nö\n"}));
    }

    #[tokio::test]
    async fn a_stream_gives_the_lines() {
        let (_file, node) = node(b"a\r\n\ncaf\xe9");
        let got = node.stream(value!({"encoding": "latin-1"}), vec![]).await.unwrap();
        assert_eq!(got.items[LINES_PORT], [value!("a"), value!(""), value!("café")]);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_named_by_their_line() {
        let (_file, node) = node(b"a\nb\n\xff\n");
        for error in
            [node.run(value!({})).await.unwrap_err(), node.stream(value!({}), vec![]).await.unwrap_err()]
        {
            assert_eq!(error.code(), "text.utf8");
            assert!(error.place().unwrap().ends_with("line 3"), "{error}");
        }
    }
}

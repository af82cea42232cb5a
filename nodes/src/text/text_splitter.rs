//! Splits a text into chunks that overlap, for models and indices with a limited window.

use kailash_core::{
    Error, Kind, Map, Result, Value,
    node::{Body, BuildContext, Context, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::split::{Characters, Cut, chunks};

const SEPARATORS: [&str; 5] = ["\n\n", "\n", ". ", " ", ""];

/// Splits a text into chunks of at most a number of characters, at paragraphs, lines, sentences or words.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextSplitter {}

impl NodeType for TextSplitter {
    fn spec() -> Spec {
        let separators: Value = SEPARATORS.iter().map(|separator| Value::from(*separator)).collect();
        Spec::new("TextSplitter", "text", "Splits a text into chunks of limited length that may overlap.")
            .inputs([
                Input::required("text", Kind::Text, "The text to split."),
                Input::with_default("chunk_size", Kind::Int, 1000_i64, "the most characters of a chunk"),
                Input::with_default(
                    "chunk_overlap",
                    Kind::Int,
                    200_i64,
                    "the most characters that a chunk repeats of the one before it; less than chunk_size",
                ),
                Input::with_default(
                    "separators",
                    Kind::List,
                    separators,
                    "texts to cut behind, the best first; the empty text is between any two characters",
                ),
            ])
            .outputs([Output::new(
                "chunks",
                Kind::List,
                "Maps of `index`, `text`, and `start` and `end` in characters of the text.",
            )])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::compute(split))
    }
}

fn split(mut inputs: Inputs, _: &Context) -> Result<Outcome> {
    let text = inputs.text(0)?;
    let size = count(&inputs, 1, "chunk_size", 1000)?;
    let overlap = count(&inputs, 2, "chunk_overlap", 200)?;
    if size == 0 || overlap >= size {
        let message =
            format!("chunk_overlap is {overlap}, but must be less than chunk_size, which is {size}");
        return Err(Error::invalid("text.chunk_size", message));
    }
    let separators = inputs.list(3)?;
    let separators = separators.iter().map(|separator| {
        separator.as_str().ok_or_else(|| {
            Error::invalid("input.kind", format!("a separator must be text, not {}", separator.kind()))
        })
    });
    let separators = separators.collect::<Result<Vec<_>>>()?;
    let text = Characters::new(&text);
    let cut = chunks(&text, Cut { size, overlap, separators: &separators });
    let chunks: Value = cut
        .iter()
        .enumerate()
        .map(|(index, span)| {
            let mut chunk = Map::with_capacity(4);
            chunk.insert("index", index);
            chunk.insert("text", text.slice(span));
            chunk.insert("start", span.start);
            chunk.insert("end", span.end);
            Value::from(chunk)
        })
        .collect();
    Ok(Outputs::one(chunks).into())
}

fn count(inputs: &Inputs, index: usize, name: &str, default: usize) -> Result<usize> {
    match inputs.int(index)? {
        None => Ok(default),
        Some(n) => usize::try_from(n).map_err(|_| {
            Error::invalid("text.chunk_size", format!("{name} is {n}, but must not be negative"))
        }),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn run(config: Value) -> Result<Map> {
        NodeTest::new::<TextSplitter>(config, &Services::default())?.run(value!({})).await
    }

    #[tokio::test]
    async fn chunks_tell_where_they_are() {
        let config = value!({"text": "ä b. c d", "chunk_size": 5, "chunk_overlap": 0});
        let outputs = run(config).await.unwrap();
        let expected = value!([
            {"index": 0, "text": "ä b. ", "start": 0, "end": 5},
            {"index": 1, "text": "c d", "start": 5, "end": 8},
        ]);
        assert_eq!(outputs.get("chunks"), Some(&expected));
    }

    #[tokio::test]
    async fn an_overlap_as_long_as_a_chunk_is_refused() {
        let error = run(value!({"text": "a", "chunk_size": 5, "chunk_overlap": 5})).await.unwrap_err();
        assert_eq!(error.code(), "text.chunk_size");
    }
}

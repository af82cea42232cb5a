//! How a document says which input or output of an inner node is meant: `node.port`, or a map with both.

use kailash_core::{Text, workflow::Document};
use schemars::JsonSchema;
use serde::Deserialize;

/// An input of an inner node.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `node.parameter` or a map of `node` and `parameter`")]
pub(super) enum InputEnd {
    /// `node.parameter`.
    Short(String),
    /// Both names by themselves.
    Long(LongInput),
}

/// An input of an inner node, its names apart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LongInput {
    /// The id of the inner node.
    node: String,
    /// The name of its input.
    #[serde(alias = "input")]
    parameter: String,
}

/// One input of an inner node, or several that get the same value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected `node.parameter`, a map of `node` and `parameter`, or a list of them"
)]
pub(super) enum InputEnds {
    // It stands first, since a list of two could be read as the two fields of a map.
    /// Several.
    Several(Vec<InputEnd>),
    /// One.
    One(InputEnd),
}

/// An output of an inner node, perhaps with a dot path into it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected `node.output` or a map of `node` and `output`")]
pub(super) enum OutputEnd {
    /// `node.output` or `node.output.path`.
    Short(String),
    /// Both names by themselves.
    Long(LongOutput),
}

/// An output of an inner node, its names apart.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LongOutput {
    /// The id of the inner node.
    node: String,
    /// The name of its output, perhaps with a dot path into it.
    output: String,
}

/// A node and the name of one of its ports.
pub(super) type End = (Text, Text);

impl InputEnds {
    /// The inputs meant among the nodes of `document`.
    pub(super) fn ends(&self, document: &Document) -> Vec<End> {
        let end = |end: &InputEnd| match end {
            InputEnd::Short(text) => split(text, document),
            InputEnd::Long(long) => (Text::from(&long.node), Text::from(&long.parameter)),
        };
        match self {
            Self::One(one) => vec![end(one)],
            Self::Several(several) => several.iter().map(end).collect(),
        }
    }
}

impl OutputEnd {
    /// The output meant among the nodes of `document`.
    pub(super) fn end(&self, document: &Document) -> End {
        match self {
            Self::Short(text) => split(text, document),
            Self::Long(long) => (Text::from(&long.node), Text::from(&long.output)),
        }
    }
}

/// The node and port of `node.port`. An id may have dots: the first cut that leaves the id of a node is meant.
fn split(text: &str, document: &Document) -> End {
    let is_node = |id: &str| document.nodes.iter().any(|node| node.id == id);
    let cuts = text.match_indices('.').map(|(at, _)| (&text[..at], &text[at + 1..]));
    let meant = cuts.clone().find(|(id, _)| is_node(id)).or_else(|| cuts.clone().next());
    let (node, port) = meant.unwrap_or((text, ""));
    (node.into(), port.into())
}

#[cfg(test)]
mod tests {
    use kailash_core::{from_value, value, workflow::NodeDraft};

    use super::*;

    fn document() -> Document {
        let node = |id: &str| NodeDraft { id: id.into(), ..NodeDraft::default() };
        Document { nodes: vec![node("a"), node("b.c")], ..Document::default() }
    }

    #[test]
    fn an_end_is_text_or_a_map() {
        let ends =
            [value!("a.x"), value!({"node": "a", "parameter": "x"}), value!({"node": "a", "input": "x"})];
        for end in ends {
            let ends: InputEnds = from_value(&end).unwrap();
            assert_eq!(ends.ends(&document()), [("a".into(), "x".into())]);
        }
        let ends: InputEnds = from_value(&value!(["a.x", "b.c.y"])).unwrap();
        assert_eq!(ends.ends(&document())[1], ("b.c".into(), "y".into()));
    }

    #[test]
    fn an_output_may_have_a_path() {
        let end: OutputEnd = from_value(&value!("a.result.rows.0")).unwrap();
        assert_eq!(end.end(&document()), ("a".into(), "result.rows.0".into()));
    }

    #[test]
    fn another_form_is_refused_with_the_right_one() {
        let error = from_value::<OutputEnd>(&value!(3)).unwrap_err();
        assert!(error.message().contains("node.output"), "{error}");
    }
}

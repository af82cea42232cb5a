//! Where a place such as `nodes.read.config.file_path` stands in the text of a document.
//!
//! The text is scanned, not parsed: JSON by a small tolerant scanner, YAML by the events of its parser, both without
//! building a tree. Each search reads the text once up to the place; it is for messages, not for loops over data.

mod json;
mod walk;
#[cfg(feature = "yaml")]
mod yaml;

use serde::Serialize;

use super::Syntax;

/// A position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// Finds `place` in `text`: the key of a field, or the item of a list. Where the last of the place does not exist, the
/// longest part of it that does is found; a place of the form `line 2 column 5` is itself. Node ids and keys may contain
/// dots: the longest key that fits is taken. In YAML, what stands behind an alias is found at the alias.
///
/// `None` if `text` cannot be read that far, or has nothing of the place.
#[must_use]
pub fn locate(text: &str, syntax: Syntax, place: &str) -> Option<Position> {
    if let Some(position) = literal(place) {
        return Some(position);
    }
    match syntax {
        Syntax::Json => walk::find(json::Json::new(text), place).map(|spot| json::position(text, spot)),
        #[cfg(not(feature = "yaml"))]
        Syntax::Yaml => None,
        #[cfg(feature = "yaml")]
        Syntax::Yaml => walk::find(yaml::Yaml::new(&yaml::tokens(text)), place),
    }
}

/// The position that `line 2 column 5` is.
fn literal(place: &str) -> Option<Position> {
    let (line, column) = place.strip_prefix("line ")?.split_once(" column ")?;
    Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
}

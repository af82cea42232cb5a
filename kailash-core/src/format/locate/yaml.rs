//! The tokens of a YAML text, from the events of its parser.

use std::borrow::Cow;

use serde_saphyr::granit_parser::{Event, Parser};

use super::{
    Position,
    walk::{Token, Tokens},
};

/// A token with its scalar's text and where it stands.
pub(super) type Located<'t> = (Token, Cow<'t, str>, Position);

/// The tokens of `text`, as far as it can be parsed. An alias counts as a scalar.
pub(super) fn tokens(text: &str) -> Vec<Located<'_>> {
    let located = |event| {
        let (event, span) = event;
        let token = match event {
            Event::MappingStart(..) => (Token::Map, "".into()),
            Event::SequenceStart(..) => (Token::List, "".into()),
            Event::MappingEnd | Event::SequenceEnd => (Token::End, "".into()),
            Event::Scalar(text, ..) => (Token::Scalar, text),
            Event::Alias(_) | Event::UnresolvedAlias(_) => (Token::Scalar, "".into()),
            _ => return None,
        };
        let span: serde_saphyr::granit_parser::Span = span;
        let position = Position { line: span.start.line(), column: span.start.col() + 1 };
        Some((token.0, token.1, position))
    };
    Parser::new_from_str(text).map_while(Result::ok).filter_map(located).collect()
}

/// A cursor over such tokens.
#[derive(Clone)]
pub(super) struct Yaml<'t> {
    tokens: &'t [Located<'t>],
    scalar: &'t str,
}

impl<'t> Yaml<'t> {
    /// At the beginning of `tokens`.
    pub(super) fn new(tokens: &'t [Located<'t>]) -> Self {
        Self { tokens, scalar: "" }
    }
}

impl Tokens for Yaml<'_> {
    type Spot = Position;

    fn next(&mut self) -> Option<(Token, Position)> {
        let ((token, text, position), rest) = self.tokens.split_first()?;
        (self.tokens, self.scalar) = (rest, text);
        Some((*token, *position))
    }

    fn key(&self) -> Cow<'_, str> {
        self.scalar.into()
    }
}

//! The tokens of a JSON text, tolerant of what is wrong between them.

use std::borrow::Cow;

use super::{
    Position,
    walk::{Token, Tokens},
};

/// A cursor over a JSON text.
#[derive(Clone)]
pub(super) struct Json<'t> {
    text: &'t str,
    at: usize,
    scalar: &'t str,
}

impl<'t> Json<'t> {
    /// At the beginning of `text`.
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, scalar: "" }
    }

    /// The length of the scalar at the beginning of `bytes`.
    fn scalar_len(bytes: &[u8]) -> usize {
        if bytes.first() != Some(&b'"') {
            let end = bytes.iter().position(|byte| b",:{}[]\" \t\r\n".contains(byte));
            return end.unwrap_or(bytes.len());
        }
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            at += match byte {
                b'"' => return at + 1,
                b'\\' => 2,
                _ => 1,
            };
        }
        bytes.len()
    }
}

impl Tokens for Json<'_> {
    type Spot = usize;

    fn next(&mut self) -> Option<(Token, usize)> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at)?, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':') {
            self.at += 1;
        }
        let spot = self.at;
        let (token, len) = match bytes[spot] {
            b'{' => (Token::Map, 1),
            b'[' => (Token::List, 1),
            b'}' | b']' => (Token::End, 1),
            _ => {
                let len = Self::scalar_len(&bytes[spot..]);
                self.scalar = self.text.get(spot..spot + len).unwrap_or_default();
                (Token::Scalar, len)
            }
        };
        self.at += len;
        Some((token, spot))
    }

    fn key(&self) -> Cow<'_, str> {
        let inner = self.scalar.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match inner {
            Some(plain) if !plain.contains('\\') => plain.into(),
            _ => serde_json::from_str::<String>(self.scalar).unwrap_or_default().into(),
        }
    }
}

/// The line and column of byte `spot`.
pub(super) fn position(text: &str, spot: usize) -> Position {
    let before = text.get(..spot).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = 1 + before.bytes().filter(|byte| *byte == b'\n').count();
    Position { line, column: 1 + before[line_start..].chars().count() }
}

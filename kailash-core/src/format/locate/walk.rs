//! The walk down a place, over the tokens of any syntax.

use std::borrow::Cow;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A map begins.
    Map,
    /// A list begins.
    List,
    /// A map or list ends.
    End,
    /// A key, or a value that is neither map nor list.
    Scalar,
}

/// A cursor over the tokens of a text. A map is its begin, keys and values by turns, and its end.
pub(super) trait Tokens: Clone {
    /// Where a token stands.
    type Spot: Copy;

    /// The next token and where it stands.
    fn next(&mut self) -> Option<(Token, Self::Spot)>;

    /// The text of the scalar given last, as a key.
    fn key(&self) -> Cow<'_, str>;
}

/// Other names that a field has in other dialects.
const ALIASES: [(&str, &str); 2] = [("type", "node_type"), ("config", "parameters")];

/// Where `place` stands, or the longest part of it that does.
pub(super) fn find<T: Tokens>(mut tokens: T, place: &str) -> Option<T::Spot> {
    let mut rest = place;
    let mut found = None;
    while !rest.is_empty() {
        let step = match tokens.next()?.0 {
            Token::Map => member(&mut tokens, rest.strip_prefix('.').unwrap_or(rest)),
            Token::List => item(&mut tokens, rest),
            Token::Scalar | Token::End => None,
        };
        let Some((spot, cursor, left)) = step else { break };
        (found, tokens, rest) = (Some(spot), cursor, left);
    }
    found
}

type Step<'p, T> = Option<(<T as Tokens>::Spot, T, &'p str)>;

/// The member of a map whose key is the longest that `rest` begins with.
fn member<'p, T: Tokens>(tokens: &mut T, rest: &'p str) -> Step<'p, T> {
    let mut best: Step<'p, T> = None;
    let mut alias: Step<'p, T> = None;
    while let Some((token, spot)) = tokens.next() {
        match token {
            Token::End => break,
            Token::Scalar => {
                let key = tokens.key();
                if let Some(left) = after(rest, &key)
                    && best.as_ref().is_none_or(|(_, _, shorter)| left.len() < shorter.len())
                {
                    best = Some((spot, tokens.clone(), left));
                } else if let Some((name, _)) = ALIASES.iter().find(|(_, alias)| *alias == key)
                    && let Some(left) = after(rest, name)
                {
                    alias = Some((spot, tokens.clone(), left));
                }
            }
            Token::Map | Token::List => skip(tokens, token),
        }
        let Some((value, _)) = tokens.next() else { break };
        skip(tokens, value);
    }
    best.or(alias)
}

/// What is left of `rest` behind `key`.
fn after<'p>(rest: &'p str, key: &str) -> Option<&'p str> {
    let left = rest.strip_prefix(key)?;
    (left.is_empty() || left.starts_with(['.', '['])).then_some(left)
}

/// The item of a list that `rest` begins with, as `[2]` or `.2`.
fn item<'p, T: Tokens>(tokens: &mut T, rest: &'p str) -> Step<'p, T> {
    let (index, left) = match rest.strip_prefix('[') {
        Some(inner) => inner.split_once(']')?,
        None => {
            let inner = rest.strip_prefix('.')?;
            inner.split_at(inner.find(['.', '[']).unwrap_or(inner.len()))
        }
    };
    for _ in 0..index.parse::<usize>().ok()? {
        let (token, _) = tokens.next()?;
        if token == Token::End {
            return None;
        }
        skip(tokens, token);
    }
    let cursor = tokens.clone();
    match tokens.next()? {
        (Token::End, _) => None,
        (_, spot) => Some((spot, cursor, left)),
    }
}

/// Moves behind the value that `first` begins.
fn skip<T: Tokens>(tokens: &mut T, first: Token) {
    let mut depth = usize::from(matches!(first, Token::Map | Token::List));
    while depth > 0 {
        match tokens.next() {
            Some((Token::Map | Token::List, _)) => depth += 1,
            Some((Token::End, _)) => depth -= 1,
            Some((Token::Scalar, _)) => {}
            None => return,
        }
    }
}

//! What a statement does, by its words.

use std::ops::Range;

use kailash_core::{Error, Result};

use super::tokens::Token;

/// Refuses what one node cannot carry out as one thing.
pub(super) fn check_single(text: &str, tokens: &[(Token, Range<usize>)]) -> Result<()> {
    let words = || words(text, tokens);
    let Some((first, _)) = tokens.iter().find(|(token, _)| *token != Token::Semicolon) else {
        return Err(Error::invalid("sql.empty", "the query is empty").at("query"));
    };
    let begins =
        |word: &str| *first == Token::Word && words().next().is_some_and(|w| w.eq_ignore_ascii_case(word));
    let control = ["begin", "start", "commit", "end", "rollback", "abort", "savepoint", "release"];
    if control.into_iter().any(begins) {
        return Err(Error::invalid("sql.transaction", "a query cannot begin or end a transaction")
            .at("query")
            .with_hint("each query is a transaction by itself; SQLBulkUpsert writes many rows in one"));
    }
    // The body of a trigger or function has statements of its own, between BEGIN and END.
    let creates = begins("create");
    let (mut depth, mut ended) = (0_usize, false);
    for (token, at) in tokens {
        match token {
            Token::Semicolon => ended |= depth == 0 && at.start > 0,
            _ if ended => {
                return Err(Error::invalid("sql.statements", "the query has more than one statement")
                    .at("query")
                    .with_hint("give each statement a node of its own"));
            }
            Token::Word if creates => match text[at.clone()].to_ascii_lowercase().as_str() {
                "begin" | "case" => depth += 1,
                "end" => depth = depth.saturating_sub(1),
                _ => {}
            },
            _ => {}
        }
    }
    Ok(())
}

/// The bare words of `text`.
pub(super) fn words<'a>(text: &'a str, tokens: &'a [(Token, Range<usize>)]) -> impl Iterator<Item = &'a str> {
    tokens.iter().filter(|(token, _)| *token == Token::Word).map(move |(_, at)| &text[at.clone()])
}

/// Whether `word` begins what inserts, changes or deletes rows wherever it stands.
pub(super) fn is_verb(word: &str) -> bool {
    ["insert", "update", "delete", "merge"].iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

/// Whether the main verb is one that inserts, changes or deletes rows.
pub(super) fn changes_rows(text: &str, tokens: &[(Token, Range<usize>)]) -> bool {
    let mut depth = 0_usize;
    for (token, at) in tokens {
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Word if depth == 0 => match text[at.clone()].to_ascii_lowercase().as_str() {
                "insert" | "update" | "delete" | "replace" | "merge" => return true,
                "with" | "recursive" => {}
                "select" | "values" | "create" | "drop" | "alter" | "explain" | "pragma" | "show"
                | "table" => {
                    return false;
                }
                _ => {}
            },
            _ => {}
        }
    }
    false
}

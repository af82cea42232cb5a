//! Finds what may stand for a parameter in a text of SQL, and nothing inside of strings, comments and quoted names.

use std::ops::Range;

/// A database's way of writing SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// How many parameters one statement may have.
    pub(super) fn most_parameters(self) -> usize {
        match self {
            Self::Sqlite => 32_766,
            Self::Postgres => 65_535,
        }
    }
}

/// A part of a statement that somebody may have to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare word: a keyword or a name.
    Word,
    /// `?`
    Question,
    /// `$1` or `?1`
    Numbered(usize),
    /// `:name`; the name starts after the colon.
    Named,
    /// `;`
    Semicolon,
    /// `(`
    Open,
    /// `)`
    Close,
    /// Anything else that is no white space and no comment.
    Other,
}

/// The tokens of `sql` with their places in bytes.
pub(super) fn scan(sql: &str, dialect: Dialect) -> Vec<(Token, Range<usize>)> {
    let mut scanner = Scanner { sql: sql.as_bytes(), at: 0, dialect, glued: false };
    let mut tokens = Vec::new();
    while scanner.at < sql.len() {
        let start = scanner.at;
        if let Some(token) = scanner.token() {
            tokens.push((token, start..scanner.at));
        }
    }
    tokens
}

struct Scanner<'a> {
    sql: &'a [u8],
    at: usize,
    dialect: Dialect,
    /// Whether a value or a name ends right here, so that a colon is that of a slice: `a[1:n]`.
    glued: bool,
}

impl Scanner<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.sql.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Option<Token> {
        let glued = std::mem::replace(&mut self.glued, false);
        let first = self.peek(0);
        match (first, self.peek(1)) {
            (b'-', b'-') => self.skip_line(),
            (b'/', b'*') => self.skip_comment(),
            _ if first.is_ascii_whitespace() => self.at += 1,
            _ => return Some(self.visible(first, glued)),
        }
        None
    }

    fn visible(&mut self, first: u8, glued: bool) -> Token {
        let postgres = self.dialect == Dialect::Postgres;
        self.glued = true;
        match first {
            b'\'' => self.quoted(b'\'', false),
            b'"' => self.quoted(b'"', false),
            b'`' if !postgres => self.quoted(b'`', false),
            b'[' if !postgres => self.quoted(b']', false),
            b'e' | b'E' if postgres && self.peek(1) == b'\'' => {
                self.at += 1;
                self.quoted(b'\'', true)
            }
            b'$' if postgres && !glued && self.dollar_quoted() => Token::Other,
            b'$' | b'?' if self.peek(1).is_ascii_digit() => {
                self.at += 1;
                Token::Numbered(self.number())
            }
            b'?' => self.single(Token::Question),
            b':' if self.peek(1) == b':' => {
                self.at += 2;
                self.glued = false;
                Token::Other
            }
            b':' if !glued && begins_word(self.peek(1)) => {
                self.at += 1;
                self.word();
                Token::Named
            }
            b';' => self.loose(Token::Semicolon),
            b'(' => self.loose(Token::Open),
            b')' => self.single(Token::Close),
            b']' => self.single(Token::Other),
            _ if begins_word(first) || first.is_ascii_digit() => {
                self.word();
                Token::Word
            }
            _ => self.loose(Token::Other),
        }
    }

    fn single(&mut self, token: Token) -> Token {
        self.at += 1;
        token
    }

    fn loose(&mut self, token: Token) -> Token {
        self.glued = false;
        self.single(token)
    }

    fn word(&mut self) {
        while continues_word(self.peek(0)) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> usize {
        let mut number = 0_usize;
        while self.peek(0).is_ascii_digit() {
            number = number.saturating_mul(10).saturating_add(usize::from(self.peek(0) - b'0'));
            self.at += 1;
        }
        number
    }

    /// Something between quotes; a doubled quote is part of it.
    fn quoted(&mut self, end: u8, backslashes: bool) -> Token {
        self.at += 1;
        while self.at < self.sql.len() {
            let byte = self.peek(0);
            self.at += 1;
            if backslashes && byte == b'\\' {
                self.at += 1;
            } else if byte == end {
                if self.peek(0) != end {
                    break;
                }
                self.at += 1;
            }
        }
        self.at = self.at.min(self.sql.len());
        Token::Other
    }

    /// A string between `$tag$` and `$tag$`, if one begins here.
    fn dollar_quoted(&mut self) -> bool {
        let rest = &self.sql[self.at..];
        let tag = 1 + rest[1..].iter().take_while(|byte| continues_word(**byte) && **byte != b'$').count();
        if rest.get(tag) != Some(&b'$') || rest[1].is_ascii_digit() {
            return false;
        }
        let (mark, body) = rest.split_at(tag + 1);
        let length = body.windows(mark.len()).position(|window| window == mark);
        self.at += mark.len() + length.map_or(body.len(), |length| length + mark.len());
        true
    }

    fn skip_line(&mut self) {
        while self.at < self.sql.len() && self.peek(0) != b'\n' {
            self.at += 1;
        }
    }

    /// A comment; those of PostgreSQL stand in each other.
    fn skip_comment(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.sql.len() {
            match (self.peek(0), self.peek(1)) {
                (b'/', b'*') if depth == 0 || self.dialect == Dialect::Postgres => depth += 1,
                (b'*', b'/') => depth -= 1,
                _ => {
                    self.at += 1;
                    continue;
                }
            }
            self.at += 2;
            if depth == 0 {
                break;
            }
        }
        self.at = self.at.min(self.sql.len());
    }
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The placeholders of `sql` as they stand there.
    fn found(sql: &str, dialect: Dialect) -> Vec<&str> {
        let is_placeholder =
            |token: &Token| matches!(token, Token::Question | Token::Numbered(_) | Token::Named);
        scan(sql, dialect)
            .into_iter()
            .filter(|(token, _)| is_placeholder(token))
            .map(|(_, at)| &sql[at])
            .collect()
    }

    #[test]
    fn placeholders_are_found_in_every_style() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let sql = "select ?, $2, ?3, :name, (:a_1),:b from t where x=:c";
            assert_eq!(found(sql, dialect), ["?", "$2", "?3", ":name", ":a_1", ":b", ":c"]);
        }
    }

    #[test]
    fn nothing_is_found_in_strings_comments_and_quoted_names() {
        let both = [
            "select '? :a $1', 'it''s ?', \"a ? \"\" :b\"",
            "select 1 -- ? :a $1\n, 2",
            "select /* ? :a '*/ 1",
            "select 'open ? :a",
            "select /* open ? :a",
        ];
        for sql in both {
            assert!(found(sql, Dialect::Sqlite).is_empty(), "{sql}");
            assert!(found(sql, Dialect::Postgres).is_empty(), "{sql}");
        }
        for sql in [
            "select $$ ? :a $1 $$, $f$ ? $$ :b $f$",
            "select E'it\\'s ? :a'",
            "select /* /* ? */ :a */ 1",
            "select a::int, b[1:n], c[2:3], foo$1",
        ] {
            assert!(found(sql, Dialect::Postgres).is_empty(), "{sql}");
        }
        for sql in ["select `? :a`", "select [? :a]"] {
            assert!(found(sql, Dialect::Sqlite).is_empty(), "{sql}");
        }
    }

    #[test]
    fn what_follows_a_string_is_found() {
        assert_eq!(found("select '\\', ?", Dialect::Postgres), ["?"]);
        assert_eq!(found("select e'\\'', ?", Dialect::Postgres), ["?"]);
        assert_eq!(found("select /* /* */ ? */ 1", Dialect::Sqlite), ["?"]);
        assert_eq!(found("select a[:n], x::int, $1::date", Dialect::Postgres), [":n", "$1"]);
        assert_eq!(found("select $a, $1", Dialect::Postgres), ["$1"]);
    }

    proptest! {
        #[test]
        fn any_text_is_scanned_to_its_end(sql in "[ -~\n'\"$?:/*é]{0,60}") {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                let mut end = 0;
                for (_, at) in scan(&sql, dialect) {
                    prop_assert!(at.start >= end && at.end > at.start && at.end <= sql.len());
                    prop_assert!(sql.is_char_boundary(at.start) && sql.is_char_boundary(at.end));
                    end = at.end;
                }
            }
        }
    }
}

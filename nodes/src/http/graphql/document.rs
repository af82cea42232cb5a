//! The operations of a GraphQL document (GraphQL, October 2021, 2.3): as much of it as it takes to know what they do.

use kailash_core::{Error, Result};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// It reads.
    Query,
    /// It changes something.
    Mutation,
    /// It listens, which takes more than one answer.
    Subscription,
}

/// One operation of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Operation<'d> {
    /// What it does.
    pub(super) does: Does,
    /// Its name, if it has one.
    pub(super) name: Option<&'d str>,
}

/// The operations of a document.
///
/// # Errors
/// Kind `Invalid`, code `graphql.query`, for text without an operation or with brackets and texts that are never
/// closed.
pub(super) fn operations(text: &str) -> Result<Vec<Operation<'_>>> {
    let mut tokens = Tokens(text);
    let mut found = Vec::new();
    let mut depth = 0_u32;
    // Whether a definition has begun, and whether its name may come next.
    let (mut within, mut named_next) = (false, false);
    while let Some(token) = tokens.next()? {
        let may_be_name = std::mem::take(&mut named_next);
        match token {
            Token::Name(word) if depth == 0 && !within => {
                within = true;
                let does = match word {
                    "query" => Does::Query,
                    "mutation" => Does::Mutation,
                    "subscription" => Does::Subscription,
                    "fragment" => continue,
                    other => return Err(wrong(format!("`{other}` begins no operation and no fragment"))),
                };
                found.push(Operation { does, name: None });
                named_next = true;
            }
            Token::Name(word) if may_be_name => {
                if let Some(operation) = found.last_mut() {
                    operation.name = Some(word);
                }
            }
            Token::Sign('{') if depth == 0 && !within => {
                within = true;
                depth = 1;
                found.push(Operation { does: Does::Query, name: None });
            }
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign(sign @ ('}' | ')' | ']')) => {
                depth = depth.checked_sub(1).ok_or_else(|| wrong(format!("`{sign}` closes nothing")))?;
                within = depth > 0 || sign != '}';
            }
            Token::Sign(sign) if !within => return Err(wrong(format!("`{sign}` begins no operation"))),
            Token::Name(_) | Token::Sign(_) | Token::Text => {}
        }
    }
    if within || depth > 0 {
        return Err(wrong("the text ends in the middle of an operation".to_owned()));
    }
    if found.is_empty() {
        return Err(wrong("the text has no operation".to_owned()));
    }
    Ok(found)
}

/// The operation called `name`, or the only one.
///
/// # Errors
/// Kind `Invalid`, code `graphql.operation`.
pub(super) fn chosen<'d>(operations: &[Operation<'d>], name: Option<&str>) -> Result<Operation<'d>> {
    let wrong = |message: String| Err(Error::invalid("graphql.operation", message).at("operation_name"));
    match (name, operations) {
        (None, [only]) => Ok(*only),
        (None, _) => wrong("the query has several operations and none is named".to_owned()),
        (Some(name), _) => match operations.iter().find(|operation| operation.name == Some(name)) {
            Some(operation) => Ok(*operation),
            None => wrong(format!("the query has no operation `{name}`")),
        },
    }
}

fn wrong(message: String) -> Error {
    Error::invalid("graphql.query", message).at("query")
}

#[derive(Debug)]
enum Token<'d> {
    Name(&'d str),
    Text,
    Sign(char),
}

/// The text that is left.
struct Tokens<'d>(&'d str);

impl<'d> Tokens<'d> {
    fn next(&mut self) -> Result<Option<Token<'d>>> {
        loop {
            self.0 = self
                .0
                .trim_start_matches(|sign: char| sign.is_whitespace() || matches!(sign, ',' | '\u{feff}'));
            match self.0.strip_prefix('#') {
                Some(comment) => self.0 = comment.find(['\n', '\r']).map_or("", |end| &comment[end..]),
                None => break,
            }
        }
        let Some(first) = self.0.chars().next() else { return Ok(None) };
        if first == '"' {
            self.skip_text()?;
            return Ok(Some(Token::Text));
        }
        let is_part = |sign: char| sign.is_ascii_alphanumeric() || sign == '_';
        let length = if is_part(first) {
            self.0.find(|sign| !is_part(sign)).unwrap_or(self.0.len())
        } else {
            first.len_utf8()
        };
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        Ok(Some(if is_part(first) { Token::Name(token) } else { Token::Sign(first) }))
    }

    fn skip_text(&mut self) -> Result<()> {
        let open = || wrong("a text is never closed".to_owned());
        if let Some(mut block) = self.0.strip_prefix("\"\"\"") {
            loop {
                let end = block.find("\"\"\"").ok_or_else(open)?;
                let is_escaped = block[..end].ends_with('\\');
                block = &block[end + 3..];
                if !is_escaped {
                    self.0 = block;
                    return Ok(());
                }
            }
        }
        let mut signs = self.0.char_indices().skip(1);
        while let Some((at, sign)) = signs.next() {
            match sign {
                '"' => {
                    self.0 = &self.0[at + 1..];
                    return Ok(());
                }
                '\\' => drop(signs.next()),
                '\n' | '\r' => break,
                _ => {}
            }
        }
        Err(open())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Does, Option<&str>)> {
        operations(text).unwrap().into_iter().map(|operation| (operation.does, operation.name)).collect()
    }

    #[test]
    fn operations_are_told_apart() {
        assert_eq!(found("{ a }"), [(Does::Query, None)]);
        assert_eq!(found("query { mutation }"), [(Does::Query, None)]);
        assert_eq!(
            found("mutation M($a: In = {x: [1, \"}\"]}) @d(if: {y: 1}) { a(b: $a) { c } }"),
            [(Does::Mutation, Some("M"))]
        );
        assert_eq!(found("subscription @d { a }"), [(Does::Subscription, None)]);
        let many = "# mutation { a }\nfragment F on T { b } query Q @mutation { ...F } fragment G on mutation { c } mutation N { d }";
        assert_eq!(found(many), [(Does::Query, Some("Q")), (Does::Mutation, Some("N"))]);
    }

    #[test]
    fn texts_and_comments_hide_what_is_in_them() {
        assert_eq!(
            found("query A { a(b: \"} mutation M { \\\" \") } # mutation"),
            [(Does::Query, Some("A"))]
        );
        assert_eq!(found("{ a(b: \"\"\"} \" \\\"\"\" mutation M {\"\"\") }"), [(Does::Query, None)]);
        assert_eq!(found("\u{feff},{ a # }\n }"), [(Does::Query, None)]);
        assert_eq!(found("# x\r\nmutation\n#y\nM{a}"), [(Does::Mutation, Some("M"))]);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [
            "",
            "  # only\n",
            "fragment F on T { a }",
            "type T { a: Int }",
            "{ a",
            "query Q",
            "{ a } }",
            "(a)",
            "{ a(b: \"x) }",
            "{ a(b: \"\"\"x) }",
            "\"x\" @",
            "query { a } )",
        ] {
            assert_eq!(operations(text).unwrap_err().code(), "graphql.query", "{text}");
        }
    }

    #[test]
    fn one_of_several_operations_is_chosen_by_name() {
        let several = operations("query A { a } mutation B { b }").unwrap();
        assert_eq!(chosen(&several, Some("B")).unwrap().does, Does::Mutation);
        for name in [None, Some("C")] {
            assert_eq!(chosen(&several, name).unwrap_err().code(), "graphql.operation");
        }
        assert_eq!(chosen(&several[..1], None).unwrap().name, Some("A"));
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_hang_or_panic(text in "[{}()\\[\\]\"\\\\#@$ a\nquerymtaionf,é]{0,40}") {
            drop(operations(&text));
        }
    }
}

//! A query with its parameters: checked, taken apart at its placeholders, and put together as a database wants it.

use std::{fmt::Write, ops::Range};

use kailash_core::{Error, Result, Text, Value};

use super::{
    session,
    tokens::{Dialect, Token, scan},
    verbs::{changes_rows, check_single, is_verb, words},
};

/// One statement and the values of its placeholders.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// The text as it was given.
    text: Text,
    /// Its placeholders in order: where they stand, and which parameter they stand for.
    slots: Vec<(Range<usize>, usize)>,
    /// The values by parameter.
    pub(super) values: Vec<Value>,
    /// Whether it says how many rows it changed.
    pub(super) changes_rows: bool,
    /// Whether some part of it inserts, changes or deletes rows.
    pub(super) may_change: bool,
    /// Whether it may leave something behind in its session.
    pub(super) changes_session: bool,
    /// Whether it was made for many rows, and will hardly be run again.
    pub(super) is_bulk: bool,
}

impl Statement {
    /// Reads `text` with `parameters`: a list for `?` and `$1`, a map for `:name`, or null.
    ///
    /// # Errors
    /// Kind `Invalid`: `sql.parameters` where placeholders and parameters do not fit each other, `sql.statements` for more
    /// than one statement, `sql.transaction`, `sql.empty`.
    pub(super) fn new(text: Text, parameters: Value, dialect: Dialect) -> Result<Self> {
        let tokens = scan(&text, dialect);
        check_single(&text, &tokens)?;
        let changes_rows = changes_rows(&text, &tokens);
        let may_change = changes_rows || words(&text, &tokens).any(is_verb);
        let changes_session = session::changes(&text, &tokens, dialect);
        let (slots, values) = match parameters {
            Value::Map(map) => named(&text, &tokens, &map, dialect)?,
            Value::Null => (positional(&tokens, 0, dialect)?, Vec::new()),
            Value::List(list) => (positional(&tokens, list.len(), dialect)?, list.to_vec()),
            other => return Err(wrong(format!("parameters are a list or a map, not {}", other.kind()))),
        };
        if values.len() > dialect.most_parameters() {
            let message = format!("{} parameters, {} at most", values.len(), dialect.most_parameters());
            return Err(wrong(message));
        }
        Ok(Self { text, slots, values, changes_rows, may_change, changes_session, is_bulk: false })
    }

    /// A statement that changes many rows, made by a node: `text` already has the placeholders of its database.
    pub(super) fn bulk(text: Text, values: Vec<Value>) -> Self {
        Self {
            text,
            slots: Vec::new(),
            values,
            changes_rows: true,
            may_change: true,
            changes_session: false,
            is_bulk: true,
        }
    }

    /// The text with `write` in place of every placeholder.
    pub(super) fn render(&self, write: impl Fn(usize, &mut String)) -> Rendered {
        let mut rendered = Rendered { sql: String::with_capacity(self.text.len() + 16), marks: Vec::new() };
        let mut from = 0;
        for (at, parameter) in &self.slots {
            rendered.push(&self.text, from..at.start);
            write(*parameter, &mut rendered.sql);
            from = at.end;
        }
        rendered.push(&self.text, from..self.text.len());
        rendered
    }

    /// Line and column of byte `offset` of the text as it was given.
    pub(super) fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("query line {line} column {column}")
    }

    /// Where `part` stands, if that is said by its being there once.
    pub(super) fn find(&self, part: &str) -> Option<String> {
        let mut found = self.text.match_indices(part);
        match (found.next(), found.next()) {
            (Some((offset, _)), None) => Some(self.place(offset)),
            _ => None,
        }
    }
}

/// A text for a database, and how to find the way back to the text that was given.
pub(super) struct Rendered {
    /// The text for the database.
    pub(super) sql: String,
    /// Starts of what was copied: in `sql`, and in the text that was given.
    marks: Vec<(usize, usize)>,
}

impl Rendered {
    fn push(&mut self, text: &str, part: Range<usize>) {
        self.marks.push((self.sql.len(), part.start));
        self.sql.push_str(&text[part]);
    }

    /// The byte of the text that was given which stands at character `position`, counted from 1, of the database's text.
    pub(super) fn original(&self, position: usize) -> usize {
        let mut chars = self.sql.char_indices();
        let byte = chars.nth(position.saturating_sub(1)).map_or(self.sql.len(), |(byte, _)| byte);
        let mark = self.marks.partition_point(|(start, _)| *start <= byte).saturating_sub(1);
        let next = self.marks.get(mark + 1).map_or(usize::MAX, |(_, original)| *original);
        self.marks.get(mark).map_or(0, |(start, original)| (original + byte - start).min(next))
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("sql.parameters", message).at("parameters")
}

type Slots = Vec<(Range<usize>, usize)>;

fn positional(tokens: &[(Token, Range<usize>)], given: usize, dialect: Dialect) -> Result<Slots> {
    let numbered: Slots = tokens
        .iter()
        .filter_map(|(token, at)| match token {
            Token::Numbered(number) => Some((at.clone(), number.wrapping_sub(1))),
            _ => None,
        })
        .collect();
    let questions = tokens.iter().filter(|(token, _)| *token == Token::Question).map(|(_, at)| at.clone());
    let questions: Slots = questions.enumerate().map(|(index, at)| (at, index)).collect();
    if dialect == Dialect::Sqlite {
        if !numbered.is_empty() && !questions.is_empty() {
            return Err(wrong("`?` and numbered placeholders cannot stand in one query"));
        }
        if tokens.iter().any(|(token, _)| *token == Token::Named) {
            return Err(wrong("placeholders like `:name` want their parameters as a map"));
        }
    }
    // In PostgreSQL `?` is also an operator of JSONB: beside `$1` and without parameters it stays what it is.
    let slots = match dialect {
        _ if !numbered.is_empty() => numbered,
        Dialect::Postgres if given == 0 => Vec::new(),
        _ => questions,
    };
    let wanted = slots.iter().map(|(_, index)| index.wrapping_add(1)).max().unwrap_or(0);
    if slots.iter().any(|(_, index)| *index == usize::MAX) {
        return Err(wrong("placeholders are counted from 1"));
    }
    if wanted != given {
        return Err(wrong(format!("the query has places for {wanted} parameters, given are {given}"))
            .with_hint("one parameter for each `?`, or `$1` to the highest number"));
    }
    Ok(slots)
}

fn named(
    text: &str,
    tokens: &[(Token, Range<usize>)],
    given: &kailash_core::Map,
    dialect: Dialect,
) -> Result<(Slots, Vec<Value>)> {
    // In PostgreSQL `?` stays the operator that it is.
    let mixes = |token: &Token| match token {
        Token::Numbered(_) => true,
        Token::Question => dialect == Dialect::Sqlite,
        _ => false,
    };
    if tokens.iter().any(|(token, _)| mixes(token)) {
        return Err(wrong("parameters are given by name, and the query has places like `?` or `$1`")
            .with_hint("write every place as `:name`, or give the parameters as a list"));
    }
    let (mut slots, mut names, mut values) = (Vec::new(), Vec::<&str>::new(), Vec::new());
    for (_, at) in tokens.iter().filter(|(token, _)| *token == Token::Named) {
        let name = &text[at.start + 1..at.end];
        let index = match names.iter().position(|known| *known == name) {
            Some(index) => index,
            None => {
                let value = given
                    .get(name)
                    .or_else(|| given.get(&text[at.clone()]))
                    .ok_or_else(|| wrong(format!("there is no parameter for `:{name}`")))?;
                names.push(name);
                values.push(value.clone());
                names.len() - 1
            }
        };
        slots.push((at.clone(), index));
    }
    if slots.is_empty() && !given.is_empty() {
        return Err(wrong("parameters are given by name, and the query has no place like `:name`"));
    }
    Ok((slots, values))
}

/// Writes `$n` for parameter `index`.
pub(super) fn dollar(index: usize, sql: &mut String) {
    write(sql, format_args!("${}", index + 1));
}

/// Writes `?n` for parameter `index`.
pub(super) fn question(index: usize, sql: &mut String) {
    write(sql, format_args!("?{}", index + 1));
}

/// Writes to a text, which cannot fail.
pub(super) fn write(sql: &mut String, what: std::fmt::Arguments<'_>) {
    let written = sql.write_fmt(what);
    debug_assert!(written.is_ok(), "a string takes everything");
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn read(sql: &str, parameters: Value, dialect: Dialect) -> Result<String> {
        let statement = Statement::new(sql.into(), parameters, dialect)?;
        Ok(match dialect {
            Dialect::Sqlite => statement.render(question).sql,
            Dialect::Postgres => statement.render(dollar).sql,
        })
    }

    #[test]
    fn placeholders_become_those_of_the_database() {
        let both = |sql: &str, parameters: Value| {
            (
                read(sql, parameters.clone(), Dialect::Sqlite).unwrap(),
                read(sql, parameters, Dialect::Postgres).unwrap(),
            )
        };
        let (lite, server) = both("select ?, '?', ?", value!([1, 2]));
        assert_eq!((lite.as_str(), server.as_str()), ("select ?1, '?', ?2", "select $1, '?', $2"));
        let (lite, server) = both("select $2, $1", value!([1, 2]));
        assert_eq!((lite.as_str(), server.as_str()), ("select ?2, ?1", "select $2, $1"));
        let (lite, server) = both("select :a, ':b', :c, :a", value!({"c": 1, "a": 2, "more": 3}));
        assert_eq!((lite.as_str(), server.as_str()), ("select ?1, ':b', ?2, ?1", "select $1, ':b', $2, $1"));
    }

    #[test]
    fn operators_with_a_question_mark_stay_in_postgres() {
        assert_eq!(read("select d ? 'a'", Value::Null, Dialect::Postgres).unwrap(), "select d ? 'a'");
        assert_eq!(read("select d ? $1", value!([1]), Dialect::Postgres).unwrap(), "select d ? $1");
    }

    #[test]
    fn parameters_that_do_not_fit_are_refused() {
        for (sql, parameters) in [
            ("select ?", value!([])),
            ("select ?", value!([1, 2])),
            ("select $3", value!([1, 2])),
            ("select $0", value!([])),
            ("select :a", value!({"b": 1})),
            ("select 1", value!({"b": 1})),
            ("select 1", value!([1])),
            ("select ?", value!("text")),
            ("select :a, $1", value!({"a": 1})),
            ("select :a, $0", value!({"a": 1})),
            ("select $0", value!({})),
            ("select $0", Value::Null),
            ("select $0, $1", value!([1])),
        ] {
            for dialect in [Dialect::Sqlite, Dialect::Postgres] {
                if sql == "select ?" && parameters == value!([]) && dialect == Dialect::Postgres {
                    continue; // the server says so itself
                }
                let error = read(sql, parameters.clone(), dialect).unwrap_err();
                assert_eq!(error.code(), "sql.parameters", "{sql} {parameters:?}");
            }
        }
        assert!(read("select :a", value!([1]), Dialect::Sqlite).is_err());
        assert!(read("select ?, $1", value!([1]), Dialect::Sqlite).is_err());
        for sql in ["select :a, ?", "select ?", "select :a, ?1"] {
            let error = read(sql, value!({"a": 1}), Dialect::Sqlite).unwrap_err();
            assert_eq!(error.code(), "sql.parameters", "{sql}");
        }
        let operator = read("select d ? :a", value!({"a": 1}), Dialect::Postgres);
        assert_eq!(operator.unwrap(), "select d ? $1");
    }

    #[test]
    fn one_query_is_one_statement_outside_of_transactions() {
        let code = |sql| read(sql, Value::Null, Dialect::Sqlite).err().map(|error| error.code().to_owned());
        assert_eq!(code("select 1; -- done\n ;"), None);
        assert_eq!(code("select 1; drop table t").as_deref(), Some("sql.statements"));
        assert_eq!(code("select begin from t; drop table t").as_deref(), Some("sql.statements"));
        assert_eq!(code(" /* */ ").as_deref(), Some("sql.empty"));
        assert_eq!(code("/* */ Begin immediate").as_deref(), Some("sql.transaction"));
        let trigger = "create trigger a after insert on t begin \
                       select case 1 when 1 then 2 end; delete from t; end";
        assert_eq!(code(trigger), None);
        assert_eq!(code(&format!("{trigger}; drop table t")).as_deref(), Some("sql.statements"));
    }

    #[test]
    fn positions_are_those_of_the_text_that_was_given() {
        let text = "select :long_name,\n  'é', :b frm t";
        let statement =
            Statement::new(text.into(), value!({"long_name": 1, "b": 2}), Dialect::Postgres).unwrap();
        let rendered = statement.render(dollar);
        let position = rendered.sql.chars().position(|c| c == 'f').unwrap() + 1;
        assert_eq!(statement.place(rendered.original(position)), "query line 2 column 11");
        assert_eq!(statement.find("frm"), Some("query line 2 column 11".into()));
        assert_eq!(statement.find("e"), None, "it stands there twice");
        assert_eq!(statement.place(rendered.original(9)), "query line 1 column 9");
    }

    #[test]
    fn the_verb_is_found_behind_common_tables() {
        let changes =
            |sql: &str| Statement::new(sql.into(), Value::Null, Dialect::Postgres).unwrap().changes_rows;
        assert!(changes("with a as (select 1) insert into t select * from a"));
        assert!(!changes("with a as (delete from t returning *) select * from a"));
        assert!(changes("delete from t") && !changes("create table update_log (a int)"));
        let may = |sql: &str| Statement::new(sql.into(), Value::Null, Dialect::Postgres).unwrap().may_change;
        assert!(may("with a as (delete from t returning *) select * from a") && !may("select 'delete'"));
    }
}

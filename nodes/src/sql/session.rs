//! Which statements leave something behind in their session: settings, locks, temporary tables, attached files.
//!
//! A connection that ran one of them is closed instead of being kept for others. What is taken for one by mistake costs a new
//! connection and nothing else.

use std::ops::Range;

use super::tokens::{Dialect, Token};

/// What statements begin with that change the session of PostgreSQL.
const POSTGRES: [&str; 12] = [
    "set",
    "reset",
    "listen",
    "unlisten",
    "prepare",
    "deallocate",
    "declare",
    "discard",
    "load",
    "lock",
    "do",
    "call",
];
/// What names of functions of PostgreSQL have in them that change the session.
const FUNCTIONS: [&str; 5] = ["set_config", "pg_advisory", "pg_try_advisory", "setseed", "dblink"];
/// What statements begin with that change the session of SQLite.
const SQLITE: [&str; 3] = ["attach", "detach", "pragma"];

/// Whether `text`, one statement, may leave something behind in its session.
pub(super) fn changes(text: &str, tokens: &[(Token, Range<usize>)], dialect: Dialect) -> bool {
    let mut words = tokens.iter().filter(|(token, _)| *token == Token::Word).map(|(_, at)| &text[at.clone()]);
    let Some(first) = words.next().map(str::to_ascii_lowercase) else { return false };
    match dialect {
        Dialect::Sqlite => SQLITE.contains(&first.as_str()) || makes_temporary(&first, text, tokens),
        Dialect::Postgres => {
            // Quoted names are looked at too.
            let lower = text.to_ascii_lowercase();
            POSTGRES.contains(&first.as_str())
                || FUNCTIONS.iter().any(|name| lower.contains(name))
                || lower.contains("pg_temp")
                || makes_temporary(&first, text, tokens)
        }
    }
}

/// Whether it is `CREATE TEMP ..`, or `SELECT .. INTO TEMP ..`.
fn makes_temporary(first: &str, text: &str, tokens: &[(Token, Range<usize>)]) -> bool {
    let mut behind_into = false;
    for (token, at) in tokens {
        // Behind it are columns.
        if *token == Token::Open && first == "create" {
            return false;
        }
        if *token != Token::Word {
            behind_into = false;
            continue;
        }
        let word = text[at.clone()].to_ascii_lowercase();
        match word.as_str() {
            "temp" | "temporary" if first == "create" || behind_into => return true,
            "local" | "global" => {}
            word => behind_into = word == "into" && first != "insert",
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::tokens::scan;

    fn changed(sql: &str, dialect: Dialect) -> bool {
        changes(sql, &scan(sql, dialect), dialect)
    }

    #[test]
    fn what_outlives_a_statement_is_found() {
        for sql in [
            "SET search_path = other",
            "/* first */ listen orders",
            "SELECT set_config('role', 'x', false)",
            "SELECT \"pg_advisory_lock\"(7)",
            "CREATE TEMP TABLE t (id INT)",
            "create or replace temporary view v as select 1",
            "SELECT 1 AS a INTO LOCAL TEMP t",
            "DO $$ BEGIN SET search_path = other; END $$",
        ] {
            assert!(changed(sql, Dialect::Postgres), "{sql}");
        }
        for sql in ["pragma foreign_keys = on", "ATTACH 'a.db' AS a", "CREATE TABLE temp.t (id)"] {
            assert!(changed(sql, Dialect::Sqlite), "{sql}");
        }
    }

    #[test]
    fn what_ends_with_its_statement_is_not() {
        for sql in [
            "UPDATE t SET temp = 1",
            "SELECT temp FROM sensors",
            "INSERT INTO temp VALUES (1)",
            "CREATE TABLE sensors (temp REAL)",
        ] {
            assert!(!changed(sql, Dialect::Postgres) && !changed(sql, Dialect::Sqlite), "{sql}");
        }
    }
}

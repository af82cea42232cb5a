//! Redacted secrets: an export replaces a password by a mark, and the mark must not run as if it were the password.

use std::fmt;

use super::findings::{At, Findings};
use crate::{Map, Value, validate::Issue};

/// Parts of names under which secrets stand.
const NAMES: [&str; 10] = [
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "auth",
    "key",
    "dsn",
    "connection_string",
];

/// Notes every secret in `config` that was replaced by a mark.
pub(super) fn check(config: &Map, at: At<'_>, findings: &mut Findings) {
    walk_map(config, &Way::Config, at, findings);
}

/// The way from a config to a value in it.
enum Way<'w> {
    Config,
    Key(&'w Way<'w>, &'w str),
    Item(&'w Way<'w>, usize),
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => Ok(()),
            Self::Key(Self::Config, key) => f.write_str(key),
            Self::Key(way, key) => write!(f, "{way}.{key}"),
            Self::Item(way, index) => write!(f, "{way}[{index}]"),
        }
    }
}

fn walk_map(map: &Map, way: &Way<'_>, at: At<'_>, findings: &mut Findings) {
    for (name, value) in map {
        match value {
            Value::Str(text) if is_mark(text) && is_secret(name) => {
                let message = format!("`{name}` holds the redaction mark `{text}`, not a secret");
                let issue = Issue::error("config.redacted", message).at(Way::Key(way, name).to_string());
                findings.push(at, "config", issue.hint("the export left the secret out: put it back"));
            }
            other => walk(other, &Way::Key(way, name), at, findings),
        }
    }
}

fn walk(value: &Value, way: &Way<'_>, at: At<'_>, findings: &mut Findings) {
    match value {
        Value::Map(map) => walk_map(map, way, at, findings),
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                walk(item, &Way::Item(way, index), at, findings);
            }
        }
        _ => {}
    }
}

/// `***`, `[REDACTED]`, `<redacted>`, `***REDACTED***`.
fn is_mark(text: &str) -> bool {
    let around = |c: char| "*[]<>(){}".contains(c);
    let word = text.trim().trim_matches(around);
    match word.len() {
        0 => text.trim().len() >= 3 && text.trim().bytes().all(|byte| byte == b'*'),
        8 => word.eq_ignore_ascii_case("redacted"),
        _ => false,
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_told_from_secrets() {
        for mark in ["***", "********", "[REDACTED]", "<redacted>", "Redacted", " ***REDACTED*** "] {
            assert!(is_mark(mark), "{mark}");
        }
        for secret in ["", "**", "hunter2", "*a*", "[]", "redacted-by-me", "***x***"] {
            assert!(!is_mark(secret), "{secret}");
        }
    }

    #[test]
    fn names_of_secrets_are_known() {
        assert!(is_secret("API_KEY") && is_secret("dbPassword") && is_secret("Authorization"));
        assert!(!is_secret("pattern") && !is_secret("mask"));
    }
}

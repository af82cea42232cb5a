//! Text in and out: JSON and YAML, with bounds on what a text may ask for.

use std::path::Path;

#[cfg(feature = "yaml")]
use serde_saphyr::{Error as YamlError, MessageFormatter, UserMessageFormatter};

use super::{
    document::{document_of_raw, write},
    raw::RawDocument,
};
use crate::{
    Error, Result,
    validate::{Issue, Issues},
    workflow::{Dialect, Document},
};

/// The longest text that is read, in bytes.
pub const MAX_TEXT: usize = 64 << 20;
/// The most nodes that a document may have.
pub const MAX_NODES: usize = 1_000_000;
/// The most connections that a document may have.
pub const MAX_CONNECTIONS: usize = 4_000_000;

/// The deepest nesting of a YAML text: half of JSON's, for its parser needs much more stack.
#[cfg(feature = "yaml")]
const MAX_DEPTH: usize = 64;

/// The most that anchors and aliases of a YAML text may stand for together, in scalars, maps and lists.
#[cfg(feature = "yaml")]
const MAX_REPLAYED: usize = 100_000;

/// How a document is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2: `yes` and `on` are text there.
    Yaml,
}

impl Syntax {
    /// The syntax that a file's name tells: YAML for `.yaml` and `.yml`, else JSON.
    #[must_use]
    pub fn of_path(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some(name) if name.eq_ignore_ascii_case("yaml") || name.eq_ignore_ascii_case("yml") => Self::Yaml,
            _ => Self::Json,
        }
    }
}

/// Reads a document in any dialect.
///
/// # Errors
/// Every problem found; only the first where the text is not JSON or YAML at all, with `line 2 column 5` as its place.
pub fn read(text: &str, syntax: Syntax) -> Result<Document, Issues> {
    if text.len() > MAX_TEXT {
        let message = format!("a document may have {MAX_TEXT} bytes at most, this one has {}", text.len());
        return Err(Issues(vec![Issue::error("document.limit", message)]));
    }
    let raw = match syntax {
        Syntax::Json => serde_json::from_str::<RawDocument>(text).map_err(|error| json_issue(&error)),
        #[cfg(feature = "yaml")]
        Syntax::Yaml => from_yaml(text).map_err(|error| yaml_issue(&error)),
        #[cfg(not(feature = "yaml"))]
        Syntax::Yaml => Err(Issue::from_error(&no_yaml())),
    };
    document_of_raw(raw.map_err(|issue| Issues(vec![issue]))?)
}

/// `document` as text in `dialect`: JSON or YAML, indented by two.
///
/// # Errors
/// As [`write()`]; kind `Invalid` if a number is NaN or infinite, and if YAML would be nested more than 64 levels deep.
pub fn to_text(document: &Document, dialect: Dialect, syntax: Syntax) -> Result<String> {
    let value = write(document, dialect)?;
    let mut text = match syntax {
        Syntax::Json => serde_json::to_string_pretty(&value).map_err(|error| unwritable(&error))?,
        #[cfg(not(feature = "yaml"))]
        Syntax::Yaml => return Err(no_yaml()),
        #[cfg(feature = "yaml")]
        Syntax::Yaml if value.is_deeper(MAX_DEPTH) => {
            let message = format!("YAML may be nested {MAX_DEPTH} levels deep at most");
            return Err(Error::invalid("document.limit", message).with_hint("write JSON"));
        }
        #[cfg(feature = "yaml")]
        Syntax::Yaml => {
            let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
            serde_saphyr::to_string_with_options(&value, options).map_err(|error| unwritable(&error))?
        }
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

#[cfg(not(feature = "yaml"))]
fn no_yaml() -> Error {
    Error::invalid("document.yaml", "this build reads and writes no YAML")
        .with_hint("use JSON, or the feature `yaml`")
}

fn unwritable(error: &impl ToString) -> Error {
    Error::invalid("document.write", error.to_string())
}

#[cfg(feature = "yaml")]
fn from_yaml(text: &str) -> Result<RawDocument, YamlError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_events: MAX_TEXT,
            max_nodes: MAX_TEXT,
            max_recorded_anchor_events: MAX_REPLAYED,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MAX_REPLAYED },
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
}

fn json_issue(error: &serde_json::Error) -> Issue {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    let issue = if message.contains("recursion limit") {
        Issue::error("document.limit", message).hint("nest at most 127 levels")
    } else if message.starts_with("duplicate key") {
        Issue::error("document.field.twice", message)
    } else {
        Issue::error("document.syntax", message)
    };
    issue.at(format!("line {} column {}", error.line(), error.column()))
}

#[cfg(feature = "yaml")]
fn yaml_issue(error: &YamlError) -> Issue {
    let mut cause = error;
    while let YamlError::AliasError { error, .. } | YamlError::WithSnippet { error, .. } = cause {
        cause = error;
    }
    let limit = |message: &str| Issue::error("document.limit", message);
    let issue = match cause {
        YamlError::Budget { .. } => limit("the YAML text is too large or too deep")
            .hint(format!("nest at most {MAX_DEPTH} levels, and keep what aliases stand for small")),
        YamlError::AliasReplayLimitExceeded { .. }
        | YamlError::AliasExpansionLimitExceeded { .. }
        | YamlError::AliasReplayStackDepthExceeded { .. } => limit("aliases stand for too much"),
        YamlError::MultipleDocuments { .. } => {
            Issue::error("document.several", "the text holds several YAML documents")
                .hint("keep one workflow in a file")
        }
        YamlError::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().unwrap_or_default();
            Issue::error("document.field.twice", format!("duplicate key `{key}`"))
        }
        other => Issue::error("document.syntax", UserMessageFormatter.format_message(other)),
    };
    match error.location() {
        Some(at) if at.line() > 0 => issue.at(format!("line {} column {}", at.line(), at.column())),
        _ => issue,
    }
}

//! One problem of a workflow, and all of them together.

use std::fmt;

use serde::Serialize;

use crate::{Error, ErrorKind, Text};

/// Whether a problem stops the workflow from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It runs, but perhaps not as meant.
    Warning,
}

/// One problem of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Issue {
    /// Whether it stops the workflow.
    pub severity: Severity,
    /// The stable code, for programs.
    pub code: Text,
    /// The node it concerns.
    pub node: Option<Text>,
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub hint: Option<String>,
    /// Where in the document: `nodes.reader.config.file_path`, `connections[2]`.
    pub place: Option<String>,
    /// The class of the failure: `Invalid`, unless it is one of the host.
    #[serde(skip)]
    pub kind: ErrorKind,
}

impl Issue {
    /// A problem that stops the workflow.
    #[must_use]
    pub fn error(code: &str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: code.into(),
            node: None,
            message: message.into(),
            hint: None,
            place: None,
            kind: ErrorKind::Invalid,
        }
    }

    /// A problem that does not.
    #[must_use]
    pub fn warning(code: &str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The problem that `error` tells of.
    #[must_use]
    pub fn from_error(error: &Error) -> Self {
        let mut issue = Self::error(error.code(), error.message());
        issue.hint = error.hint().map(str::to_owned);
        issue.place = error.place().map(str::to_owned);
        issue.kind = error.kind();
        issue
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same problem at a place in the document.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// The same problem at node `node`; a place so far is taken as one inside `place`, the node's own.
    #[must_use]
    pub fn in_node(mut self, node: &Text, place: &str) -> Self {
        self.node = Some(node.clone());
        self.place = Some(match self.place {
            Some(inner) => format!("{place}.{inner}"),
            None => place.to_owned(),
        });
        self
    }

    /// The same problem inside the node's config.
    #[must_use]
    pub fn in_config(mut self) -> Self {
        self.place = Some(match self.place {
            Some(inner) => format!("config.{inner}"),
            None => "config".to_owned(),
        });
        self
    }

    /// Whether it stops the workflow.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = &self.node {
            write!(f, "node `{node}`: ")?;
        }
        write!(f, "{} [{}]", self.message, self.code)?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// All problems of a workflow that cannot run, warnings included.
#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(transparent)]
pub struct Issues(pub Vec<Issue>);

impl Issues {
    /// The class of the failure: that of the first problem that stops the workflow.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.errors().next().map_or(ErrorKind::Invalid, |issue| issue.kind)
    }

    /// The problems that stop the workflow.
    pub fn errors(&self) -> impl Iterator<Item = &Issue> {
        self.0.iter().filter(|issue| issue.is_error())
    }
}

impl fmt::Display for Issues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.errors().count();
        write!(f, "{count} problem{} in the workflow", if count == 1 { "" } else { "s" })?;
        for issue in &self.0 {
            write!(f, "\n{issue}")?;
        }
        Ok(())
    }
}

impl From<Error> for Issues {
    fn from(error: Error) -> Self {
        Self(vec![Issue::from_error(&error)])
    }
}

impl From<Issue> for Error {
    /// What [`Issue::from_error`] was made of.
    fn from(issue: Issue) -> Self {
        let mut error = Self::new(issue.kind, issue.code.to_string(), issue.message);
        if let Some(place) = issue.place {
            error = error.at(place);
        }
        match issue.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl From<Issues> for Error {
    fn from(issues: Issues) -> Self {
        let first = issues.errors().next();
        let code = first.map_or("workflow.invalid", |issue| match issue.code.as_str() {
            "input.missing" => "input.missing",
            _ => "workflow.invalid",
        });
        Self::new(issues.kind(), code, issues.to_string())
    }
}

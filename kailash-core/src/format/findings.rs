//! The problems met while a document is read, up to a bound.

use std::fmt;

use crate::{
    Text, nearest,
    validate::{Issue, Issues},
};

/// Problems that are listed; more are only counted.
const MAX_ISSUES: usize = 1000;

/// Where in a document a reader stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'a> {
    /// The document itself.
    Top,
    /// A node of a map by id.
    Node(&'a Text),
    /// A node of a list.
    NodeIndex(usize),
    /// A connection.
    Connection(usize),
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Node(id) => write!(f, "nodes.{id}"),
            Self::NodeIndex(index) => write!(f, "nodes[{index}]"),
            Self::Connection(index) => write!(f, "connections[{index}]"),
        }
    }
}

impl At<'_> {
    fn place(self, field: &str) -> Option<String> {
        match (self, field) {
            (Self::Top, "") => None,
            (Self::Top, _) => Some(field.to_owned()),
            (_, "") => Some(self.to_string()),
            _ => Some(format!("{self}.{field}")),
        }
    }
}

/// The problems so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    issues: Vec<Issue>,
    more: usize,
}

impl Findings {
    /// Notes a problem of `field` (empty: of the whole) at `at`.
    pub(super) fn add(&mut self, at: At<'_>, field: &str, code: &str, message: impl Into<String>) {
        self.push(at, field, Issue::error(code, message));
    }

    /// Notes `issue`, whose place so far is one inside `field`.
    pub(super) fn push(&mut self, at: At<'_>, field: &str, mut issue: Issue) {
        if self.issues.len() == MAX_ISSUES {
            self.more += 1;
            return;
        }
        if let At::Node(id) = at {
            issue.node = Some(id.clone());
        }
        let inner = issue.place.take();
        issue.place = match (at.place(field), inner) {
            (Some(place), Some(inner)) => Some(format!("{place}.{inner}")),
            (place, inner) => place.or(inner),
        };
        self.issues.push(issue);
    }

    /// Notes that `field` has the wrong shape.
    pub(super) fn shape(&mut self, at: At<'_>, field: &str, wanted: &str, got: &crate::Value) {
        let name = match at {
            _ if !field.is_empty() => format!("`{field}`"),
            At::Top => "a document".to_owned(),
            At::Node(_) | At::NodeIndex(_) => "a node".to_owned(),
            At::Connection(_) => "a connection".to_owned(),
        };
        let got = match got.as_f64() {
            Some(number) => number.to_string(),
            None => got.kind().to_string(),
        };
        self.add(at, field, "document.shape", format!("{name} must be {wanted}, not {got}"));
    }

    /// Notes that `field` is not there.
    pub(super) fn missing(&mut self, at: At<'_>, field: &str) {
        self.add(at, "", "document.field.missing", format!("`{field}` is missing"));
    }

    /// Notes a field that nobody knows.
    pub(super) fn unknown(&mut self, at: At<'_>, field: &str, known: &[&str]) {
        let issue = Issue::error("document.field.unknown", format!("unknown field `{field}`"));
        let issue = match nearest(field, known.iter().copied()) {
            Some(near) => issue.hint(format!("did you mean `{near}`?")),
            None => issue.hint(format!("known are: {}", known.join(", "))),
        };
        self.push(at, field, issue);
    }

    /// Whether there are no problems.
    pub(super) fn is_empty(&self) -> bool {
        self.issues.is_empty()
    }

    /// `good` if there are no problems.
    pub(super) fn finish<T>(mut self, good: T) -> Result<T, Issues> {
        if self.issues.is_empty() {
            return Ok(good);
        }
        if self.more > 0 {
            let message = format!("and {} more problems", self.more);
            self.issues.push(Issue::error("document.limit", message));
        }
        Err(Issues(self.issues))
    }
}

//! Why a command was refused before it began anything.

use std::{fmt, io};

use kailash_core::{
    Error,
    validate::{Issue, Issues},
};

use super::{diagnose, source::Source, term::Paint};

/// The problems, and the text that they are problems of.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What messages call the text, where it could not be read.
    pub(super) name: Option<String>,
    /// The text.
    pub(super) source: Option<Box<Source>>,
    /// The problems, warnings included.
    pub(super) issues: Vec<Issue>,
}

impl Refusal {
    /// For a problem that is not one of a text.
    pub(super) fn of(issue: Issue) -> Self {
        Self { name: None, source: None, issues: vec![issue] }
    }

    /// For a problem with the file `name` as a whole.
    pub(super) fn named(name: &str, issue: Issue) -> Self {
        Self { name: Some(name.to_owned()), source: None, issues: vec![issue] }
    }

    /// For problems of `source`.
    pub(super) fn in_source(source: Source, issues: Issues) -> Self {
        Self { name: None, source: Some(Box::new(source)), issues: issues.0 }
    }

    /// What the text is called.
    pub(super) fn name(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.name.as_str()).or(self.name.as_deref())
    }

    /// Prints every problem for people, on stderr.
    pub(super) fn print(&self) -> io::Result<()> {
        diagnose::print(&mut super::term::err(), self, Paint::stderr())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::of(Issue::from_error(&error))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Issues(self.issues.clone()).fmt(f)
    }
}

impl std::error::Error for Refusal {}

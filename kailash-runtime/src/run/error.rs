//! How a run ends other than well: refused before it began, failed, or cancelled. Nothing it did is lost.

use std::fmt;

use kailash_core::{Error, ErrorKind, RunId, RunStatus, Text, UnitId, validate::Issues};

use super::Results;
use crate::journal::Wait;

/// A node's failure.
#[derive(Clone, Debug)]
pub struct NodeError {
    /// The unit: the node's id, with its place in cycles and nested workflows (`outer[2]/inner#1`).
    pub node: Text,
    /// What went wrong.
    pub error: Error,
}

impl NodeError {
    /// The failure of `unit`. What a node is made of, with ids that begin with `:`, is told as that node.
    pub(crate) fn of(mut unit: UnitId, error: Error) -> Self {
        let within = unit.path.iter().skip(1).position(|step| step.node.starts_with(':'));
        unit.path.truncate(within.map_or(unit.path.len(), |at| at + 1));
        Self { node: unit.to_string().into(), error }
    }

    /// Whether node `id` of the outermost workflow failed with this, itself or with what is inside it.
    #[must_use]
    pub fn concerns(&self, id: &str) -> bool {
        self.node.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#', '[']))
    }
}

/// A run that did not complete.
#[derive(Clone, Debug)]
pub enum RunError {
    /// It never began: parameters, services or the plan were wrong.
    Refused(Issues),
    /// It began and did not complete.
    Unfinished(Box<Unfinished>),
    /// It was put aside to be resumed: because nothing is left to do but wait, where
    /// [`Settings::park`](crate::Settings::park) says so, or because of
    /// [`RunControl::wind_down`](crate::RunControl::wind_down).
    Suspended {
        /// The run.
        run: RunId,
        /// What it waits for.
        wait: Wait,
    },
    /// It began, and its task ended without an answer: the executor was shut down.
    Lost {
        /// The run.
        run: RunId,
        /// What is known.
        error: Error,
    },
}

/// A run that began and did not complete.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// The run.
    pub run: RunId,
    /// `Failed` or `Cancelled`.
    pub status: RunStatus,
    /// Why: the first node's failure, a limit of the run, or the cancellation.
    pub error: Error,
    /// The nodes that failed, in the order in which they did.
    pub errors: Vec<NodeError>,
    /// What the nodes that ran gave.
    pub results: Results,
}

impl RunError {
    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Refused(issues) => issues.kind(),
            Self::Lost { error, .. } => error.kind(),
            Self::Suspended { .. } => ErrorKind::Unavailable,
            Self::Unfinished(unfinished) => unfinished.error.kind(),
        }
    }

    /// The run, if it began.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Refused(_) => None,
            Self::Unfinished(unfinished) => Some(unfinished.run),
            Self::Lost { run, .. } | Self::Suspended { run, .. } => Some(*run),
        }
    }

    /// The nodes that failed.
    #[must_use]
    pub fn errors(&self) -> &[NodeError] {
        match self {
            Self::Refused(_) | Self::Lost { .. } | Self::Suspended { .. } => &[],
            Self::Unfinished(unfinished) => &unfinished.errors,
        }
    }

    /// What the nodes that ran gave.
    #[must_use]
    pub fn partial(&self) -> Option<&Results> {
        match self {
            Self::Refused(_) | Self::Lost { .. } | Self::Suspended { .. } => None,
            Self::Unfinished(unfinished) => Some(&unfinished.results),
        }
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(issues) => write!(f, "the run was refused: {issues}"),
            Self::Lost { error, .. } => write!(f, "the run was lost: {error}"),
            Self::Suspended { run, wait } => {
                write!(f, "run {run} waits")?;
                if let Some(until) = wait.until {
                    write!(f, " until {until}")?;
                }
                match wait.signals.as_slice() {
                    [] => Ok(()),
                    signals => write!(f, " for a signal: {}", signals.join(", ")),
                }
            }
            Self::Unfinished(unfinished) => match unfinished.errors.as_slice() {
                [] => write!(f, "{}", unfinished.error),
                [one] => write!(f, "node `{}` failed: {}", one.node, one.error),
                [first, rest @ ..] => {
                    write!(f, "node `{}` failed: {} (and {} more)", first.node, first.error, rest.len())
                }
            },
        }
    }
}

impl std::error::Error for RunError {}

impl From<Issues> for RunError {
    fn from(issues: Issues) -> Self {
        Self::Refused(issues)
    }
}

impl From<Error> for RunError {
    fn from(error: Error) -> Self {
        Self::Refused(error.into())
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::Step;

    use super::*;

    #[test]
    fn what_a_node_is_made_of_fails_as_that_node() {
        let named = |path: &[&str]| {
            let path = path.iter().map(|id| Step { node: (*id).into(), iteration: 0, item: 0 }).collect();
            NodeError::of(UnitId { run: RunId::from_u128(1), path }, Error::node("test.no", "no")).node
        };
        assert_eq!(named(&["trip", ":outcome"]), "trip");
        assert_eq!(named(&["outer", "trip", ":outcome"]), "outer/trip");
        assert_eq!(named(&["outer", "inner"]), "outer/inner");
        assert_eq!(named(&[":odd"]), ":odd", "a node of the workflow itself is called as it is");
    }
}

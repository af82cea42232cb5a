//! The last changes, for watchers that come late.

use std::collections::VecDeque;

use kailash_core::{Error, ErrorKind, Retry};

use crate::coordinate::state::Change;

/// How many changes are remembered.
const MOST: usize = 8192;
/// How many bytes of values they have at most.
const MOST_BYTES: usize = 1 << 20;

/// The last changes of the state, in order.
#[derive(Debug, Default)]
pub struct History {
    changes: VecDeque<Change>,
    bytes: usize,
    /// Everything from this log index on is here.
    complete: u64,
    /// The log index behind the last command that was carried out.
    next: u64,
}

/// Changes that are asked for are forgotten: what changed since is found in the state alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// From this log index on they are known.
    pub complete: u64,
}

impl History {
    /// Knows nothing of what was before log index `next`.
    pub(super) fn beginning_at(next: u64) -> Self {
        Self { complete: next, next, ..Self::default() }
    }

    /// Adds the changes of the command with log index `index`.
    pub(super) fn extend(&mut self, index: u64, changes: Vec<Change>) {
        self.next = index + 1;
        self.bytes += changes.iter().map(Change::bytes).sum::<usize>();
        self.changes.extend(changes);
        while (self.changes.len() > MOST || self.bytes > MOST_BYTES)
            && let Some(gone) = self.changes.pop_front()
        {
            self.bytes -= gone.bytes();
            self.complete = gone.index + 1;
        }
    }

    /// The log index behind the last command that was carried out.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The changes from log index `from` on.
    ///
    /// # Errors
    /// [`Lost`] if some of them are forgotten.
    pub fn since(&self, from: u64) -> Result<Vec<Change>, Lost> {
        if from < self.complete {
            return Err(Lost { complete: self.complete });
        }
        let begin = self.changes.partition_point(|change| change.index < from);
        Ok(self.changes.range(begin..).cloned().collect())
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        let message = format!("changes before log index {} are forgotten", lost.complete);
        Self::new(ErrorKind::Missing, "watch.forgotten", message)
            .with_retry(Retry::Never)
            .with_hint("read the present state, then watch from there on")
    }
}

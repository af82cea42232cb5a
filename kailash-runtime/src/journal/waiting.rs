//! Runs that wait because their journal takes nothing, most often because its disk is full: how many there are, said once
//! when the first one waits and once when none does any more.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kailash_core::Error;

/// How many runs of a journal wait.
#[derive(Debug, Default)]
pub(crate) struct Waiting(AtomicUsize);

/// A run that waits, as long as this is there.
#[derive(Debug)]
pub(crate) struct Waits(Arc<Waiting>);

impl Waiting {
    /// One run more waits, because of `error`.
    pub(crate) fn begin(self: &Arc<Self>, error: &Error) -> Waits {
        if self.0.fetch_add(1, Ordering::AcqRel) == 0 {
            tracing::warn!(%error, "the journal takes nothing: runs wait until it does");
        }
        Waits(Arc::clone(self))
    }

    /// Whether a run waits.
    pub(crate) fn any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if self.0.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            tracing::warn!("no run waits for the journal any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_waited_for_from_the_first_run_that_does_to_the_last() {
        let (waiting, full) = (Arc::new(Waiting::default()), Error::internal("full"));
        assert!(!waiting.any());
        let (first, second) = (waiting.begin(&full), waiting.begin(&full));
        drop(first);
        assert!(waiting.any());
        drop(second);
        assert!(!waiting.any());
    }
}

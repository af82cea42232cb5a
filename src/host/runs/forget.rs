//! Keeping the journal within its bounds: runs are forgotten on request, and when they are old or too many.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, RunId};
use tokio_util::sync::CancellationToken;

use super::{Kept, Runs};

/// How often is looked for runs to forget.
const EVERY: Duration = Duration::from_secs(60);

/// How often is looked whether the journal still works.
const LOOK: Duration = Duration::from_secs(1);

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Runs {
    /// Forgets a run that has ended.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; kind `Conflict`, code `run.open`, for one that has not ended.
    pub async fn forget(&self, run: RunId) -> Result<()> {
        if self.head(run)?.ended.is_none() {
            let message = format!("run {run} has not ended");
            return Err(Error::new(ErrorKind::Conflict, "run.open", message).with_hint("cancel it first"));
        }
        if let Some(kept) = &self.0.kept {
            kept.journal.prune(run).await?;
        }
        let mut state = self.lock();
        state.table.remove(run);
        state.remembered.retain(|ended| ended.run != run);
        Ok(())
    }

    /// Keeps the journal within its bounds, until `stop`.
    pub(in crate::host) async fn forget_in_time(self, stop: CancellationToken) -> Result<()> {
        let Some(kept) = &self.0.kept else { return Ok(()) };
        loop {
            self.keep_within(kept).await;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Fails when the journal takes nothing more: no run could come to its end.
    pub(in crate::host) async fn watch_journal(self, stop: CancellationToken) -> Result<()> {
        let Some(kept) = &self.0.kept else { return Ok(()) };
        loop {
            if let Some(broken) = kept.log.broken() {
                return Err(broken);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn keep_within(&self, kept: &Kept) {
        let oldest = self.now().unix_millis() - i64::from(kept.section.keep_days) * DAY_MS;
        let (ended, mut count) = {
            let state = self.lock();
            (state.table.ended().collect::<Vec<_>>(), state.table.len())
        };
        for (run, at) in ended {
            // What is dead already is freed by itself: only what lives counts.
            let (_, live) = kept.log.size();
            let too_many = count > kept.section.keep_runs || live > kept.section.max_bytes;
            if too_many || at.unix_millis() < oldest {
                match self.forget(run).await {
                    Ok(()) => count -= 1,
                    Err(error) => tracing::warn!(%run, %error, "a run cannot be forgotten"),
                }
            }
        }
    }
}

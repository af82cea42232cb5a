//! Sending signals to runs.
//!
//! ```text
//! under way ───────────────────────> the run takes it
//! put aside, waits for it ─────────> goes on with it
//! put aside, waits for something else: the journal keeps it, and the run stays where it is
//! ```

use std::pin::pin;

use kailash_core::{Result, RunId, Text, Value};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{
    Live, Runs, follow,
    table::Claim,
    wake::{Found, whatever_becomes_of_the_caller},
};

impl Runs {
    /// Sends a signal to a run. When this returns the journal has it.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; kind `Conflict`, code `run.ended`, for one that has ended; kind `Limit` for too
    /// many signals.
    pub async fn signal(&self, run: RunId, name: Text, value: Value) -> Result<()> {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let signal = (name.clone(), value.clone());
            let (live, sent) = match self.find(run)? {
                Found::Live(live) => {
                    let sent = live.control.signal(signal.0, signal.1).await;
                    (live, sent)
                }
                Found::Claimed(claim, token) => {
                    let runs = self.clone();
                    let delivered = async move { runs.deliver(run, claim, signal, token).await };
                    match whatever_becomes_of_the_caller(delivered).await? {
                        Some(live) => {
                            let sent = live.control.recorded().await;
                            (live, sent)
                        }
                        None => return Ok(()),
                    }
                }
                Found::Waking => {
                    changed.await;
                    continue;
                }
            };
            match sent {
                // It is being put aside, or ends: what becomes of it is looked at again.
                Err(error) if error.code() == "run.over" => drop(follow::end(live.ended).await),
                other => return other,
            }
        }
    }

    /// Brings a signal to a run that was claimed: the run, if it goes on because of it.
    async fn deliver(
        &self,
        run: RunId,
        claim: Claim,
        signal: (Text, Value),
        token: TaskTrackerToken,
    ) -> Result<Option<Live>> {
        let kept = match &self.0.kept {
            Some(kept) => kept.journal.keep_signal(run, &signal.0, &signal.1).await,
            None => Ok(false),
        };
        if let Ok(false) = kept {
            return self.resume(run, claim, Some(signal), self.admission(run), token).await.map(Some);
        }
        self.lay_back(run, claim.until);
        kept.map(|_| None)
    }
}

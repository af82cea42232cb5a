//! Ending runs on request, also those that cannot go on.

use std::sync::Arc;

use kailash_core::{Error, Result, Retry, RunId, RunStatus};

use super::{Ended, Runs, follow, table::Claim, unknown, wake::whatever_becomes_of_the_caller};

impl Runs {
    /// Asks a run to stop, and waits until it has; one that is suspended goes on to be cancelled, or is ended as it lies
    /// if this release cannot let it go on.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; kind `Conflict`, code `run.ended`, for one that has ended.
    pub async fn cancel(&self, run: RunId) -> Result<Arc<Ended>> {
        loop {
            let live = match self.reach(run).await {
                Ok(live) => live,
                Err(refused) => return self.end_as_it_lies(run, refused).await,
            };
            live.control.cancel();
            let ended = follow::end(live.ended).await?;
            // It may have been put aside just before.
            if ended.status.is_end() {
                return Ok(ended);
            }
        }
    }

    /// Ends a suspended run in its journal alone, also if whoever asked goes away meanwhile.
    ///
    /// # Errors
    /// `refused`, which kept it from going on, if that passes or the run is not suspended; failing storage.
    async fn end_as_it_lies(&self, run: RunId, refused: Error) -> Result<Arc<Ended>> {
        if self.0.kept.is_none() || refused.retry() != Retry::Never {
            return Err(refused);
        }
        let (claim, token) = {
            let mut state = self.lock();
            match (self.enter(&state), state.table.claim(run)) {
                (Some(token), Some(claim)) => (claim, token),
                _ => return Err(refused),
            }
        };
        let runs = self.clone();
        whatever_becomes_of_the_caller(async move {
            let ended = runs.end_claimed(run, claim).await;
            drop(token);
            ended
        })
        .await
    }

    async fn end_claimed(&self, run: RunId, claim: Claim) -> Result<Arc<Ended>> {
        let head = self.head(run)?;
        let end = match &self.0.kept {
            Some(kept) => kept.journal.cancel(run, self.now()).await,
            None => Err(unknown(run)),
        };
        match &end {
            Ok(end) => self.lock().table.set(run, end.status, Some(end.at), None),
            Err(_) => self.lock().table.set(run, RunStatus::Suspended, None, claim.until),
        }
        self.0.changed.notify_waiters();
        let end = end?;
        let ended = Ended {
            run,
            workflow: head.workflow,
            version: head.version,
            status: end.status,
            began: head.began,
            at: end.at,
            results: None,
            error: end.error,
            errors: Vec::new(),
            wait: None,
        };
        self.0.metrics.run_ended(&ended);
        Ok(Arc::new(ended))
    }
}

//! Ending runs on request, also those that cannot go on.

use std::sync::Arc;

use kailash_core::{Error, ErrorKind, Result, RunId, RunStatus};

use super::{Ended, Runs, follow};

impl Runs {
    /// Asks a run to stop, and waits until it has; one that is suspended goes on to be cancelled, or is ended as it lies
    /// if this release cannot let it go on.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; kind `Conflict`, code `run.ended`, for one that has ended.
    pub async fn cancel(&self, run: RunId) -> Result<Arc<Ended>> {
        loop {
            let live = match self.reach(run, None).await {
                Ok(reached) => reached.live,
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

    /// Ends a suspended run in its journal alone.
    ///
    /// # Errors
    /// `refused`, which kept it from going on, if that passes or the run is not suspended; failing storage.
    async fn end_as_it_lies(&self, run: RunId, refused: Error) -> Result<Arc<Ended>> {
        let stays = matches!(refused.kind(), ErrorKind::Conflict | ErrorKind::Invalid | ErrorKind::Missing);
        let (Some(kept), true) = (&self.0.kept, stays) else { return Err(refused) };
        let (head, _token) = {
            let mut state = self.lock();
            match (self.enter(&state), state.table.claim(run)) {
                (Some(token), true) => (state.table.get(run).cloned(), token),
                _ => return Err(refused),
            }
        };
        let end = kept.journal.cancel(run, self.now()).await;
        let (status, ended) = match &end {
            Ok(end) => (end.status, Some(end.at)),
            Err(_) => (RunStatus::Suspended, None),
        };
        self.lock().table.set(run, status, ended, None);
        self.0.changed.notify_waiters();
        let (head, end) = (head.ok_or(refused)?, end?);
        let ended = Ended {
            run,
            workflow: head.workflow,
            version: head.version,
            status,
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

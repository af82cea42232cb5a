//! What a run gave, told after its end.

use std::sync::Arc;

use kailash_core::{Result, RunId};

use super::{Ended, Runs, unknown, wake::error_of};

impl Runs {
    /// How a run that is not under way ended or stands, with what its nodes gave.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; damage in storage. What nodes gave is left out if this release cannot build the
    /// run's document any more.
    pub async fn recall(&self, run: RunId) -> Result<Arc<Ended>> {
        let head = self.head(run)?;
        let Some(kept) = &self.0.kept else {
            let state = self.lock();
            let remembered = state.remembered.iter().find(|ended| ended.run == run);
            return remembered.cloned().ok_or_else(|| unknown(run));
        };
        let wait = kept.journal.summary(run).await?.wait;
        let past = kept.journal.past(run).await?;
        let workflow = self.workflow_of(&past, head.version);
        let errors = past.failures();
        let error = past.end().and_then(|end| end.error.clone());
        let at = past.end().map_or(past.began(), |end| end.at);
        let results = workflow.and_then(|workflow| self.0.runtime.recall(&workflow, past).map_err(error_of));
        if let Err(refused) = &results {
            tracing::warn!(%run, error = %refused, "what the nodes of a run gave cannot be told by this release");
        }
        Ok(Arc::new(Ended {
            run,
            workflow: head.workflow,
            version: head.version,
            status: head.status,
            began: head.began,
            at,
            results: results.ok(),
            error,
            errors,
            wait,
        }))
    }
}

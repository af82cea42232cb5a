//! Taking up the runs that the journal knows: those that were cut off go on, the others are listed.

use kailash_core::{Map, Result, RunId, RunStatus};
use kailash_runtime::Summary;

use super::{Head, Runs, SubmitKey, submit::label};

/// How many runs are read at a time.
const PAGE: usize = 1000;

impl Runs {
    /// Reads every run of the journal. One that was under way when the process ended is woken at once.
    ///
    /// # Errors
    /// Damage in storage.
    pub(in crate::host) async fn recover(&self) -> Result<()> {
        let Some(kept) = &self.0.kept else { return Ok(()) };
        let (mut last, mut known, mut cut_off): (Option<RunId>, u64, u64) = (None, 0, 0);
        loop {
            let page = kept.journal.runs(last, PAGE).await?;
            let Some(newest) = page.last() else { break };
            last = Some(*newest);
            for run in page {
                let summary = kept.journal.summary(run).await?;
                (known, cut_off) = (known + 1, cut_off + u64::from(summary.status() == RunStatus::Running));
                let head = self.head_of(&summary);
                self.lock().table.insert(run, head);
            }
        }
        if known > 0 {
            let suspended = self.count(RunStatus::Suspended) as u64 - cut_off;
            tracing::info!(runs = known, cut_off, suspended, "runs were recovered; those cut off go on");
        }
        Ok(())
    }

    fn head_of(&self, summary: &Summary) -> Head {
        let (status, until) = match summary.status() {
            RunStatus::Running => (RunStatus::Suspended, Some(self.now())),
            status => (status, summary.wait.as_ref().and_then(|wait| wait.until)),
        };
        let version = summary.labels.get(label::VERSION).and_then(|version| version.as_i64());
        Head {
            workflow: summary.workflow.clone(),
            version: version.and_then(|version| u32::try_from(version).ok()).unwrap_or_default(),
            status,
            began: summary.began,
            ended: summary.end.as_ref().map(|end| end.at),
            until,
            key: key(&summary.labels),
        }
    }
}

fn key(labels: &Map) -> Option<SubmitKey> {
    let bits = |name: &str| u128::from_str_radix(labels.get(name)?.as_str()?, 16).ok();
    Some(SubmitKey { scope: bits(label::SCOPE)?, payload: bits(label::PAYLOAD)? })
}

//! Following a run to its end, and telling everybody who waits for it.

use std::sync::Arc;

use kailash_core::{Error, ErrorKind, Result, RunStatus};
use kailash_runtime::Prepared;
use tokio::sync::watch;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Ended, Live, Runs, drain::put_aside, ended::Told};

/// How many runs that ended are remembered where no journal keeps them.
const REMEMBERED: usize = 256;

impl Runs {
    /// Drives a run that was prepared, and follows it to its end.
    pub(super) fn follow(&self, prepared: Prepared, version: u32, token: TaskTrackerToken) -> Live {
        let (sender, ended) = watch::channel(None);
        let (control, run) = (prepared.control(), prepared.id());
        let live = Live { control, ended };
        self.lock().live.insert(run, live.clone());
        self.0.changed.notify_waiters();
        if self.is_draining() {
            // The host may have looked for runs to put aside just before.
            put_aside(&live.control);
        }
        let runs = self.clone();
        tokio::spawn(async move {
            let told = Told::from(prepared.drive().await);
            let ended = Arc::new(runs.ended(run, version, told));
            // Nobody may be waiting.
            sender.send_replace(Some(ended));
            runs.0.changed.notify_waiters();
            drop((runs, token));
        });
        live
    }

    /// Notes the end of a run.
    fn ended(&self, run: kailash_core::RunId, version: u32, told: Told) -> Ended {
        let Told { status, results, error, errors, wait } = told;
        let at = self.now();
        let mut state = self.lock();
        state.live.remove(&run);
        match status {
            RunStatus::Suspended => {
                let until = wait.as_ref().and_then(|wait| wait.until);
                state.table.set(run, status, None, until);
                self.0.timer.notify_one();
            }
            _ => state.table.set(run, status, Some(at), None),
        }
        let (workflow, began) = match state.table.get(run) {
            Some(head) => (head.workflow.clone(), head.began),
            None => (kailash_core::Text::default(), at),
        };
        let ended = Ended { run, workflow, version, status, began, at, results, error, errors, wait };
        if self.0.kept.is_none() {
            if state.remembered.len() == REMEMBERED
                && let Some(oldest) = state.remembered.pop_front()
            {
                state.table.remove(oldest.run);
            }
            state.remembered.push_back(Arc::new(ended.clone()));
        }
        drop(state);
        self.0.metrics.run_ended(&ended);
        ended
    }
}

/// Waits for the end of a run under way.
pub(super) async fn end(mut ended: watch::Receiver<Option<Arc<Ended>>>) -> Result<Arc<Ended>> {
    let told = ended.wait_for(Option::is_some).await.map(|told| told.clone());
    told.ok().flatten().ok_or_else(|| {
        Error::new(ErrorKind::Unavailable, "run.lost", "the host stopped before the run ended")
    })
}

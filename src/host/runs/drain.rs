//! Coming to rest: every run ends or is put aside.

use std::{sync::atomic::Ordering, time::Duration};

use kailash_core::RunStatus;
use kailash_runtime::RunControl;
use tokio::time::{Instant, timeout_at};

use super::Runs;

/// How long runs have to finish the nodes that are under way, after the time in which they could end.
const WIND_DOWN: Duration = Duration::from_secs(5);

impl Runs {
    /// Takes no more runs, lets those under way end within `patience`, and puts the others aside. A run without a journal
    /// is cancelled. What acts on the world and does not come to its end in time is in doubt when its run goes on.
    pub(in crate::host) async fn drain(&self, patience: Duration) {
        {
            let _state = self.lock();
            self.0.draining.store(true, Ordering::Release);
        }
        let until = Instant::now() + patience;
        self.put_all_aside(|status| status == RunStatus::Pending);
        if timeout_at(until, self.at_rest()).await.is_err() {
            self.put_all_aside(|_| true);
            if timeout_at(until + WIND_DOWN, self.at_rest()).await.is_err() {
                tracing::warn!(runs = self.0.tasks.len(), "runs did not come to rest in time");
            }
        }
    }

    fn put_all_aside(&self, which: impl Fn(RunStatus) -> bool) {
        let state = self.lock();
        for (run, live) in &state.live {
            let status = state.table.get(*run).map_or(RunStatus::Running, |head| head.status);
            if which(status) {
                put_aside(&live.control);
            }
        }
    }

    async fn at_rest(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}

/// Puts a run aside; one without a journal is cancelled.
pub(super) fn put_aside(run: &RunControl) {
    if run.wind_down().is_err() {
        run.cancel();
    }
}

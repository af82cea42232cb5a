//! Following a run to its end, and telling everybody who waits for it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
};

use kailash_core::{Error, ErrorKind, Result, RunId, RunStatus, exec::Timestamp, node::BoxFuture};
use kailash_runtime::Prepared;
use tokio::{runtime::Handle, sync::watch};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{Ended, Live, Runs, drain::put_aside, ended::Told};

/// How many runs that ended are remembered where no journal keeps them.
const REMEMBERED: usize = 256;

/// A run, driven by whoever awaits this. If that one goes away, a task of its own drives the run on.
pub(super) struct Driving {
    run: Option<BoxFuture<'static, Arc<Ended>>>,
    tokio: Handle,
}

impl Driving {
    /// Lets a task of its own drive the run.
    pub(super) fn spawn(self) {
        drop(self);
    }
}

impl Future for Driving {
    type Output = Arc<Ended>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Arc<Ended>> {
        // Polled after its end it stays pending, as any future may.
        let Some(run) = &mut self.run else { return Poll::Pending };
        let ended = run.as_mut().poll(task);
        if ended.is_ready() {
            self.run = None;
        }
        ended
    }
}

impl Drop for Driving {
    fn drop(&mut self) {
        if let Some(run) = self.run.take() {
            self.tokio.spawn(run);
        }
    }
}

impl Runs {
    /// Makes a run that was prepared known as one under way.
    pub(super) fn follow(
        &self,
        prepared: Prepared,
        version: u32,
        token: TaskTrackerToken,
    ) -> (Live, Driving) {
        let (sender, ended) = watch::channel(None);
        let (control, run) = (prepared.control(), prepared.id());
        let live = Live { control: control.clone(), ended };
        {
            let mut state = self.lock();
            state.live.insert(run, live.clone());
            // Told as the journal has it, so that it is the same after a restart.
            state.table.began(run, control.began());
        }
        self.0.changed.notify_waiters();
        if self.is_draining() {
            // The host may have looked for runs to put aside just before.
            put_aside(&live.control);
        }
        let runs = self.clone();
        let drive = async move {
            let told = Told::from(prepared.drive().await);
            let ended = runs.ended(run, version, told, control.ended());
            // Nobody may be waiting.
            sender.send_replace(Some(Arc::clone(&ended)));
            runs.0.changed.notify_waiters();
            drop((runs, token));
            ended
        };
        (live, Driving { run: Some(Box::pin(drive)), tokio: Handle::current() })
    }

    /// Waits until a run has ended, or was put aside after it had been under way.
    pub(crate) fn over(&self, run: RunId) -> BoxFuture<'static, ()> {
        let runs = self.clone();
        Box::pin(async move {
            loop {
                let mut changed = std::pin::pin!(runs.0.changed.notified());
                changed.as_mut().enable();
                let live = {
                    let state = runs.lock();
                    if state.table.get(run).is_none_or(|head| head.status.is_end()) {
                        return;
                    }
                    state.live.get(&run).cloned()
                };
                match live {
                    Some(live) => return drop(end(live.ended).await),
                    None => changed.await,
                }
            }
        })
    }

    /// Notes the end of a run, which its journal has `at` that time.
    fn ended(&self, run: RunId, version: u32, told: Told, at: Option<Timestamp>) -> Arc<Ended> {
        let Told { status, results, error, errors, wait } = told;
        let at = at.unwrap_or_else(|| self.now());
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
        let ended = Arc::new(ended);
        if self.0.kept.is_none() {
            if state.remembered.len() == REMEMBERED
                && let Some(oldest) = state.remembered.pop_front()
            {
                state.table.remove(oldest.run);
            }
            state.remembered.push_back(Arc::clone(&ended));
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

//! Letting runs go on that were put aside: at their time, or because somebody reaches for them.

use std::{pin::pin, sync::Arc, time::Duration};

use kailash_core::{
    Error, ErrorKind, Result, Retry, RunId, RunStatus, Text, Value, Workflow, WorkflowBuilder,
    exec::Timestamp, node::BoxFuture, validate::Issue,
};
use kailash_runtime::{Past, Permit, RunError, Start};
use tokio_util::{sync::CancellationToken, task::task_tracker::TaskTrackerToken};

use super::{Kept, Live, Runs, stopping, table::Claim, unknown};

/// The longest time between two looks at the clock, which somebody may set.
const NAP: Duration = Duration::from_secs(60);

/// After how many milliseconds a run is tried again that could not go on at its time.
const AGAIN_MS: i64 = 5000;

/// Where a run stands that has not ended.
pub(super) enum Found {
    Live(Live),
    /// It was suspended, and whoever asked is to let it go on.
    Claimed(Claim, TaskTrackerToken),
    /// Somebody else lets it go on.
    Waking,
}

impl Runs {
    /// Finds a run under way, or lets it go on.
    pub(super) async fn reach(&self, run: RunId) -> Result<Live> {
        loop {
            let mut changed = pin!(self.0.changed.notified());
            changed.as_mut().enable();
            match self.find(run)? {
                Found::Live(live) => return Ok(live),
                Found::Claimed(claim, token) => {
                    let runs = self.clone();
                    return whatever_becomes_of_the_caller(async move {
                        runs.resume(run, claim, None, runs.admission(run), token).await
                    })
                    .await;
                }
                Found::Waking => changed.await,
            }
        }
    }

    /// Where a run stands that has not ended. One that is suspended is claimed for the caller.
    pub(super) fn find(&self, run: RunId) -> Result<Found> {
        let mut state = self.lock();
        let head = state.table.get(run).ok_or_else(|| unknown(run))?;
        if head.status.is_end() {
            let message = format!("run {run} has ended: it is {}", head.status.as_str());
            return Err(Error::new(ErrorKind::Conflict, "run.ended", message));
        }
        if let Some(live) = state.live.get(&run) {
            return Ok(Found::Live(live.clone()));
        }
        let token = self.enter(&state).ok_or_else(stopping)?;
        Ok(match state.table.claim(run) {
            Some(claim) => Found::Claimed(claim, token),
            None => Found::Waking,
        })
    }

    /// Lets runs go on at their time, until `stop`.
    pub(in crate::host) async fn wake_in_time(self, stop: CancellationToken) -> Result<()> {
        loop {
            if self.is_draining() {
                stop.cancelled().await;
                return Ok(());
            }
            let next = self.lock().table.next_timer();
            let wait = match next {
                Some((at, _)) => NAP.min(at.saturating_since(self.now())),
                None => NAP,
            };
            if let (Some((_, run)), true) = (next, wait.is_zero()) {
                tokio::select! {
                    () = self.wake(run) => {}
                    () = stop.cancelled() => return Ok(()),
                }
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.timer.notified() => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Lets a run go on whose time has come, when there is a place for it.
    async fn wake(&self, run: RunId) {
        let Ok(permit) = Arc::clone(&self.0.permits).acquire_owned().await else { return };
        let claimed = {
            let mut state = self.lock();
            self.enter(&state).and_then(|token| Some((state.table.claim(run)?, token)))
        };
        let Some((claim, token)) = claimed else { return };
        let admission: BoxFuture<'static, Permit> = Box::pin(std::future::ready(Box::new(permit) as Permit));
        if let Err(error) = self.resume(run, claim, None, Ok(Some(admission)), token).await {
            tracing::error!(%run, %error, "a run cannot go on");
        }
    }

    /// Lets a run go on that was claimed. If that fails, it is suspended as before: without a time, if it cannot go on,
    /// else at its time or a little later.
    pub(super) async fn resume(
        &self,
        run: RunId,
        claim: Claim,
        signal: Option<(Text, Value)>,
        admission: Result<Option<BoxFuture<'static, Permit>>>,
        token: TaskTrackerToken,
    ) -> Result<Live> {
        let resumed = match (&self.0.kept, admission) {
            (_, Err(refused)) => Err(refused),
            (None, _) => Err(unknown(run)),
            (Some(kept), Ok(admission)) => {
                self.resume_from(kept, run, Start { signal, admission, ..Start::default() }, token).await
            }
        };
        if let Err(error) = &resumed {
            let soon = Timestamp::from_unix_millis(self.now().unix_millis() + AGAIN_MS);
            let until = claim.until.filter(|_| error.retry() != Retry::Never).map(|until| until.max(soon));
            self.lay_back(run, until);
        }
        resumed
    }

    /// Gives a claimed run back: it is suspended as before, and goes on at `until`.
    pub(super) fn lay_back(&self, run: RunId, until: Option<Timestamp>) {
        self.lock().table.set(run, RunStatus::Suspended, None, until);
        self.0.changed.notify_waiters();
        self.0.timer.notify_one();
    }

    async fn resume_from(
        &self,
        kept: &Kept,
        run: RunId,
        start: Start,
        token: TaskTrackerToken,
    ) -> Result<Live> {
        let past = kept.journal.past(run).await?;
        let version = self.head(run)?.version;
        let workflow = self.workflow_of(&past, version).map_err(|error| unbuildable(&error))?;
        self.lock().table.set(run, RunStatus::Running, None, None);
        let prepared = self.0.runtime.prepare_resumed(&workflow, past, start).map_err(error_of)?;
        let (live, driving) = self.follow(prepared, version, token);
        driving.spawn();
        Ok(live)
    }

    /// The workflow of a run: the registered one, if it has not changed since, else one made of the run's own document.
    pub(super) fn workflow_of(&self, past: &Past, version: u32) -> Result<Workflow> {
        let registered = self.0.workflows.version(&past.document().name, version);
        if let Ok(registered) = registered
            && registered.workflow.document() == past.document()
        {
            return Ok(registered.workflow);
        }
        let built = WorkflowBuilder::from(past.document().clone()).build(self.0.workflows.registry());
        built.map_err(Error::from)
    }
}

/// Does something to its end that must not stop half way, also if the caller goes away.
pub(super) async fn whatever_becomes_of_the_caller<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|error| Err(Error::internal(format!("a run that was put aside: {error}"))))
}

/// The run is there; what its document names is not.
fn unbuildable(error: &Error) -> Error {
    let message = format!("this release cannot build the run's document any more: {}", error.message());
    Error::new(ErrorKind::Conflict, "run.document", message)
        .with_retry(Retry::Never)
        .with_hint("let the release that it began with finish it, or cancel it")
}

/// The one error of what keeps a run from going on.
pub(super) fn error_of(refused: RunError) -> Error {
    match refused {
        RunError::Refused(mut issues) => match (issues.0.pop(), issues.0.is_empty()) {
            (Some(only @ Issue { node: None, .. }), true) => only.into(),
            (last, _) => {
                issues.0.extend(last);
                issues.into()
            }
        },
        RunError::Lost { error, .. } => error,
        RunError::Unfinished(unfinished) => unfinished.error,
        suspended @ RunError::Suspended { .. } => Error::internal(suspended.to_string()),
    }
}

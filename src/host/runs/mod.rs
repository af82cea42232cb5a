//! The runs of a host: submitted, followed, put aside, woken, recalled, forgotten.
//!
//! ```text
//! submit ──admission──> live ──ends──> ended (journal, table)
//!   │ waits              │ ^
//!   │                    v │ timer, signal
//!   └─ same key       suspended (journal, table)
//! ```

mod cancel;
mod drain;
mod ended;
mod follow;
mod forget;
mod recall;
mod recover;
mod signal;
mod submit;
mod table;
mod wake;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use kailash_core::{
    Error, ErrorKind, Result, Retry, RunId, RunStatus,
    exec::{Clock, SystemClock},
    log::SegmentRunLog,
};
use kailash_runtime::{Happened, Journal, RunControl, Runtime, Wait};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use self::table::Table;
pub use self::{
    ended::Ended,
    submit::{Executed, Refused, Request, Submitted},
    table::{Filter, Head, SubmitKey},
};
use super::{config::JournalSection, metrics::Metrics, trace::Spans, workflows::Workflows};

/// A handle to the runs of a host.
#[derive(Clone)]
pub struct Runs(Arc<Inner>);

/// A handle that keeps nothing alive.
pub(super) struct WeakRuns(Weak<Inner>);

impl WeakRuns {
    pub(super) fn upgrade(&self) -> Option<Runs> {
        self.0.upgrade().map(Runs)
    }
}

struct Inner {
    runtime: Arc<dyn Runtime>,
    kept: Option<Kept>,
    workflows: Workflows,
    metrics: Metrics,
    spans: Spans,
    clock: SystemClock,
    state: Mutex<State>,
    /// Told when a run begins, ends or is put aside.
    changed: Notify,
    /// Told when there is a new timer.
    timer: Notify,
    /// A permit for each run that may be under way.
    permits: Arc<Semaphore>,
    max_waiting: usize,
    waiting: AtomicUsize,
    /// Whether no more runs are taken. Set under the lock of the state.
    draining: AtomicBool,
    /// Everything that is on its way to begin a run, or drives one.
    tasks: TaskTracker,
}

/// Where runs are kept beyond the life of the process.
pub(super) struct Kept {
    pub(super) journal: Journal,
    pub(super) log: Arc<SegmentRunLog>,
    pub(super) section: JournalSection,
}

#[derive(Default)]
struct State {
    table: Table,
    live: HashMap<RunId, Live>,
    /// The last runs that ended, where no journal keeps them.
    remembered: std::collections::VecDeque<Arc<Ended>>,
}

/// A run under way.
#[derive(Clone)]
struct Live {
    control: RunControl,
    ended: watch::Receiver<Option<Arc<Ended>>>,
}

impl Runs {
    /// No runs yet.
    pub(super) fn new(
        runtime: Arc<dyn Runtime>,
        kept: Option<Kept>,
        workflows: Workflows,
        (metrics, spans): (Metrics, Spans),
        (max_running, max_waiting): (usize, usize),
    ) -> Self {
        Self(Arc::new(Inner {
            runtime,
            kept,
            workflows,
            metrics,
            spans,
            clock: SystemClock::default(),
            state: Mutex::default(),
            changed: Notify::new(),
            timer: Notify::new(),
            permits: Arc::new(Semaphore::new(max_running)),
            max_waiting,
            waiting: AtomicUsize::new(0),
            draining: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        }))
    }

    pub(super) fn downgrade(&self) -> WeakRuns {
        WeakRuns(Arc::downgrade(&self.0))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run at a glance.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`.
    pub fn head(&self, run: RunId) -> Result<Head> {
        self.lock().table.get(run).cloned().ok_or_else(|| unknown(run))
    }

    /// The runs that `filter` names, the newest first, at most `limit`.
    #[must_use]
    pub fn list(&self, filter: &Filter, limit: usize) -> Vec<(RunId, Head)> {
        self.lock().table.list(filter, limit)
    }

    /// How many runs stand as `status`.
    #[must_use]
    pub fn count(&self, status: RunStatus) -> usize {
        self.lock().table.count(status)
    }

    /// What a suspended run waits for.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; damage in storage.
    pub async fn waits_for(&self, run: RunId) -> Result<Option<Wait>> {
        match &self.0.kept {
            Some(kept) => Ok(kept.journal.summary(run).await?.wait),
            None => Ok(None),
        }
    }

    /// What happened in a run, from position `from` of its journal on, at most `limit`; nothing without a journal.
    ///
    /// # Errors
    /// Kind `Missing` for an unknown run; damage in storage.
    pub async fn history(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<Happened>> {
        self.head(run)?;
        match &self.0.kept {
            Some(kept) => kept.journal.history_page(run, from, limit).await,
            None => Ok(Vec::new()),
        }
    }

    /// Whether runs wait because the journal takes nothing for now, most often because its disk is full.
    #[must_use]
    pub fn wait_for_journal(&self) -> bool {
        self.0.kept.as_ref().is_some_and(|kept| kept.journal.is_waited_for())
    }

    /// Whether no more runs are taken, because the host stops.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// What keeps the host from coming to rest while a run begins; none once it takes no more. Called under the lock of
    /// the state.
    fn enter(&self, _locked: &State) -> Option<TaskTrackerToken> {
        (!self.is_draining()).then(|| self.0.tasks.token())
    }

    fn now(&self) -> kailash_core::exec::Timestamp {
        self.0.clock.now()
    }
}

fn unknown(run: RunId) -> Error {
    Error::missing("run.unknown", format!("there is no run {run}"))
}

fn stopping() -> Error {
    Error::new(ErrorKind::Unavailable, "host.stopping", "the host is stopping")
        .with_retry(Retry::After(std::time::Duration::from_secs(5)))
}

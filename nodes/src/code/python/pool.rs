//! The pool: which worker serves a call, and how long workers live.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, OnceCell, Semaphore};
use tokio::time::Instant;

use super::interpreter::{self, Interpreter};
use super::worker::{Done, NotRun, Worker};
use super::{Call, PythonError, PythonSettings, Reply, Sandbox};

/// A pool of worker processes that run user Python.
///
/// A clone is another handle of the same pool. Making a pool starts nothing: the interpreter is looked
/// for and a worker is started when a call needs one. All workers end with the last handle. A worker
/// serves the tokio executor that it was started in, which needs its I/O and time drivers; a call made
/// in another executor replaces it.
#[derive(Debug, Clone)]
pub struct PythonPool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: PythonSettings,
    interpreter: OnceCell<Arc<Interpreter>>,
    /// One permit for each call that may run at a time; first come, first served.
    slots: Semaphore,
    state: Mutex<State>,
    /// Told when no call runs any more.
    quiet: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The free workers, the one that waits longest first.
    free: Vec<Worker>,
    /// The calls that run or wait for their worker to start.
    busy: usize,
    /// The executor whose task ends the workers that wait too long.
    reaping: Option<tokio::runtime::Id>,
    closed: bool,
}

impl PythonPool {
    /// A pool with these settings; starts no process.
    #[must_use]
    pub fn new(settings: PythonSettings) -> Self {
        let settings = PythonSettings { max_workers: settings.max_workers.max(1), ..settings };
        Self {
            inner: Arc::new(Inner {
                interpreter: OnceCell::new(),
                slots: Semaphore::new(settings.max_workers.min(Semaphore::MAX_PERMITS)),
                state: Mutex::default(),
                quiet: Notify::new(),
                settings,
            }),
        }
    }

    /// Runs a call in a worker, waiting for a free one where all are in use.
    ///
    /// The call's time begins when a worker is ready for it. Dropping the future ends the worker that
    /// runs the call, since nothing is known of its state then.
    ///
    /// # Errors
    ///
    /// A [`PythonError`] that says what is the matter with the code, its value or the worker.
    pub async fn call(&self, call: Call) -> Result<Reply, PythonError> {
        let _slot = self.inner.slots.acquire().await.map_err(|_| PythonError::Closed)?;
        let _lease = Lease::new(&self.inner);
        let settings = &self.inner.settings;
        loop {
            let worker = match self.inner.take(call.sandbox) {
                Some(worker) => worker,
                None => self.start(call.sandbox).await?,
            };
            match worker.call(&call, settings).await {
                Ok(Done { worker, result }) => {
                    if let Some(unwanted) = worker.and_then(|worker| self.inner.give_back(worker)) {
                        unwanted.end().await;
                    }
                    return result;
                }
                Err(NotRun) => tracing::debug!("a free python worker had died; taking another one"),
            }
        }
    }

    /// Ends the pool: calls that wait answer [`PythonError::Closed`], calls that run come to their end,
    /// then all workers are ended. Returns when their processes are gone.
    pub async fn shutdown(&self) {
        self.inner.slots.close();
        let free = {
            let mut state = self.inner.state();
            state.closed = true;
            std::mem::take(&mut state.free)
        };
        for worker in free {
            worker.end().await;
        }
        loop {
            let quiet = self.inner.quiet.notified();
            tokio::pin!(quiet);
            quiet.as_mut().enable();
            if self.inner.state().busy == 0 {
                break;
            }
            quiet.await;
        }
    }

    async fn start(&self, confinement: Sandbox) -> Result<Worker, PythonError> {
        let settings = &self.inner.settings;
        let found = self
            .inner
            .interpreter
            .get_or_try_init(|| async { interpreter::find(settings).await.map(Arc::new) })
            .await?;
        Worker::start(Arc::clone(found), settings, confinement).await
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The free worker of this kind that was used last. Where there is none, makes room for a new one.
    fn take(&self, confinement: Sandbox) -> Option<Worker> {
        let mut state = self.state();
        state.free.retain(Worker::is_at_home);
        if let Some(index) = state.free.iter().rposition(|worker| worker.confinement == confinement) {
            return Some(state.free.remove(index));
        }
        // The caller is counted in `busy`. A free worker of the other kind must go where the new one
        // would be one too many.
        if state.free.len() + state.busy > self.settings.max_workers && !state.free.is_empty() {
            drop(state.free.remove(0));
        }
        None
    }

    /// Keeps a worker for the next call, or gives it back where the pool is shut down.
    fn give_back(self: &Arc<Self>, worker: Worker) -> Option<Worker> {
        let mut state = self.state();
        if state.closed {
            return Some(worker);
        }
        state.free.push(worker);
        let here = Some(Handle::current().id());
        if state.reaping != here {
            state.reaping = here;
            tokio::spawn(reap(Arc::downgrade(self), self.settings.idle_timeout));
        }
        None
    }

    /// Ends the workers that have waited too long; when to look again, if any worker still waits.
    fn expire(&self, idle_timeout: Duration) -> Option<Instant> {
        let mut state = self.state();
        let now = Instant::now();
        state.free.retain(|worker| now.duration_since(worker.free_since) < idle_timeout);
        let next = state.free.iter().map(|worker| worker.free_since + idle_timeout).min();
        let here = Some(Handle::current().id());
        if next.is_none() && state.reaping == here {
            state.reaping = None;
        }
        next
    }
}

async fn reap(pool: Weak<Inner>, idle_timeout: Duration) {
    loop {
        let next = match pool.upgrade() {
            Some(pool) => pool.expire(idle_timeout),
            None => return,
        };
        match next {
            Some(next) => tokio::time::sleep_until(next).await,
            None => return,
        }
    }
}

/// Counts a call as busy as long as it runs.
struct Lease<'a>(&'a Inner);

impl<'a> Lease<'a> {
    fn new(pool: &'a Inner) -> Self {
        pool.state().busy += 1;
        Self(pool)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy -= 1;
        if state.busy == 0 {
            self.0.quiet.notify_waiters();
        }
    }
}

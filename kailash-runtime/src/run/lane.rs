//! Compute under a time limit: on threads that can be left behind. A stuck one is counted and replaced, up to a cap.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    node::{Context, Inputs, Outcome, Run},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::body;

/// Threads for compute nodes that have a time limit. Shared by the runs of a runtime.
pub(crate) struct Lane {
    permits: Arc<Semaphore>,
    stuck: Arc<AtomicUsize>,
    max_stuck: usize,
}

impl Lane {
    pub(crate) fn new(threads: usize, max_stuck: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(threads)), stuck: Arc::default(), max_stuck }
    }

    /// How many threads are in bodies that were given up.
    pub(crate) fn stuck(&self) -> usize {
        self.stuck.load(Ordering::Acquire)
    }

    /// Waits for a thread. The time limit of a node begins after that.
    pub(crate) async fn seat(&self) -> Result<Seat> {
        self.refuse_if_stuck()?;
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Error::internal("the compute lane is closed"))?;
        self.refuse_if_stuck()?;
        Ok(Seat(permit))
    }

    fn refuse_if_stuck(&self) -> Result<()> {
        let stuck = self.stuck();
        if stuck < self.max_stuck {
            return Ok(());
        }
        let message = format!("{stuck} compute threads are stuck in nodes past their time limit");
        Err(Error::new(ErrorKind::Limit, "compute.stuck", message).with_retry(Retry::Never))
    }

    /// Runs `run` on a thread; dropping the future leaves the thread behind.
    pub(crate) async fn run(
        &self,
        seat: Seat,
        run: Arc<dyn Run>,
        inputs: Inputs,
        cx: Context,
    ) -> Result<Outcome> {
        self.job(seat, move || run.run(inputs, &cx)).await
    }

    /// Runs `job` on a thread; dropping the future leaves the thread behind.
    pub(crate) async fn job<T: Send + 'static>(
        &self,
        seat: Seat,
        job: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut watch =
            Watch { stuck: Arc::clone(&self.stuck), finished: Arc::default(), permit: Some(seat.0) };
        let (stuck, finished) = (Arc::clone(&self.stuck), Arc::clone(&watch.finished));
        let thread = tokio::task::spawn_blocking(move || {
            let outcome = body::guarded(job);
            if finished.swap(DONE, Ordering::AcqRel) == LEFT {
                stuck.fetch_sub(1, Ordering::AcqRel);
            }
            outcome
        });
        let outcome =
            thread.await.unwrap_or_else(|error| Err(Error::internal(format!("a compute thread: {error}"))));
        watch.permit = None;
        outcome
    }
}

/// A thread that is free for one body.
pub(crate) struct Seat(OwnedSemaphorePermit);

const DONE: usize = 1;
const LEFT: usize = 2;

/// Counts a thread as stuck if the future is dropped while the body still runs.
struct Watch {
    stuck: Arc<AtomicUsize>,
    finished: Arc<AtomicUsize>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.permit.is_some() {
            // Counted before it is marked as left, so that the count never goes below zero.
            self.stuck.fetch_add(1, Ordering::AcqRel);
            if self.finished.swap(LEFT, Ordering::AcqRel) == DONE {
                self.stuck.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

//! What a body may ask of the run it is part of.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use futures_channel::oneshot;

use crate::{
    Error, ErrorKind, Result, UnitId,
    event::What,
    exec::{Clock, Monotonic},
};

/// A unit of work in the numbering of its run: the frame of its scope and its place there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitKey {
    /// The frame.
    pub frame: u32,
    /// The node in the frame's scope.
    pub node: u32,
}

/// What a runtime offers to the bodies of one run.
pub trait RunScope: Send + Sync {
    /// The full id of a unit.
    fn unit_id(&self, unit: UnitKey) -> UnitId;
    /// Whether the run was asked to stop.
    fn is_cancelled(&self) -> bool;
    /// The clock.
    fn clock(&self) -> &dyn Clock;
    /// Tells listeners, if there are any.
    fn emit(&self, unit: UnitKey, attempt: u32, what: What);
    /// Runs a job on a thread that may block.
    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>);
}

/// What a body may ask of the run it is part of. Everything else is a service.
#[derive(Clone)]
pub struct Context {
    run: Arc<dyn RunScope>,
    unit: UnitKey,
    attempt: u32,
    deadline: Option<Monotonic>,
}

impl Context {
    /// The context of one attempt at one unit; for runtimes.
    #[must_use]
    pub fn new(run: Arc<dyn RunScope>, unit: UnitKey, attempt: u32, deadline: Option<Monotonic>) -> Self {
        Self { run, unit, attempt, deadline }
    }

    /// The same context turned to another unit; for runtimes.
    #[inline]
    pub fn turn_to(&mut self, unit: UnitKey, attempt: u32, deadline: Option<Monotonic>) {
        self.unit = unit;
        self.attempt = attempt;
        self.deadline = deadline;
    }

    /// The unit in its run's own numbering; for runtimes.
    #[must_use]
    pub fn key(&self) -> UnitKey {
        self.unit
    }

    /// The unit: run, node path, iteration and item.
    #[must_use]
    pub fn unit(&self) -> UnitId {
        self.run.unit_id(self.unit)
    }

    /// Which attempt this is, from 1. For messages: identity never depends on it.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The time left until this attempt is given up, if there is a limit.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline.map(|at| at.saturating_since(self.run.clock().monotonic()))
    }

    /// To be called now and then by long work: whether to go on.
    ///
    /// # Errors
    /// Kind `Cancelled` when the run was asked to stop, kind `Timeout` past the deadline.
    pub fn check(&self) -> Result<()> {
        if self.run.is_cancelled() {
            return Err(Error::new(ErrorKind::Cancelled, "run.cancelled", "the run was cancelled"));
        }
        if self.deadline().is_some_and(|left| left.is_zero()) {
            return Err(Error::new(ErrorKind::Timeout, "node.timeout", "the time limit passed"));
        }
        Ok(())
    }

    /// The clock of the run.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        self.run.clock()
    }

    /// Tells whoever listens to the run; free when nobody does.
    pub fn emit(&self, what: What) {
        self.run.emit(self.unit, self.attempt, what);
    }

    /// Runs blocking I/O on a thread made for it and awaits its result.
    ///
    /// # Errors
    /// What `job` fails with; kind `Node`, code `node.panic`, if it panics.
    pub async fn blocking<T, F>(&self, job: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.run.spawn_blocking(Box::new(move || {
            let result =
                catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)));
            // The receiver is gone only if the awaiting node was given up: nobody wants the result then.
            drop(sender.send(result));
        }));
        let gone =
            || Error::new(ErrorKind::Cancelled, "run.cancelled", "the executor ended before the job ran");
        receiver.await.unwrap_or_else(|_| Err(gone()))
    }

    /// A key that is the same for every attempt at this unit, for peers that can recognise a repeated request.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        self.unit().idempotency_key()
    }
}

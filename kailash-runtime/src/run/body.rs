//! Calling bodies: whatever they do, only their node fails.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context as Task, Poll},
};

use kailash_core::{
    Error, ErrorKind, Result,
    node::{BoxFuture, Outcome, UnitKey},
};

/// Calls `body` and makes an error of its panic.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

/// A body wants to be suspended, and nothing keeps it until it is woken.
pub(crate) fn no_suspension() -> Error {
    let message = "this runtime keeps no journal, so that a node cannot be suspended";
    Error::new(ErrorKind::Unavailable, "node.suspend", message).with_retry(kailash_core::Retry::Never)
}

/// Refuses an outcome that the scheduler could not take, so that no such node is ever called finished.
pub(crate) fn checked(outcome: Outcome, declared: usize) -> Result<Outcome> {
    match &outcome {
        Outcome::Suspend(_) => Err(no_suspension()),
        Outcome::Done(outputs) if outputs.len() > declared => {
            Err(crate::schedule::too_many(outputs.len(), declared))
        }
        Outcome::Done(_) => Ok(outcome),
    }
}

/// Polls an async body and makes an error of its panic.
pub(crate) fn poll_guarded(
    future: &mut BoxFuture<'static, Result<Outcome>>,
    task: &mut Task<'_>,
) -> Poll<Result<Outcome>> {
    catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task)))
        .unwrap_or_else(|panic| Poll::Ready(Err(Error::panicked(&*panic))))
}

/// An async body under way. Its panic fails its node alone.
pub(crate) struct Flight {
    pub(crate) unit: UnitKey,
    future: BoxFuture<'static, Result<Outcome>>,
}

impl Flight {
    pub(crate) fn new(unit: UnitKey, future: BoxFuture<'static, Result<Outcome>>) -> Self {
        Self { unit, future }
    }
}

impl Future for Flight {
    type Output = (UnitKey, Result<Outcome>);

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let unit = self.unit;
        poll_guarded(&mut self.future, task).map(|outcome| (unit, outcome))
    }
}

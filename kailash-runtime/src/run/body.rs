//! Calling bodies: whatever they do, only their node fails.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context as Task, Poll},
};

use kailash_core::{
    Error, Result,
    node::{BoxFuture, Outcome, UnitKey},
};

use crate::plan::Unit;

/// Calls `body` and makes an error of its panic.
pub(crate) fn guarded<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(Error::panicked(&*panic)))
}

/// A body wants to be suspended, and nothing keeps its inputs until it is woken.
pub(crate) fn no_suspension() -> Error {
    let message = "the node asks to be suspended where that cannot be";
    Error::internal(message)
        .with_hint("its body must be declared as suspending, and it may not be part of a stream")
}

/// Refuses an outcome that the scheduler could not take, so that no such node is ever called finished.
pub(crate) fn checked(outcome: Outcome, planned: &Unit) -> Result<Outcome> {
    match &outcome {
        Outcome::Suspend(_) if !planned.suspends => Err(no_suspension()),
        Outcome::Done(outputs) if outputs.len() > planned.slots.len() => {
            Err(crate::schedule::too_many(outputs.len(), planned.slots.len()))
        }
        Outcome::Done(_) | Outcome::Suspend(_) => Ok(outcome),
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

//! Calling bodies: whatever they do, only their node fails.

use std::{
    any::Any,
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
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::node("node.panic", format!("the node panicked: {message}")).with_retry(kailash_core::Retry::Never)
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
        Outcome::Done(outputs) if outputs.len() > declared => Err(too_many(outputs.len(), declared)),
        Outcome::Done(_) => Ok(outcome),
    }
}

/// A body gave more outputs than its node declares.
pub(crate) fn too_many(given: usize, declared: usize) -> Error {
    Error::internal(format!("the body gave {given} outputs, but {declared} are declared"))
}

/// Polls an async body and makes an error of its panic.
pub(crate) fn poll_guarded(
    future: &mut BoxFuture<'static, Result<Outcome>>,
    task: &mut Task<'_>,
) -> Poll<Result<Outcome>> {
    catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task)))
        .unwrap_or_else(|panic| Poll::Ready(Err(panicked(&*panic))))
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

//! An async unit under way: polled by the driver, or a task of its own.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
};

use kailash_core::{
    Error, ErrorKind, Result,
    node::{Outcome, UnitKey},
};
use tokio::task::JoinHandle;

use super::body::Flight;

/// A future under way: polled by the driver, or a task of its own. Dropping it ends it.
pub(crate) enum Flying {
    Here(Flight),
    Task { unit: UnitKey, handle: JoinHandle<(UnitKey, Result<Outcome>)> },
}

impl Future for Flying {
    type Output = (UnitKey, Result<Outcome>);

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Here(flight) => Pin::new(flight).poll(task),
            Self::Task { unit, handle } => Pin::new(handle).poll(task).map(|joined| {
                joined.unwrap_or_else(|error| {
                    (
                        *unit,
                        Err(Error::new(
                            ErrorKind::Internal,
                            "node.task",
                            format!("the node's task: {error}"),
                        )),
                    )
                })
            }),
        }
    }
}

impl Drop for Flying {
    fn drop(&mut self) {
        if let Self::Task { handle, .. } = self {
            handle.abort();
        }
    }
}

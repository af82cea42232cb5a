//! Long-lived tasks of a host: what the failure of each means, and in which order they stop.

use std::{future::Future, sync::Arc, time::Duration};

use kailash_core::{
    Error, Result, Retry,
    exec::{Backoff, Jitter, RetryPolicy},
};
use tokio::{sync::Notify, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

/// The waits before a task that failed is started again.
const RESTARTS: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    delay_ms: 100,
    max_delay_ms: 30_000,
    backoff: Backoff::Exponential,
    jitter: Jitter::None,
};

/// A task that ran for so long was well: its next failure is its first.
const WELL: Duration = Duration::from_secs(60);

/// What the failure of a task means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    /// It is started again, after a while that grows with each failure.
    Restart,
    /// The host stops.
    StopHost,
}

/// Runs tasks, and stops them in the reverse of the order in which they were started.
#[derive(Default)]
pub(super) struct Supervisor {
    tasks: Vec<Task>,
    /// Told when a task failed that the host cannot do without.
    failed: Arc<Notify>,
}

struct Task {
    name: &'static str,
    stop: CancellationToken,
    handle: JoinHandle<()>,
}

impl Supervisor {
    /// Starts a task. `make` makes its future, again after a failure if `policy` says so; it ends when its token is
    /// cancelled.
    pub(super) fn start<F, Fut>(&mut self, name: &'static str, policy: Policy, make: F)
    where
        F: Fn(CancellationToken) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let (token, failed) = (stop.clone(), Arc::clone(&self.failed));
        let handle = tokio::spawn(async move {
            let (mut attempt, mut began) = (0, Instant::now());
            // A panic is a failure like any other.
            while let Err(error) = joined(tokio::spawn(make(token.clone()))).await {
                if began.elapsed() > WELL {
                    attempt = 0;
                }
                tracing::error!(task = name, %error, "a task of the host failed");
                if token.is_cancelled() {
                    return;
                }
                if policy == Policy::StopHost {
                    failed.notify_one();
                    return;
                }
                attempt += 1;
                let wait =
                    RESTARTS.next_delay(attempt, &error.with_retry(Retry::Now), 0.0).unwrap_or_default();
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = token.cancelled() => return,
                }
                began = Instant::now();
            }
        });
        self.tasks.push(Task { name, stop, handle });
    }

    /// Waits until a task has failed that the host cannot do without.
    pub(super) async fn failed(&self) {
        self.failed.notified().await;
    }

    /// Stops every task, each with `patience`.
    pub(super) async fn stop(&mut self, patience: Duration) {
        while let Some(Task { name, stop, handle }) = self.tasks.pop() {
            stop.cancel();
            let abort = handle.abort_handle();
            if tokio::time::timeout(patience, handle).await.is_err() {
                tracing::warn!(task = name, "a task of the host did not stop in time and was given up");
                abort.abort();
            }
        }
    }
}

async fn joined(task: JoinHandle<Result<()>>) -> Result<()> {
    task.await.unwrap_or_else(|error| Err(Error::internal(format!("the task: {error}"))))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_is_started_again_until_it_ends_by_itself() {
        let (calls, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let mut supervisor = Supervisor::default();
        let (counted, told) = (Arc::clone(&calls), Arc::clone(&ended));
        supervisor.start("fails twice", Policy::Restart, move |_| {
            let (call, told) = (counted.fetch_add(1, Ordering::SeqCst), Arc::clone(&told));
            async move {
                match call {
                    0 => Err(Error::internal("no")),
                    1 => panic!("not even an answer"),
                    _ => {
                        told.notify_one();
                        Ok(())
                    }
                }
            }
        });
        ended.notified().await;
        assert_eq!(calls.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn the_host_hears_of_a_task_that_it_cannot_do_without() {
        let mut supervisor = Supervisor::default();
        supervisor.start("fails", Policy::StopHost, |_| async { Err(Error::internal("no")) });
        supervisor.failed().await;
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_stop_in_reverse_and_one_that_does_not_is_given_up() {
        let (order, mut supervisor) = (Arc::new(Mutex::new(Vec::new())), Supervisor::default());
        for name in ["first", "second"] {
            let order = Arc::clone(&order);
            supervisor.start(name, Policy::Restart, move |stop| {
                let order = Arc::clone(&order);
                async move {
                    stop.cancelled().await;
                    order.lock().unwrap().push(name);
                    Ok(())
                }
            });
        }
        supervisor.start("deaf", Policy::Restart, |_| std::future::pending());
        supervisor.stop(Duration::from_secs(1)).await;
        assert_eq!(*order.lock().unwrap(), ["second", "first"]);
    }
}

//! What waits for the writer.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{Error, ErrorKind, Result, Retry};

/// How many bytes may wait.
const MAX_WAITING: usize = 64 << 20;

/// Told by the writer: the index of the first record, or why there is none.
pub(super) type Answer = Box<dyn FnOnce(Result<u64>) + Send>;

/// Work for the writer.
pub(super) enum Job {
    Append {
        records: Vec<Bytes>,
        answer: Answer,
    },
    /// Forget the records from this index on.
    Truncate {
        from: u64,
        answer: Answer,
    },
    /// Forget whole segments before this index.
    Purge {
        to: u64,
        answer: Answer,
    },
    /// Forget everything and begin again at this index.
    Restart {
        next: u64,
        answer: Answer,
    },
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
    /// How many jobs the writer waits for.
    wanted: usize,
}

impl Waiting {
    fn take(&mut self, most: usize) -> VecDeque<Job> {
        let mut taken = VecDeque::new();
        let mut bytes = 0;
        while let Some(job) = self.jobs.pop_front_if(|job| bytes == 0 || bytes + size(job) <= most) {
            bytes += size(&job);
            taken.push_back(job);
        }
        self.bytes -= bytes;
        taken
    }
}

/// Jobs in order, from any thread to the writer's.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    filled: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job behind the others.
    ///
    /// # Errors
    /// Kind `Limit`, code `log.busy`, while too much waits; the job's answer is dropped unheard.
    pub(super) fn push(&self, job: Job) -> Result<()> {
        let mut waiting = self.lock();
        let bytes = size(&job);
        if waiting.bytes > 0 && waiting.bytes + bytes > MAX_WAITING {
            let message = format!("{} bytes wait to be written", waiting.bytes);
            return Err(Error::new(ErrorKind::Limit, "log.busy", message)
                .with_retry(Retry::After(Duration::from_millis(100))));
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back(job);
        let enough = waiting.jobs.len() >= waiting.wanted;
        drop(waiting);
        if enough {
            self.filled.notify_one();
        }
        Ok(())
    }

    /// Waits for jobs and takes those from the front that fit together into `most` bytes, at least one. Once there is
    /// one it waits for no longer than `patience` until there are `expected`. None when the queue is closed and empty.
    pub(super) fn take(&self, most: usize, expected: usize, patience: Duration) -> Option<VecDeque<Job>> {
        let mut waiting = self.lock();
        while waiting.jobs.is_empty() && !waiting.closed {
            waiting.wanted = 1;
            waiting = self.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let until = Instant::now() + patience;
        while waiting.jobs.len() < expected && !waiting.closed {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting.wanted = expected;
            waiting = self.filled.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if waiting.jobs.is_empty() { None } else { Some(waiting.take(most)) }
    }

    /// Takes jobs from the front that fit together into `most` bytes, at least one if there is one.
    pub(super) fn take_now(&self, most: usize) -> VecDeque<Job> {
        self.lock().take(most)
    }

    /// Waits for `time`, or until the queue is closed; whether it is still open.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let waiting = self.lock();
        let open = self.filled.wait_timeout_while(waiting, time, |waiting| !waiting.closed);
        !open.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Lets the writer end when it has done what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }
}

fn size(job: &Job) -> usize {
    match job {
        Job::Append { records, .. } => records.iter().map(Bytes::len).sum::<usize>().max(1),
        Job::Truncate { .. } | Job::Purge { .. } | Job::Restart { .. } => 1,
    }
}

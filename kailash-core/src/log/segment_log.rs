//! The log as its users see it.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::{self, JoinHandle},
};

use bytes::Bytes;
use futures_channel::oneshot;

use super::{
    disk::{Disk, disk_error},
    open::open,
    queue::{Answer, Job, Queue},
    record,
    runner::Handed,
    segment::{START, Segment, damaged, name},
    writer::Writer,
};
use crate::{Error, Result};

/// How a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// The length in bytes from which on a segment takes no more; space is freed by whole segments.
    pub segment_bytes: u64,
    /// Whether the writer waits while the disk is full and then goes on, instead of refusing what it cannot write.
    pub wait_for_room: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { segment_bytes: 8 << 20, wait_for_room: false }
    }
}

impl LogSettings {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Kind `Invalid`, code `log.settings`.
    pub fn validate(&self) -> Result<()> {
        if (1..=1 << 30).contains(&self.segment_bytes) {
            return Ok(());
        }
        Err(Error::invalid("log.settings", "segment_bytes must be from 1 to 2^30"))
    }
}

pub(super) struct State {
    pub(super) segments: VecDeque<Segment>,
    pub(super) base: u64,
    /// Why nothing can be written any more.
    pub(super) broken: Option<Error>,
    /// Whether the writer waits for room on the disk.
    pub(super) waits_for_room: bool,
}

pub(super) struct Shared {
    pub(super) disk: Box<dyn Disk>,
    pub(super) settings: LogSettings,
    pub(super) queue: Queue,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index that the next record gets.
    pub(super) fn next(&self) -> u64 {
        let state = self.lock();
        state.segments.back().map_or(state.base, Segment::next)
    }
}

/// A log of records with a writer thread of its own, unless its disk has a [`Runner`](super::Runner). Dropping it writes
/// what waits and ends the thread.
pub struct SegmentLog {
    shared: Arc<Shared>,
    writing: Writing,
}

/// Who writes.
enum Writing {
    Thread(Option<JoinHandle<()>>),
    Handed(Arc<Handed>),
}

impl SegmentLog {
    /// Opens the log on `disk`; a torn tail is cut.
    ///
    /// # Errors
    /// Code `log.damaged` for records that were promised and are not there, `format.newer` for segments of a later
    /// version, else failing storage.
    pub fn open(disk: impl Disk + 'static, settings: LogSettings) -> Result<Self> {
        settings.validate()?;
        let opened = open(&disk)?;
        let state = Mutex::new(State {
            segments: opened.segments,
            base: opened.base,
            broken: None,
            waits_for_room: false,
        });
        let runner = disk.runner();
        let shared = Arc::new(Shared { disk: Box::new(disk), settings, queue: Queue::default(), state });
        let writer = Writer::new(Arc::clone(&shared));
        if let Some(runner) = runner {
            return Ok(Self { shared, writing: Writing::Handed(Handed::new(writer, runner)) });
        }
        let thread = thread::Builder::new().name("kailash-log".into()).spawn(move || writer.run());
        let writer = thread.map_err(|error| disk_error(&error, "a thread for the log"))?;
        Ok(Self { shared, writing: Writing::Thread(Some(writer)) })
    }

    /// Appends records behind each other. The future gives the index of the first when all of them are durable; dropping
    /// it leaves them on their way. If the power goes off before, the first of them may survive without the others.
    ///
    /// # Errors
    /// Kind `Limit` for a record over 16 MiB (`log.record`) and while too much waits (`log.busy`). The future fails
    /// with `log.full` while the disk is full, and with `log.broken` once it failed otherwise.
    pub fn append(&self, records: Vec<Bytes>) -> Result<Appended> {
        records.iter().try_for_each(|body| record::check(body))?;
        self.job(|answer| Job::Append { records, answer })
    }

    /// [`SegmentLog::append`] that tells `answer`, where the writing is done: it must not block.
    ///
    /// # Errors
    /// As [`SegmentLog::append`]; `answer` is not called then.
    pub fn append_with(&self, records: Vec<Bytes>, answer: Answer) -> Result<()> {
        records.iter().try_for_each(|body| record::check(body))?;
        self.push(Job::Append { records, answer })
    }

    /// Forgets the records from `from` on. The future gives the index of the next record when that is durable.
    ///
    /// # Errors
    /// As [`SegmentLog::append`].
    pub fn truncate(&self, from: u64) -> Result<Appended> {
        self.job(|answer| Job::Truncate { from, answer })
    }

    /// Frees the segments that hold only records before `to`. The future gives the first index that is left.
    ///
    /// # Errors
    /// As [`SegmentLog::append`].
    pub fn purge(&self, to: u64) -> Result<Appended> {
        self.job(|answer| Job::Purge { to, answer })
    }

    /// Forgets all records: the next one gets the index `next`. The future gives `next` when that is durable; if the
    /// power goes off before, what is left are records without a gap, or none.
    ///
    /// # Errors
    /// As [`SegmentLog::append`].
    pub fn restart(&self, next: u64) -> Result<Appended> {
        self.job(|answer| Job::Restart { next, answer })
    }

    fn job(&self, job: impl FnOnce(Answer) -> Job) -> Result<Appended> {
        let (sender, receiver) = oneshot::channel();
        // The receiver is gone only if nobody wants to know.
        self.push(job(Box::new(move |result| drop(sender.send(result)))))?;
        Ok(Appended(receiver))
    }

    fn push(&self, job: Job) -> Result<()> {
        self.shared.queue.push(job)?;
        if let Writing::Handed(handed) = &self.writing {
            handed.wake();
        }
        Ok(())
    }

    /// Why the log takes nothing more until it is opened again, if a write failed so that nobody knows what is on the
    /// disk.
    #[must_use]
    pub fn broken(&self) -> Option<Error> {
        self.shared.lock().broken.clone()
    }

    /// Whether the writer waits for room on the disk, as [`LogSettings::wait_for_room`] lets it.
    #[must_use]
    pub fn waits_for_room(&self) -> bool {
        self.shared.lock().waits_for_room
    }

    /// The index of the first record that is kept; that of the next one if there is none.
    #[must_use]
    pub fn first(&self) -> u64 {
        let state = self.shared.lock();
        state.segments.front().map_or(state.base, |segment| segment.first)
    }

    /// The index that the next record gets. All before it are durable.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.shared.next()
    }

    /// The first index and the length in bytes of each segment, oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<(u64, u64)> {
        self.shared.lock().segments.iter().map(|segment| (segment.first, segment.size())).collect()
    }

    /// Record `index`; none if it is not kept.
    ///
    /// # Errors
    /// Code `log.damaged` if it no longer has its checksum; failing storage.
    pub fn read(&self, index: u64) -> Result<Option<Bytes>> {
        let (file, salt, first, (offset, length)) = {
            let state = self.shared.lock();
            let at = state.segments.partition_point(|segment| segment.first <= index);
            let Some(segment) = at.checked_sub(1).map(|at| &state.segments[at]) else { return Ok(None) };
            let Some(place) = segment.place(index) else { return Ok(None) };
            (Arc::clone(&segment.file), segment.salt, segment.first, place)
        };
        let bytes = file.read(offset, length).map_err(|error| disk_error(&error, "reading the log"))?;
        match record::decode(&bytes, salt) {
            Some(found) if found.index == index => Ok(Some(Bytes::from(bytes).slice(record::HEADER..))),
            _ => Err(damaged(&name(first), format!("record {index} at byte {offset} is wrong"))),
        }
    }
}

impl SegmentLog {
    /// Hands every record from `from` to `to` to `look`, with its index. Reads segment by segment.
    ///
    /// # Errors
    /// Those of `look`; code `log.damaged` for a record that no longer has its checksum; failing storage.
    pub fn scan(&self, from: u64, to: u64, mut look: impl FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let segments: Vec<_> = {
            let state = self.shared.lock();
            let wanted = state.segments.iter().filter(|segment| segment.next() > from && segment.first < to);
            wanted.map(|s| (Arc::clone(&s.file), s.salt, s.first, s.next(), s.size())).collect()
        };
        for (file, salt, first, next, size) in segments {
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let bytes = file.read(0, size).map_err(|error| disk_error(&error, "reading the log"))?;
            let mut at = START;
            for index in first..next.min(to) {
                let found = record::decode(&bytes[at..], salt).filter(|found| found.index == index);
                let wrong = || damaged(&name(first), format!("record {index} at byte {at} is wrong"));
                let found = found.ok_or_else(wrong)?;
                at += found.size();
                if index >= from {
                    look(index, found.body)?;
                }
            }
        }
        Ok(())
    }
}

impl Drop for SegmentLog {
    fn drop(&mut self) {
        self.shared.queue.close();
        match &mut self.writing {
            // One that panicked has dropped its answers: whoever waited was told.
            Writing::Thread(thread) => drop(thread.take().map(JoinHandle::join)),
            Writing::Handed(handed) => handed.finish(),
        }
    }
}

/// The end of an append, truncation or purge.
pub struct Appended(oneshot::Receiver<Result<u64>>);

impl Future for Appended {
    type Output = Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<u64>> {
        let gone = |_| Err(Error::internal("the writer of the log ended"));
        Pin::new(&mut self.0).poll(cx).map(|answer| answer.unwrap_or_else(gone))
    }
}

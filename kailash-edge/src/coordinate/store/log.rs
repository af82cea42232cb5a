//! The Raft log on a [`SegmentLog`]: record `i` is entry `i`.
//!
//! The last entries are in memory as well, those that are not durable yet always: replication reads them there.

use std::{
    collections::VecDeque,
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    log::{Disk, LogSettings, SegmentLog},
};
use openraft::{
    LogState, RaftLogReader,
    storage::{IOFlushed, RaftLogStorage},
};

use super::{Sealed, blocking, entry, io as io_error};
use crate::coordinate::raft::{Entry, LogId, Types, Vote};

/// How many bytes of entries that are durable stay in memory.
const RECENT: usize = 1 << 20;
/// How many bytes of entries are read at once for a follower that lags.
const BATCH: usize = 1 << 20;

/// The Raft log of a member. Clones are the same log.
#[derive(Clone)]
pub struct LogStore(Arc<Inner>);

struct Inner {
    log: SegmentLog,
    state: Mutex<State>,
}

struct State {
    vote: Option<Vote>,
    vote_file: Sealed<Vote>,
    purged: Option<LogId>,
    purged_file: Sealed<LogId>,
    /// The index of the first entry that is kept, or that comes next.
    begins: u64,
    last: Option<LogId>,
    recent: VecDeque<(Entry, usize)>,
    recent_bytes: usize,
}

impl LogStore {
    /// Opens the log on `disk`, in segments of `segment_bytes`.
    ///
    /// # Errors
    /// Codes `log.damaged` and `sealed.damaged` for what was promised and is not there, `format.newer`, else failing
    /// storage.
    pub async fn open(disk: Arc<dyn Disk>, segment_bytes: u64) -> Result<Self> {
        let (vote_file, vote) = Sealed::open(Arc::clone(&disk), "vote")?;
        let (purged_file, purged) = Sealed::<LogId>::open(Arc::clone(&disk), "purged")?;
        let settings = LogSettings { segment_bytes, wait_for_room: true };
        let log = SegmentLog::open(disk, settings)?;
        let begins = purged.map_or(0, |purged| purged.index + 1);
        if log.first() > begins {
            let message = format!("the log begins at entry {}, but was kept from {begins}", log.first());
            return Err(Error::new(ErrorKind::Internal, "log.damaged", message).with_retry(Retry::Never));
        }
        if log.next() < begins {
            // The power went off while the log gave way to a snapshot.
            log.restart(begins)?.await?;
        }
        let last = match log.next().checked_sub(1).filter(|last| *last >= begins) {
            Some(last) => {
                log.read(last)?.map(|record| entry::decode(&record)).transpose()?.map(|entry| entry.log_id)
            }
            None => purged,
        };
        let (recent, recent_bytes) = (VecDeque::new(), 0);
        let state = State { vote, vote_file, purged, purged_file, begins, last, recent, recent_bytes };
        Ok(Self(Arc::new(Inner { log, state: Mutex::new(state) })))
    }

    /// Whether anything was ever kept here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let state = self.0.lock();
        state.vote.is_none() && state.last.is_none()
    }

    /// Whether entries wait for room on the disk.
    #[must_use]
    pub fn waits_for_room(&self) -> bool {
        self.0.log.waits_for_room()
    }

    /// How many bytes the log takes on the disk.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.log.segments().iter().map(|(_, bytes)| bytes).sum()
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries from `from` to `to`, as many as fit into `most` bytes but at least one.
    fn read(&self, from: u64, to: u64, most: usize) -> Result<Vec<Entry>> {
        let (recent, from, begin) = {
            let state = self.lock();
            let from = from.max(state.begins);
            let next = state.last.map_or(0, |last| last.index + 1);
            let to = to.min(next);
            let begin =
                state.recent.front().map_or(next, |(first, _)| first.log_id.index).clamp(from, to.max(from));
            let skipped = state.recent.front().map_or(0, |(first, _)| begin - first.log_id.index.min(begin));
            let wanted = usize::try_from(to.saturating_sub(begin)).unwrap_or(usize::MAX);
            let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
            let recent: Vec<_> = state.recent.iter().skip(skipped).take(wanted).cloned().collect();
            (recent, from, begin)
        };
        let mut entries = Vec::new();
        let mut bytes = 0;
        for index in from..begin {
            let record = self.log.read(index)?.ok_or_else(|| {
                let message = format!("entry {index} is not in the log");
                Error::new(ErrorKind::Internal, "log.damaged", message).with_retry(Retry::Never)
            })?;
            if bytes > 0 && bytes + record.len() > most {
                return Ok(entries);
            }
            bytes += record.len();
            entries.push(entry::decode(&record)?);
        }
        for (entry, size) in recent {
            if bytes > 0 && bytes + size > most {
                break;
            }
            bytes += size;
            entries.push(entry);
        }
        Ok(entries)
    }
}

impl State {
    /// Takes entries in that are on their way to the disk, of which all before `durable` have arrived.
    fn extend(&mut self, entries: Vec<(Entry, usize)>, durable: u64) {
        self.last = entries.last().map_or(self.last, |(entry, _)| Some(entry.log_id));
        self.recent_bytes += entries.iter().map(|(_, size)| size).sum::<usize>();
        self.recent.extend(entries);
        while self.recent_bytes > RECENT
            && let Some((_, size)) = self.recent.pop_front_if(|(entry, _)| entry.log_id.index < durable)
        {
            self.recent_bytes -= size;
        }
    }

    /// Forgets the entries in memory that `gone` tells.
    fn forget(&mut self, gone: impl Fn(u64) -> bool) {
        self.recent.retain(|(entry, _)| !gone(entry.log_id.index));
        self.recent_bytes = self.recent.iter().map(|(_, size)| size).sum();
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let from = match range.start_bound() {
            Bound::Included(from) => *from,
            Bound::Excluded(before) => before + 1,
            Bound::Unbounded => 0,
        };
        let to = match range.end_bound() {
            Bound::Included(last) => last + 1,
            Bound::Excluded(to) => *to,
            Bound::Unbounded => u64::MAX,
        };
        self.0.read(from, to, usize::MAX).map_err(io_error)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.0.lock().vote)
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.0.read(start, end, BATCH).map_err(io_error)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let state = self.0.lock();
        Ok(LogState { last_purged_log_id: state.purged, last_log_id: state.last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        blocking(|| {
            let mut state = self.0.lock();
            state.vote_file.store(vote)?;
            state.vote = Some(*vote);
            Ok(())
        })
        .map_err(io_error)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let mut taken = Vec::new();
        let mut records = Vec::new();
        for entry in entries {
            let record = entry::encode(&entry).map_err(io_error)?;
            taken.push((entry, record.len()));
            records.push(record);
        }
        let first = taken.first().map(|(entry, _)| entry.log_id.index);
        let empty = self.0.lock().last.is_none();
        if let Some(first) = first.filter(|first| empty && *first != self.0.log.next()) {
            // It is carried out before what follows.
            drop(self.0.log.restart(first).map_err(io_error)?);
            self.0.lock().begins = first;
        }
        let answer = Box::new(move |written: Result<u64>| {
            let written = written.and_then(|at| match first {
                Some(first) if first != at => {
                    Err(Error::internal(format!("entry {first} was written as record {at}")))
                }
                _ => Ok(()),
            });
            callback.io_completed(written.map_err(io_error));
        });
        self.0.log.append_with(records, answer).map_err(io_error)?;
        let durable = self.0.log.next();
        self.0.lock().extend(taken, durable);
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        let from = last.map_or(0, |last| last.index + 1);
        {
            let mut state = self.0.lock();
            state.forget(|index| index >= from);
            state.last = last.min(state.last).max(state.purged);
        }
        let truncated = self.0.log.truncate(from).map_err(io_error)?;
        truncated.await.map(drop).map_err(io_error)
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let begins = upto.index + 1;
        let ends = blocking(|| {
            let mut state = self.0.lock();
            state.purged_file.store(&upto)?;
            state.purged = Some(upto);
            state.begins = begins;
            state.forget(|index| index < begins);
            let ends = state.last.is_none_or(|last| last.index < begins);
            state.last = state.last.max(Some(upto));
            Ok(ends)
        })
        .map_err(io_error)?;
        let log = &self.0.log;
        let purged = if ends { log.restart(begins) } else { log.purge(begins) }.map_err(io_error)?;
        purged.await.map(drop).map_err(io_error)
    }
}

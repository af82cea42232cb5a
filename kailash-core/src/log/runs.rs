//! The journals of runs, kept in one segment log.
//!
//! ```text
//! run A: 0 1 2      run B: 0 1          log: A0 B0 A1 A2 B1 (A forgotten) ...
//! ```
//! An index in memory says where each record lies. Forgetting a run writes that down; the space is freed by whole
//! segments, and what still lives in the oldest one moves to the end once most of the log is dead.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::{BufMut, Bytes, BytesMut};
use futures_channel::oneshot;

use super::{Disk, LogSettings, SegmentLog, segment::lost};
use crate::{
    Error, ErrorKind, Result, RunId,
    exec::{Entry, RunLog, check_record},
};

pub(super) const RECORD: u8 = 0;
pub(super) const FORGOTTEN: u8 = 1;
/// The bytes before the body of a record: what it is, the run, the position in the run.
pub(super) const HEAD: usize = 25;

/// Keeps the journals of runs on a disk; what was appended survives the power going off.
///
/// Reading and freeing space block for as long as the disk takes.
pub struct SegmentRunLog {
    log: SegmentLog,
    index: Arc<Mutex<Index>>,
    segment_bytes: u64,
}

#[derive(Default)]
struct Index {
    runs: BTreeMap<RunId, Journal>,
    /// The bytes of all records that are not forgotten.
    live: u64,
}

#[derive(Default)]
struct Journal {
    /// Where in the log each record of the run lies.
    places: Vec<u64>,
    bytes: u64,
    state: State,
}

/// What is on its way to the disk for a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Appending,
    Leaving,
}

/// A place that is not known yet.
const UNKNOWN: u64 = u64::MAX;

fn lock(index: &Mutex<Index>) -> MutexGuard<'_, Index> {
    index.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Index {
    /// Takes in a record found at `place`.
    fn found(&mut self, run: RunId, seq: u64, place: u64, size: u64) {
        let journal = self.runs.entry(run).or_default();
        let at = usize::try_from(seq).unwrap_or(usize::MAX);
        if journal.places.len() <= at {
            journal.places.resize(at + 1, UNKNOWN);
        }
        // A record that was moved is found twice: the later place counts.
        if journal.places[at] == UNKNOWN {
            journal.bytes += size;
            self.live += size;
        }
        journal.places[at] = place;
    }

    fn forget(&mut self, run: RunId) {
        self.live -= self.runs.remove(&run).map_or(0, |journal| journal.bytes);
    }

    fn set(&mut self, run: RunId, state: State) {
        if let Some(journal) = self.runs.get_mut(&run) {
            journal.state = state;
        }
    }

    fn is_at(&self, run: RunId, seq: u64, place: u64) -> bool {
        let at = usize::try_from(seq).unwrap_or(usize::MAX);
        self.runs.get(&run).and_then(|journal| journal.places.get(at)) == Some(&place)
    }
}

impl SegmentRunLog {
    /// Opens the journals on `disk`.
    ///
    /// # Errors
    /// As [`SegmentLog::open`]; code `log.damaged` if a run lacks a record.
    pub fn open(disk: impl Disk + 'static, settings: LogSettings) -> Result<Self> {
        let segment_bytes = settings.segment_bytes;
        let log = SegmentLog::open(disk, settings)?;
        let mut index = Index::default();
        log.scan(0, u64::MAX, |place, bytes| {
            match parse(bytes)? {
                (RECORD, run, seq) => index.found(run, seq, place, bytes.len() as u64),
                (_, run, _) => index.forget(run),
            }
            Ok(())
        })?;
        let lacking = index.runs.iter().find(|(_, journal)| journal.places.contains(&UNKNOWN));
        if let Some((run, _)) = lacking {
            return Err(lost(format!("run {run} lacks a record")));
        }
        Ok(Self { log, index: Arc::new(Mutex::new(index)), segment_bytes })
    }

    /// Why the log takes nothing more until it is opened again.
    #[must_use]
    pub fn broken(&self) -> Option<Error> {
        self.log.broken()
    }

    /// The length of the log on disk, in bytes, and how much of it is of runs that are not forgotten.
    #[must_use]
    pub fn size(&self) -> (u64, u64) {
        (self.log.segments().iter().map(|(_, bytes)| bytes).sum(), lock(&self.index).live)
    }

    /// Puts records behind what waits to be written; `then` changes the index when they are durable, or failed.
    fn write(
        &self,
        records: Vec<Bytes>,
        then: impl FnOnce(&mut Index, &Result<u64>) + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<u64>>> {
        let (sender, receiver) = oneshot::channel();
        let index = Arc::clone(&self.index);
        let answer = move |written: Result<u64>| {
            then(&mut lock(&index), &written);
            // Whoever wrote may have stopped waiting.
            drop(sender.send(written));
        };
        self.log.append_with(records, Box::new(answer))?;
        Ok(receiver)
    }

    /// Frees what is dead, once that is most of the log: moves what lives in the oldest segment to the end.
    async fn compact(&self) -> Result<()> {
        loop {
            let segments = self.log.segments();
            let total: u64 = segments.iter().map(|(_, bytes)| bytes).sum();
            let worth = total > 2 * lock(&self.index).live + 4 * self.segment_bytes;
            let (true, Some((first, _)), Some((second, _))) = (worth, segments.first(), segments.get(1))
            else {
                return Ok(());
            };
            match self.relocate(*first, *second)? {
                Relocation::Later => return Ok(()),
                Relocation::Nothing => {}
                Relocation::Moving(moved) => drop(moved.await.map_err(|_| gone())??),
            }
            self.log.purge(*second)?.await?;
        }
    }

    /// Writes the live records from `from` to `to` behind the end. They are written in one piece, and while the index
    /// is locked, so that no run is forgotten in the log before its last record is moved.
    fn relocate(&self, from: u64, to: u64) -> Result<Relocation> {
        let mut found = Vec::new();
        self.log.scan(from, to, |place, bytes| {
            found.push((place, Bytes::copy_from_slice(bytes)));
            Ok(())
        })?;
        let index = lock(&self.index);
        let mut moving = Vec::new();
        let mut records = Vec::new();
        for (place, bytes) in found {
            let (kind, run, seq) = parse(&bytes)?;
            if kind == RECORD && index.is_at(run, seq, place) {
                if index.runs.get(&run).is_some_and(|journal| journal.state == State::Leaving) {
                    return Ok(Relocation::Later);
                }
                moving.push((run, seq, place));
                records.push(bytes);
            }
        }
        if records.is_empty() {
            return Ok(Relocation::Nothing);
        }
        let moved = self.write(records, move |index, written| {
            for (place, (run, seq, before)) in written.iter().flat_map(|first| *first..).zip(moving) {
                if index.is_at(run, seq, before) {
                    index.found(run, seq, place, 0);
                }
            }
        });
        moved.map(Relocation::Moving)
    }
}

/// What a segment needs before it can be freed.
enum Relocation {
    /// A run in it is being forgotten: it may be dead soon.
    Later,
    Nothing,
    Moving(oneshot::Receiver<Result<u64>>),
}

#[async_trait]
impl RunLog for SegmentRunLog {
    async fn append(&self, run: RunId, expected: u64, records: Vec<Bytes>) -> Result<()> {
        check_record(&records)?;
        let appended = {
            let mut index = lock(&self.index);
            let journal = index.runs.get(&run);
            let length = journal.map_or(0, |journal| journal.places.len() as u64);
            idle(journal)?;
            if length != expected {
                return Err(conflict(format!("the journal has {length} records, not {expected}")));
            }
            if records.is_empty() {
                return Ok(());
            }
            let bodies: Vec<Bytes> =
                (expected..).zip(&records).map(|(seq, body)| wrap(run, seq, body)).collect();
            let sizes: Vec<u64> = bodies.iter().map(|body| body.len() as u64).collect();
            let appended = self.write(bodies, move |index, written| {
                index.set(run, State::Idle);
                if let Ok(first) = written {
                    for (at, size) in (0_u64..).zip(sizes) {
                        index.found(run, expected + at, first + at, size);
                    }
                } else if index.runs.get(&run).is_some_and(|journal| journal.places.is_empty()) {
                    index.runs.remove(&run);
                }
            })?;
            index.runs.entry(run).or_default().state = State::Appending;
            appended
        };
        appended.await.map_err(|_| gone())?.map(drop)
    }

    async fn read(&self, run: RunId, from: u64, limit: usize) -> Result<Vec<Entry>> {
        let places: Vec<u64> = {
            let index = lock(&self.index);
            let places = index.runs.get(&run).map(|journal| journal.places.as_slice()).unwrap_or_default();
            let from = usize::try_from(from).unwrap_or(usize::MAX).min(places.len());
            places[from..].iter().take(limit).copied().collect()
        };
        let mut entries = Vec::with_capacity(places.len());
        for (seq, place) in (from..).zip(places) {
            // A record that was moved or forgotten meanwhile is looked up again, or ends the page.
            let Some(bytes) = self.record(run, seq, place)? else { break };
            entries.push(Entry { seq, body: bytes.slice(HEAD..) });
        }
        Ok(entries)
    }

    async fn last(&self, run: RunId) -> Result<Option<Entry>> {
        let length = lock(&self.index).runs.get(&run).map_or(0, |journal| journal.places.len() as u64);
        let Some(last) = length.checked_sub(1) else { return Ok(None) };
        Ok(self.read(run, last, 1).await?.pop())
    }

    async fn runs(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>> {
        let index = lock(&self.index);
        let behind = (after.map_or(Bound::Unbounded, Bound::Excluded), Bound::Unbounded);
        let begun = index.runs.range(behind).filter(|(_, journal)| !journal.places.is_empty());
        Ok(begun.map(|(run, _)| *run).take(limit).collect())
    }

    async fn prune(&self, run: RunId) -> Result<()> {
        let forgotten = {
            let mut index = lock(&self.index);
            let journal = index.runs.get(&run);
            idle(journal)?;
            if journal.is_none() {
                return Ok(());
            }
            let mut body = BytesMut::with_capacity(HEAD);
            head(&mut body, FORGOTTEN, run, 0);
            let forgotten = self.write(vec![body.freeze()], move |index, written| {
                if written.is_ok() {
                    index.forget(run);
                } else {
                    index.set(run, State::Idle);
                }
            })?;
            index.set(run, State::Leaving);
            forgotten
        };
        forgotten.await.map_err(|_| gone())??;
        self.compact().await
    }
}

impl SegmentRunLog {
    fn record(&self, run: RunId, seq: u64, place: u64) -> Result<Option<Bytes>> {
        let is_it = |bytes: &Bytes| parse(bytes).is_ok_and(|found| found == (RECORD, run, seq));
        if let Some(bytes) = self.log.read(place)?.filter(is_it) {
            return Ok(Some(bytes));
        }
        let at = usize::try_from(seq).unwrap_or(usize::MAX);
        let moved = lock(&self.index).runs.get(&run).and_then(|journal| journal.places.get(at).copied());
        match moved {
            Some(moved) => Ok(self.log.read(moved)?.filter(is_it)),
            None => Ok(None),
        }
    }
}

/// Refuses a run whose journal is changing.
fn idle(journal: Option<&Journal>) -> Result<()> {
    match journal.map(|journal| journal.state) {
        None | Some(State::Idle) => Ok(()),
        Some(State::Appending) => Err(conflict("an append to the journal is on its way")),
        Some(State::Leaving) => Err(conflict("the journal is being forgotten")),
    }
}

fn conflict(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conflict, "run_log.position", message)
}

fn gone() -> Error {
    Error::internal("the writer of the log ended")
}

fn head(out: &mut BytesMut, kind: u8, run: RunId, seq: u64) {
    out.put_u8(kind);
    out.put_slice(run.as_bytes());
    out.put_u64_le(seq);
}

fn wrap(run: RunId, seq: u64, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD + body.len());
    head(&mut out, RECORD, run, seq);
    out.put_slice(body);
    out.freeze()
}

/// What a record is, whose, and its position in the run.
///
/// # Errors
/// Code `log.damaged` for one of a later release.
pub(super) fn parse(bytes: &[u8]) -> Result<(u8, RunId, u64)> {
    let parsed = || {
        let (kind, rest) = bytes.split_first()?;
        let (run, rest) = rest.split_first_chunk::<16>()?;
        let seq = u64::from_le_bytes(*rest.first_chunk()?);
        (*kind <= FORGOTTEN).then_some((*kind, RunId::from_u128(u128::from_be_bytes(*run)), seq))
    };
    parsed().ok_or_else(|| {
        let message = "a record of the log is of no kind that this release knows";
        Error::new(ErrorKind::Internal, "log.damaged", message).with_hint("use a newer Kailash")
    })
}

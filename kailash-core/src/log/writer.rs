//! The one who writes: takes what waits, writes it in one piece, syncs once, answers all.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    disk::{DiskFile, disk_error},
    queue::{Answer, Job},
    record,
    segment::{self, Segment, name},
    segment_log::Shared,
};
use crate::{Error, ErrorKind, Result, Retry};

/// The most that is written before it is synced, in bytes.
const MAX_WRITE: usize = 4 << 20;

/// The longest wait for more to write.
const MAX_PATIENCE: Duration = Duration::from_millis(2);

/// The writer's own state.
pub(super) struct Writer {
    shared: Arc<Shared>,
    buffer: Vec<u8>,
    /// How many jobs were done together last, and how long that took: whoever was answered together often comes back
    /// together, and is worth waiting for as long as another sync would take.
    last: (usize, Duration),
    /// What waits for room on the disk, of a writer without a thread.
    left: VecDeque<Job>,
}

/// How long until a full disk is tried again.
pub(super) const ROOM: Duration = Duration::from_millis(100);

/// Records and who is told when they are durable.
type Append = (Vec<Bytes>, Answer);

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, buffer: Vec::new(), last: (0, Duration::ZERO), left: VecDeque::new() }
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self) {
        while let Some(jobs) = self.shared.queue.take(MAX_WRITE, self.last.0, self.last.1.min(MAX_PATIENCE)) {
            let (count, began) = (jobs.len(), Instant::now());
            let mut left = self.work(jobs, self.shared.settings.wait_for_room);
            while !left.is_empty() {
                let waits = self.shared.queue.pause(ROOM);
                left = self.work(left, waits);
            }
            self.last = (count, began.elapsed());
        }
    }

    /// Does what waits now. Whether something is left that waits for room on the disk.
    pub(super) fn work_off(&mut self) -> bool {
        loop {
            let mut jobs = std::mem::take(&mut self.left);
            jobs.append(&mut self.shared.queue.take_now(MAX_WRITE));
            if jobs.is_empty() {
                return false;
            }
            self.left = self.work(jobs, self.shared.settings.wait_for_room);
            if !self.left.is_empty() {
                return true;
            }
        }
    }

    /// Does what waits, and refuses that for which there is no room.
    pub(super) fn finish(&mut self) {
        while self.work_off() {
            let left = std::mem::take(&mut self.left);
            self.work(left, false);
        }
    }

    /// Does `jobs`. What it gives back waits for room on the disk: without `waits` it is refused instead.
    fn work(&mut self, mut jobs: VecDeque<Job>, waits: bool) -> VecDeque<Job> {
        loop {
            let mut appends = Vec::new();
            let job = loop {
                match jobs.pop_front() {
                    Some(Job::Append { records, answer }) => appends.push((records, answer)),
                    other => break other,
                }
            };
            let full = self.append(appends, waits);
            if !full.is_empty() {
                let full = full.into_iter().map(|(records, answer)| Job::Append { records, answer });
                return full.chain(job).chain(jobs).collect();
            }
            match job {
                Some(Job::Truncate { from, answer }) => answer(self.truncate(from)),
                Some(Job::Purge { to, answer }) => answer(self.purge(to)),
                Some(Job::Restart { next, answer }) => answer(self.restart(next)),
                Some(Job::Append { .. }) | None => return jobs,
            }
        }
    }

    /// Writes all `appends` together. Gives them back if they wait for room on the disk.
    fn append(&mut self, appends: Vec<Append>, waits: bool) -> Vec<Append> {
        if appends.is_empty() {
            return appends;
        }
        let write = self.shared.next();
        let result = self.try_append(write, &appends);
        let waits = waits && self.is_full(&result);
        self.shared.lock().waits_for_room = waits;
        if waits {
            return appends;
        }
        match result {
            Ok(()) => {
                let mut first = write;
                for (records, answer) in appends {
                    let next = first + records.len() as u64;
                    answer(Ok(first));
                    first = next;
                }
            }
            Err(error) => refuse(appends.into_iter().map(|(_, answer)| answer), &error),
        }
        // A large write leaves no large buffer behind.
        self.buffer.shrink_to(MAX_WRITE);
        Vec::new()
    }

    /// Writes all `appends` together, from record `write` on; after a failure nothing of them is left.
    fn try_append(&mut self, write: u64, appends: &[Append]) -> Result<()> {
        self.is_whole()?;
        let target = self.target(write)?;
        self.buffer.clear();
        if target.made {
            self.buffer.extend_from_slice(&segment::header(write).0);
        }
        let records = || appends.iter().flat_map(|(records, _)| records);
        for (body, index) in records().zip(write..) {
            record::encode(&mut self.buffer, target.salt, index, write, body);
        }
        self.store(target, write, records().map(|body| record::HEADER + body.len()))
    }

    /// Whether nothing but room on the disk lacks.
    fn is_full(&self, result: &Result<()>) -> bool {
        result.as_ref().is_err_and(|error| error.code() == "log.full") && self.is_whole().is_ok()
    }

    /// Refuses to write once a write failed badly.
    fn is_whole(&self) -> Result<()> {
        self.shared.lock().broken.clone().map_or(Ok(()), Err)
    }

    /// The file that the write beginning at record `write` goes to: the last one, or a new one when that is full.
    fn target(&self, write: u64) -> Result<Target> {
        if let Some(last) = self.shared.lock().segments.back()
            && last.size() < self.shared.settings.segment_bytes
        {
            return Ok(Target {
                file: Arc::clone(&last.file),
                salt: last.salt,
                size: last.size(),
                made: false,
            });
        }
        let name = name(write);
        let disk = &self.shared.disk;
        let failed = |error| disk_error(&error, &format!("segment {name}"));
        // One that could not be filled before may still be there, empty.
        disk.remove(&name).map_err(failed)?;
        let file = disk.create(&name).map_err(failed)?.into();
        Ok(Target { file, salt: segment::header(write).1, size: 0, made: true })
    }

    /// Writes the buffer, which holds records of these `sizes`, and syncs it; after a failure nothing of it is left.
    fn store(&mut self, target: Target, write: u64, sizes: impl Iterator<Item = usize>) -> Result<()> {
        let file = &target.file;
        if let Err(error) = file.append(&self.buffer).and_then(|()| file.sync()) {
            return Err(self.undo(&**file, target.size, &error));
        }
        let mut state = self.shared.lock();
        if target.made {
            state.segments.push_back(Segment::new(write, target.salt, target.file, Vec::new()));
        }
        if let Some(last) = state.segments.back_mut() {
            last.grow(sizes);
        }
        Ok(())
    }

    /// Takes a failed write back. A full disk may become free again; after any other failure nobody knows what is on
    /// it, and nothing more is written until the log was opened again.
    fn undo(&mut self, file: &dyn DiskFile, size: u64, error: &std::io::Error) -> Error {
        let told = disk_error(error, "writing the log");
        let undone = file.cut(size).and_then(|()| file.sync());
        if told.code() != "log.full" || undone.is_err() {
            let message = format!("{}; the log takes nothing more until it is opened again", told.message());
            self.shared.lock().broken =
                Some(Error::new(ErrorKind::Unavailable, "log.broken", message).with_retry(Retry::Never));
        }
        told
    }

    fn truncate(&mut self, from: u64) -> Result<u64> {
        self.is_whole()?;
        let mut state = self.shared.lock();
        let failed = |error| disk_error(&error, "cutting the log");
        while state.segments.len() > 1
            && let Some(last) = state.segments.back().filter(|segment| segment.first >= from)
        {
            self.shared.disk.remove(&name(last.first)).map_err(failed)?;
            state.segments.pop_back();
        }
        // The first segment stays even when it is empty: it knows the index that comes next.
        if let Some(last) = state.segments.back_mut()
            && let Some((start, _)) = last.place(from.max(last.first))
        {
            last.file.cut(start).and_then(|()| last.file.sync()).map_err(failed)?;
            last.shrink(from);
        }
        Ok(state.segments.back().map_or(state.base, Segment::next))
    }

    /// Removes every segment and makes an empty one that begins at `next`.
    fn restart(&mut self, next: u64) -> Result<u64> {
        self.is_whole()?;
        let mut state = self.shared.lock();
        let failed = |error| disk_error(&error, "beginning the log again");
        while let Some(last) = state.segments.back() {
            self.shared.disk.remove(&name(last.first)).map_err(failed)?;
            state.base = last.first;
            state.segments.pop_back();
        }
        let (header, salt) = segment::header(next);
        self.shared.disk.remove(&name(next)).map_err(failed)?;
        let file: Arc<dyn DiskFile> = self.shared.disk.create(&name(next)).map_err(failed)?.into();
        file.append(&header).and_then(|()| file.sync()).map_err(failed)?;
        state.base = next;
        state.segments.push_back(Segment::new(next, salt, file, Vec::new()));
        Ok(next)
    }

    fn purge(&mut self, to: u64) -> Result<u64> {
        let mut state = self.shared.lock();
        while state.segments.len() > 1
            && let Some(first) = state.segments.front().filter(|segment| segment.next() <= to)
        {
            let failed = |error| disk_error(&error, "purging the log");
            self.shared.disk.remove(&name(first.first)).map_err(failed)?;
            state.segments.pop_front();
        }
        Ok(state.segments.front().map_or(state.base, |first| first.first))
    }
}

/// Tells everybody of the same failure.
fn refuse(answers: impl Iterator<Item = Answer>, error: &Error) {
    answers.for_each(|answer| answer(Err(error.clone())));
}

/// Where a write goes.
struct Target {
    file: Arc<dyn DiskFile>,
    salt: u32,
    size: u64,
    made: bool,
}

//! The state of a member: carries out what is committed, answers reads, makes and takes snapshots.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use kailash_core::{Error, Result, log::Disk};
use openraft::{
    EntryPayload, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};

use super::{
    History, SnapshotFile, blocking, io as io_error,
    kept::Kept,
    snapshot::{self, About},
};
use crate::{
    coordinate::{
        SnapshotStatus,
        raft::{Applied, LogId, Member, Proposed, Snapshot, SnapshotMeta, StoredMembership, Types, watch},
        state::{Effects, Machine, Timed, Timer},
    },
    table::{Changes, Table, TableWriter, merge},
};

/// How long until a snapshot for which there was no room is tried again.
const ROOM: Duration = Duration::from_secs(1);

/// How many keys are read at once to hash them.
const DIGESTED: usize = 1024;

/// The state of a member. Clones are the same state.
#[derive(Clone)]
pub struct MachineStore(Arc<Inner>);

struct Inner {
    disk: Arc<dyn Disk>,
    state: RwLock<State>,
    history: Mutex<History>,
    /// Whose time began anew since somebody asked last.
    times: Mutex<Vec<(Timed, Option<Timer>)>>,
    /// The log index behind the last command that was carried out.
    progress: watch::Sender<u64>,
}

struct State {
    machine: Machine<Kept>,
    last: Option<LogId>,
    membership: StoredMembership,
    snapshot: Option<(SnapshotFile, SnapshotStatus)>,
}

impl MachineStore {
    /// The state of the newest snapshot on `disk`. What was committed since is carried out again.
    ///
    /// # Errors
    /// Code `table.damaged` for a snapshot that was finished and is damaged, `format.newer`, else failing storage.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let snapshot = snapshot::newest(&*disk)?;
        snapshot::keep_only(&*disk, snapshot.as_ref().map(SnapshotFile::name))?;
        let state = State::of(snapshot)?;
        let next = state.next();
        let (history, progress) = (Mutex::new(History::beginning_at(next)), watch::Sender::new(next));
        let times = Mutex::default();
        Ok(Self(Arc::new(Inner { disk, state: RwLock::new(state), history, times, progress })))
    }

    /// Looks at the state as it is on this member.
    pub(in crate::coordinate) fn look<T>(&self, look: impl FnOnce(&Machine<Kept>, Option<LogId>) -> T) -> T {
        let state = self.0.read();
        look(&state.machine, state.last)
    }

    /// The keys that begin with `prefix` and come behind `after`, `most` at most, with their values.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub(in crate::coordinate) fn scan(
        &self,
        prefix: &[u8],
        after: &[u8],
        most: usize,
    ) -> Result<Vec<(bytes::Bytes, bytes::Bytes)>> {
        self.0.read().machine.keys.scan(prefix, after, most)
    }

    /// A hash of the whole state, with the log index behind the last command that it has.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub fn digest(&self) -> Result<(u64, blake3::Hash)> {
        let state = self.0.read();
        let mut hasher = blake3::Hasher::new();
        let mut add = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        let meta = rmp_serde::to_vec(&state.machine.meta);
        add(&meta.map_err(|error| Error::internal(format!("the state cannot be hashed: {error}")))?);
        let mut after = bytes::Bytes::new();
        loop {
            let found = state.machine.keys.scan(&[], &after, DIGESTED)?;
            for (key, value) in &found {
                add(key);
                add(value);
            }
            match found.last() {
                Some((last, _)) => after = last.clone(),
                None => return Ok((state.next(), hasher.finalize())),
            }
        }
    }

    /// Follows the log index behind the last command that was carried out.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<u64> {
        self.0.progress.subscribe()
    }

    /// The last changes.
    pub fn history(&self) -> MutexGuard<'_, History> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose time began anew since this was asked last.
    pub(in crate::coordinate) fn take_times(&self) -> Vec<(Timed, Option<Timer>)> {
        std::mem::take(&mut *self.0.times())
    }

    /// How many bytes of memory the changes since the last snapshot take, and how many bytes of disk that takes.
    #[must_use]
    pub fn weight(&self) -> (usize, u64) {
        let state = self.0.read();
        (state.machine.keys.bytes(), state.machine.keys.table_bytes())
    }

    /// The last snapshot.
    pub(in crate::coordinate) fn snapshot_status(&self) -> Option<SnapshotStatus> {
        self.0.read().snapshot.as_ref().map(|(_, status)| *status)
    }

    /// The disk, for snapshots that arrive.
    pub(in crate::coordinate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.0.disk
    }

    /// A name for a snapshot that arrives.
    ///
    /// # Errors
    /// Failing storage.
    pub(in crate::coordinate) fn incoming(&self) -> Result<String> {
        // What it reaches to is known when it is here: until then it stands behind all others.
        snapshot::new_name(&*self.0.disk, self.look(|_, last| last.map_or(0, |last| last.index + 1)))
    }
}

impl Inner {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn times(&self) -> MutexGuard<'_, Vec<(Timed, Option<Timer>)>> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn of(snapshot: Option<SnapshotFile>) -> Result<Self> {
        let about = snapshot.as_ref().map_or_else(|| Ok(About::default()), SnapshotFile::about)?;
        let table = snapshot.as_ref().map(|snapshot| Arc::clone(&snapshot.0));
        let snapshot = snapshot.map(|snapshot| {
            let status = about.status(&snapshot);
            (snapshot, status)
        });
        let About { last, membership, meta } = about;
        Ok(Self { machine: Machine { keys: Kept::of(table), meta }, last, membership, snapshot })
    }

    /// The log index that comes next.
    fn next(&self) -> u64 {
        self.last.map_or(0, |last| last.index + 1)
    }

    fn apply(
        &mut self,
        log_id: LogId,
        payload: &EntryPayload<Proposed, u64, Member>,
        effects: &mut Effects,
    ) -> Result<Applied> {
        self.last = Some(log_id);
        match payload {
            EntryPayload::Blank => Ok(Applied(None)),
            EntryPayload::Normal(proposed) => {
                let answered = self.machine.apply(log_id.index, proposed.proposal()?, effects)?;
                Ok(Applied(Some(answered)))
            }
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership.clone());
                Ok(Applied(None))
            }
        }
    }
}

impl RaftStateMachine<Types> for MachineStore {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let state = self.0.read();
        Ok((state.last, state.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        while let Some((entry, responder)) = entries.next().await.transpose()? {
            let mut effects = Effects::default();
            let applied =
                self.0.write().apply(entry.log_id, &entry.payload, &mut effects).map_err(io_error)?;
            self.history().extend(entry.log_id.index, effects.changes);
            if !effects.times.is_empty() {
                self.0.times().extend(effects.times);
            }
            self.0.progress.replace(entry.log_id.index + 1);
            if let Some(responder) = responder {
                responder.send(applied);
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        let mut state = self.0.write();
        let about = About {
            last: state.last,
            membership: state.membership.clone(),
            meta: state.machine.meta.clone(),
        };
        let (base, changes) = state.machine.keys.freeze();
        Builder { store: self.clone(), about, base, changes }
    }

    async fn install_snapshot(&mut self, _: &SnapshotMeta, snapshot: SnapshotFile) -> io::Result<()> {
        let install = || {
            let name = snapshot.name().to_owned();
            let state = State::of(Some(snapshot))?;
            let next = state.next();
            *self.0.write() = state;
            *self.history() = History::beginning_at(next);
            self.0.progress.replace(next);
            snapshot::keep_only(&*self.0.disk, Some(&name))
        };
        blocking(install).map_err(io_error)
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let snapshot = self.0.read().snapshot.clone();
        let whole = snapshot.map(|(snapshot, _)| Ok(Snapshot { meta: snapshot.meta()?, snapshot }));
        whole.transpose().map_err(io_error)
    }
}

/// A snapshot that is to be written.
pub struct Builder {
    store: MachineStore,
    about: About,
    base: Option<Arc<Table>>,
    changes: Arc<Changes>,
}

impl Builder {
    /// Writes the snapshot and lets the state rest on it.
    fn build(&self) -> Result<SnapshotFile> {
        let disk = &*self.store.0.disk;
        let name = snapshot::new_name(disk, self.about.last.map_or(0, |last| last.index))?;
        let written = TableWriter::create(disk, &name).and_then(|mut writer| {
            merge(self.base.as_ref(), &self.changes, &mut writer)?;
            writer.finish(&self.about.encode()?)
        });
        if let Err(error) = written {
            disk.remove(&name)
                .map_err(|failed| kailash_core::log::disk_error(&failed, "removing half a snapshot"))?;
            return Err(error);
        }
        let table = Table::open(disk, &name)?.ok_or_else(|| Error::internal("a snapshot was not written"))?;
        let snapshot = SnapshotFile(Arc::new(table));
        let mut state = self.store.0.write();
        state.machine.keys.thaw(Arc::clone(&snapshot.0));
        state.snapshot = Some((snapshot.clone(), self.about.status(&snapshot)));
        drop(state);
        snapshot::keep_only(disk, Some(&name))?;
        Ok(snapshot)
    }
}

impl RaftSnapshotBuilder<Types> for Builder {
    type SnapshotData = SnapshotFile;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        loop {
            match blocking(|| self.build()) {
                Ok(snapshot) => {
                    let meta = snapshot.meta().map_err(io_error)?;
                    return Ok(Snapshot { meta, snapshot });
                }
                // The log goes on meanwhile, or waits for room as well.
                Err(error) if error.code() == "log.full" => {
                    tracing::warn!(%error, "no room for a snapshot of the replicated state");
                    tokio::time::sleep(ROOM).await;
                }
                Err(error) => return Err(io_error(error)),
            }
        }
    }
}

//! Snapshots: tables named by the log index they reach to.

use std::sync::Arc;

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    log::{Disk, disk_error},
};
use serde::{Deserialize, Serialize};

use crate::{
    coordinate::{
        SnapshotStatus,
        raft::{LogId, SnapshotMeta, StoredMembership},
        state::Meta,
    },
    table::Table,
};

/// A finished snapshot.
#[derive(Clone)]
pub struct SnapshotFile(pub(super) Arc<Table>);

/// What a snapshot says beside the keys.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    /// The last entry that it holds.
    pub(super) last: Option<LogId>,
    pub(super) membership: StoredMembership,
    pub(super) meta: Meta,
}

impl SnapshotFile {
    /// Opens the file `name` and reads all of it.
    ///
    /// # Errors
    /// Code `table.damaged` or `format.newer` for one that cannot be used; failing storage.
    pub fn open(disk: &dyn Disk, name: &str) -> Result<Self> {
        let table = Table::open(disk, name)?.ok_or_else(|| unusable(name, "it has no end"))?;
        table.verify()?;
        Ok(Self(Arc::new(table)))
    }

    /// The length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// `length` bytes at `offset`, for those who send it.
    ///
    /// # Errors
    /// Failing storage.
    pub fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.0.bytes(offset, length)
    }

    /// What Raft needs to know of it.
    ///
    /// # Errors
    /// Code `table.damaged`.
    pub fn meta(&self) -> Result<SnapshotMeta> {
        let About { last, membership, .. } = self.about()?;
        Ok(SnapshotMeta { last_log_id: last, last_membership: membership })
    }

    pub(super) fn about(&self) -> Result<About> {
        rmp_serde::from_slice(self.0.meta()).map_err(|error| unusable(self.0.name(), &error.to_string()))
    }

    pub(super) fn name(&self) -> &str {
        self.0.name()
    }
}

impl About {
    /// The snapshot that says this.
    pub(super) fn status(&self, snapshot: &SnapshotFile) -> SnapshotStatus {
        SnapshotStatus {
            last: self.last.map_or(0, |last| last.index),
            at: self.meta.clock().millis,
            bytes: snapshot.size(),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        rmp_serde::to_vec(self)
            .map_err(|error| Error::internal(format!("a snapshot cannot be described: {error}")))
    }
}

fn unusable(name: &str, why: &str) -> Error {
    let message = format!("the snapshot {name} cannot be used: {why}");
    Error::new(ErrorKind::Internal, "table.damaged", message).with_retry(Retry::Never)
}

const SUFFIX: &str = ".snap";

/// The snapshots in a folder by index and number, oldest first.
pub(super) fn list(disk: &dyn Disk) -> Result<Vec<(u64, u32, String)>> {
    let names = disk.list().map_err(|error| disk_error(&error, "the folder of snapshots"))?;
    let parse = |name: String| {
        let (index, number) = name.strip_suffix(SUFFIX)?.split_once('-')?;
        Some((index.parse().ok()?, number.parse().ok()?, name))
    };
    let mut found: Vec<_> = names.into_iter().filter_map(parse).collect();
    found.sort_unstable();
    Ok(found)
}

/// A name that no snapshot has, for one that reaches to log index `index`.
pub(super) fn new_name(disk: &dyn Disk, index: u64) -> Result<String> {
    let taken =
        list(disk)?.into_iter().filter(|(at, _, _)| *at == index).map(|(_, number, _)| number + 1).max();
    Ok(format!("{index:020}-{:04}{SUFFIX}", taken.unwrap_or(0)))
}

/// Removes all snapshots but the one called `kept`.
pub(super) fn keep_only(disk: &dyn Disk, kept: Option<&str>) -> Result<()> {
    for (_, _, name) in list(disk)?.into_iter().filter(|(_, _, name)| Some(&**name) != kept) {
        disk.remove(&name).map_err(|error| disk_error(&error, &format!("the snapshot {name}")))?;
    }
    Ok(())
}

/// The newest snapshot that was finished. One that was finished and is damaged is refused.
///
/// # Errors
/// Code `table.damaged`, `format.newer`, or failing storage.
pub(super) fn newest(disk: &dyn Disk) -> Result<Option<SnapshotFile>> {
    for (_, _, name) in list(disk)?.into_iter().rev() {
        if let Some(table) = Table::open(disk, &name)? {
            table.verify()?;
            return Ok(Some(SnapshotFile(Arc::new(table))));
        }
    }
    Ok(None)
}

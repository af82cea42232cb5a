//! The keys of a member: a table on disk, and what changed since in memory.
//!
//! ```text
//! get:  changes ── not there ──> frozen ── not there ──> table
//! snapshot:  changes become frozen; table + frozen are written as a new table (by somebody else); then that is the table
//! ```
//! Changes are in the Raft log as well: losing them costs nothing but time.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use kailash_core::Result;

use crate::{
    coordinate::state::Keys,
    table::{Changes, Table},
};

/// What a change costs in memory beside its bytes, about.
const OVERHEAD: usize = 96;

/// The keys of a member.
#[derive(Default)]
pub(in crate::coordinate) struct Kept {
    table: Option<Arc<Table>>,
    frozen: Option<Arc<Changes>>,
    changes: Changes,
    /// How many bytes `changes` takes, about.
    bytes: usize,
}

impl Kept {
    /// What is in `table`.
    pub(super) fn of(table: Option<Arc<Table>>) -> Self {
        Self { table, ..Self::default() }
    }

    /// How many bytes of memory the changes since the last table take, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The length of the table in bytes.
    pub(super) fn table_bytes(&self) -> u64 {
        self.table.as_ref().map_or(0, |table| table.size())
    }

    /// What a new table is made of. What changes from now on does not touch it.
    pub(super) fn freeze(&mut self) -> (Option<Arc<Table>>, Arc<Changes>) {
        let mut changes = std::mem::take(&mut self.changes);
        self.bytes = 0;
        if let Some(frozen) = self.frozen.take() {
            // A table that could not be written: its changes are still owed.
            let mut owed = Arc::unwrap_or_clone(frozen);
            owed.append(&mut changes);
            changes = owed;
        }
        let frozen = Arc::new(changes);
        self.frozen = Some(Arc::clone(&frozen));
        (self.table.clone(), frozen)
    }

    /// Takes the table that was made of what was frozen.
    pub(super) fn thaw(&mut self, table: Arc<Table>) {
        self.table = Some(table);
        self.frozen = None;
    }

    /// The keys that begin with `prefix` and come behind `after`, `most` at most, with their values.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub(super) fn scan(&self, prefix: &[u8], after: &[u8], most: usize) -> Result<Vec<(Bytes, Bytes)>> {
        let from = after.max(prefix);
        let mut cursor = self.table.as_ref().map(|table| table.cursor(from)).transpose()?;
        let newer = [Some(&self.changes), self.frozen.as_deref()];
        let mut found: Vec<(Bytes, Bytes)> = Vec::new();
        let mut at = Bound::Included(Bytes::copy_from_slice(from));
        while found.len() < most {
            let range = (at.clone(), Bound::Unbounded);
            let changed = newer
                .iter()
                .flatten()
                .filter_map(|changes| changes.range(range.clone()).next())
                .min_by_key(|(key, _)| *key);
            let stored = cursor.as_ref().and_then(|cursor| cursor.entry());
            let key = match (changed, stored) {
                (Some((changed, _)), Some((stored, _))) => changed.min(stored),
                (Some((key, _)), None) | (None, Some((key, _))) => key,
                (None, None) => break,
            };
            if !key.starts_with(prefix) {
                break;
            }
            let key = key.clone();
            let value = newer.iter().flatten().find_map(|changes| changes.get(&key));
            let value = value.cloned().unwrap_or_else(|| stored.map(|(_, value)| value.clone()));
            if let Some(cursor) = &mut cursor
                && cursor.entry().is_some_and(|(stored, _)| *stored == key)
            {
                cursor.advance()?;
            }
            at = Bound::Excluded(key.clone());
            found.extend(value.filter(|_| &*key > after).map(|value| (key, value)));
        }
        Ok(found)
    }

    fn change(&mut self, key: Bytes, value: Option<Bytes>) {
        let size = |value: &Option<Bytes>| value.as_ref().map_or(0, Bytes::len);
        self.bytes += size(&value);
        let length = key.len();
        match self.changes.insert(key, value) {
            Some(before) => self.bytes -= size(&before),
            None => self.bytes += length + OVERHEAD,
        }
    }
}

impl Keys for Kept {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        let newer = [Some(&self.changes), self.frozen.as_deref()];
        if let Some(changed) = newer.into_iter().flatten().find_map(|changes| changes.get(key)) {
            return Ok(changed.clone());
        }
        self.table.as_ref().map_or(Ok(None), |table| table.get(key))
    }

    fn put(&mut self, key: Bytes, value: Bytes) {
        self.change(key, Some(value));
    }

    fn delete(&mut self, key: Bytes) {
        self.change(key, None);
    }
}

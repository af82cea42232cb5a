//! The entries of a table one after the other.

use std::sync::Arc;

use bytes::Bytes;
use kailash_core::Result;

use super::{Table, block};

/// A place in a table. It stands on an entry until the entries are at an end.
pub struct Cursor {
    table: Arc<Table>,
    /// The block that comes next.
    next: usize,
    entries: Bytes,
    current: Option<(Bytes, Bytes)>,
}

impl Cursor {
    /// Stands on the first entry whose key is not before `key`.
    pub(super) fn at(table: Arc<Table>, key: &[u8]) -> Result<Self> {
        let next = table.block_of(key).unwrap_or(0);
        let mut cursor = Self { table, next, entries: Bytes::new(), current: None };
        cursor.advance()?;
        while cursor.current.as_ref().is_some_and(|(found, _)| **found < *key) {
            cursor.advance()?;
        }
        Ok(cursor)
    }

    /// Key and value of the entry it stands on.
    #[must_use]
    pub fn entry(&self) -> Option<(&Bytes, &Bytes)> {
        self.current.as_ref().map(|(key, value)| (key, value))
    }

    /// Goes to the next entry.
    ///
    /// # Errors
    /// As [`Table::get`].
    pub fn advance(&mut self) -> Result<()> {
        while self.entries.is_empty() && self.next < self.table.blocks() {
            self.entries = self.table.block(self.next)?;
            self.next += 1;
        }
        let found = block::first(&self.entries);
        let found = found
            .map(|(key, value, length)| (self.entries.slice_ref(key), self.entries.slice_ref(value), length));
        self.current = found.map(|(key, value, length)| {
            self.entries = self.entries.slice(length..);
            (key, value)
        });
        Ok(())
    }
}

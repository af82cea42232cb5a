//! A table and what changed since, written as a new table.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use kailash_core::Result;

use super::{Table, TableWriter};

/// New values by key; none for a key that is gone.
pub type Changes = BTreeMap<Bytes, Option<Bytes>>;

/// Adds the entries of `base` with `changes` made to them to `out`.
///
/// # Errors
/// Code `table.damaged` if a block of `base` is not what was written; failing storage.
pub fn merge(base: Option<&Arc<Table>>, changes: &Changes, out: &mut TableWriter) -> Result<()> {
    let mut old = base.map(|table| table.cursor(&[])).transpose()?;
    for (key, value) in changes {
        while let Some(cursor) = &mut old
            && let Some((before, kept)) = cursor.entry().filter(|(found, _)| *found <= key)
        {
            if before != key {
                out.add(before, kept)?;
            }
            cursor.advance()?;
        }
        if let Some(value) = value {
            out.add(key, value)?;
        }
    }
    while let Some(cursor) = &mut old
        && let Some((key, value)) = cursor.entry()
    {
        out.add(key, value)?;
        cursor.advance()?;
    }
    Ok(())
}

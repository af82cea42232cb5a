//! The audit logs of a host: one writer for each file, whichever nodes and runs write to it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Error, ErrorKind, Map, Result, Text};
use tokio::time::Instant;

use super::file::{Appended, LogFile, Verified, verify};

/// How many files a host has open at most.
pub(super) const MAX_LOGS: usize = 64;

/// A handle to the audit logs that a host's nodes write to. A file is opened with its first record, and closed when many
/// others were written to since.
#[derive(Clone, Default)]
pub struct AuditLogs(Arc<Mutex<HashMap<PathBuf, Entry>>>);

struct Entry {
    writer: Writer,
    used: Instant,
}

/// The writer of one file; none if it was not opened yet or has to be opened again.
type Writer = Arc<Mutex<Option<LogFile>>>;

impl AuditLogs {
    /// Appends a record to the log at `path`. Blocks.
    pub(super) fn append(&self, path: &Path, record: &Map, key: &Text) -> Result<Appended> {
        let writer = self.writer(path)?;
        let mut file = lock(&writer);
        if !file.as_ref().is_some_and(LogFile::is_current) {
            // The lock of the old one has to be gone before the new one can have it.
            *file = None;
            *file = Some(LogFile::open(path)?);
        }
        let file = file.as_mut().ok_or_else(|| Error::internal("an audit log was not opened"))?;
        file.append(record, key)
    }

    /// Checks the chain of the log at `path`, and looks for the line with the hash `expected`. Blocks.
    pub(super) fn verify(&self, path: &Path, expected: Option<&Text>) -> Result<Verified> {
        if !path.exists() {
            return Err(Error::io(path, std::io::ErrorKind::NotFound.into()));
        }
        let writer = self.writer(path)?;
        let file = lock(&writer);
        match file.as_ref() {
            Some(file) => file.verify(expected),
            None => verify(path, expected),
        }
    }

    fn writer(&self, path: &Path) -> Result<Writer> {
        // Two names of one file are one file.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let resolved = match path.canonicalize() {
            Ok(resolved) => resolved,
            Err(_) => {
                let folder = folder.canonicalize().map_err(|error| {
                    Error::io(folder, error).with_hint("the folder of an audit log has to be there")
                })?;
                folder.join(path.file_name().unwrap_or_default())
            }
        };
        let mut entries = lock(&self.0);
        if !entries.contains_key(&resolved) && entries.len() >= MAX_LOGS {
            make_room(&mut entries)?;
        }
        let used = Instant::now();
        let entry = entries.entry(resolved).or_insert_with(|| Entry { writer: Writer::default(), used });
        entry.used = used;
        Ok(Arc::clone(&entry.writer))
    }
}

/// Closes the file that nobody wrote to for longest.
fn make_room(entries: &mut HashMap<PathBuf, Entry>) -> Result<()> {
    let idle = entries.iter().filter(|(_, entry)| Arc::strong_count(&entry.writer) == 1);
    let oldest = idle.min_by_key(|(_, entry)| entry.used).map(|(path, _)| path.clone());
    let oldest = oldest.ok_or_else(|| {
        Error::new(ErrorKind::Limit, "audit.logs", format!("{MAX_LOGS} audit logs are written to at once"))
    })?;
    entries.remove(&oldest);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

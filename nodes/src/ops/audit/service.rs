//! The audit logs of a host: one writer for each file, whichever nodes and runs write to it.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Error, Map, Result, Text};

use super::{
    chain::Tip,
    file::{Appended, LogFile, verify},
};

/// A handle to the audit logs that a host's nodes write to. A file is opened with its first record.
#[derive(Clone, Default)]
pub struct AuditLogs(Arc<Mutex<HashMap<PathBuf, Writer>>>);

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

    /// Checks the chain of the log at `path`. Blocks.
    pub(super) fn verify(&self, path: &Path) -> Result<Tip> {
        if !path.exists() {
            return Err(Error::io(path, std::io::ErrorKind::NotFound.into()));
        }
        let writer = self.writer(path)?;
        let file = lock(&writer);
        match file.as_ref() {
            Some(file) => file.verify(),
            None => verify(path),
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
        Ok(Arc::clone(lock(&self.0).entry(resolved).or_default()))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

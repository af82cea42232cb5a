//! A folder of a log that is only looked at: nothing in it is made, cut or removed.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::PathBuf,
};

use super::disk::{Disk, DiskFile, disk_error, in_use};
use crate::Result;

/// A folder of the file system that is read and left as it is. No process can write a log in it meanwhile.
pub struct ReadOnlyFolder {
    path: PathBuf,
    /// None where no log was ever opened.
    _lock: Option<File>,
}

impl ReadOnlyFolder {
    /// Opens `path`.
    ///
    /// # Errors
    /// Kind `Conflict`, code `log.locked`, while another process uses it; kind `Unavailable` or `Denied` if it cannot
    /// be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let wrong = |error: io::Error| disk_error(&error, &format!("the folder {}", path.display()));
        fs::read_dir(&path).map_err(wrong)?;
        let lock = match File::open(path.join("lock")) {
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            other => Some(other.map_err(wrong)?),
        };
        match lock.as_ref().map_or(Ok(()), File::try_lock_shared) {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(in_use(&path)),
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }
}

impl Disk for ReadOnlyFolder {
    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect()
    }

    fn create(&self, _name: &str) -> io::Result<Box<dyn DiskFile>> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        // Opened for reading: the system refuses to write or cut it.
        Ok(Box::new(File::open(self.path.join(name))?))
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        Err(ErrorKind::ReadOnlyFilesystem.into())
    }
}

//! The disk port: files of one folder, and when what was written survives.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Runner;
use crate::{Error, ErrorKind as Kind, Result, Retry};

/// Who may do what with a file: its owner reads and writes.
pub(super) const PRIVATE: u32 = 0o600;

/// Makes a folder, if it is missing, that only its owner may enter.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The files of one folder.
pub trait Disk: Send + Sync {
    /// The names of the files, in no order.
    ///
    /// # Errors
    /// The folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes an empty file. Its name survives when the file was synced for the first time.
    ///
    /// # Errors
    /// It exists, or cannot be made.
    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that exists.
    ///
    /// # Errors
    /// It does not exist, or cannot be opened.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file for good; one that does not exist is no error.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Who does the writing of logs on this disk. None, as by default: each log has a thread of its own for it.
    fn runner(&self) -> Option<Runner> {
        None
    }
}

impl<D: Disk + ?Sized> Disk for Arc<D> {
    fn list(&self) -> io::Result<Vec<String>> {
        (**self).list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        (**self).create(name)
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        (**self).open(name)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        (**self).remove(name)
    }

    fn runner(&self) -> Option<Runner> {
        (**self).runner()
    }
}

/// A file that grows at its end.
pub trait DiskFile: Send + Sync {
    /// The length in bytes.
    ///
    /// # Errors
    /// Failing storage.
    fn size(&self) -> io::Result<u64>;

    /// Writes `bytes` at the end. After an error any part of them may be there.
    ///
    /// # Errors
    /// Failing or full storage.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Reads `length` bytes at `offset`.
    ///
    /// # Errors
    /// Kind `UnexpectedEof` if there are fewer.
    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>>;

    /// Cuts the file at `size`.
    ///
    /// # Errors
    /// Failing storage.
    fn cut(&self, size: u64) -> io::Result<()>;

    /// Returns when everything written so far, and the file's name, survive the power going off.
    ///
    /// # Errors
    /// Failing storage: what was not synced before may be lost, and syncing again proves nothing.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system, locked for this process while it is in use. What is made in it only its owner may read:
/// journals hold whatever flows through workflows.
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens `path`, which is made if it is missing.
    ///
    /// # Errors
    /// Kind `Conflict`, code `log.locked`, while another process uses it; kind `Unavailable` or `Denied` if it cannot
    /// be made or opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let wrong = |error: io::Error| disk_error(&error, &format!("the folder {}", path.display()));
        private_folder(&path).map_err(wrong)?;
        let mut lock = OpenOptions::new();
        let lock = lock.create(true).append(true).mode(PRIVATE).open(path.join("lock")).map_err(wrong)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(in_use(&path)),
            Err(TryLockError::Error(error)) => Err(wrong(error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            // Nobody but us names files here; a name that is no text is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut file = OpenOptions::new();
        let file = file.read(true).append(true).create_new(true).mode(PRIVATE).open(self.path.join(name))?;
        // The name survives from here on: no later than the first sync, as promised.
        File::open(&self.path)?.sync_all()?;
        Ok(Box::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).append(true).open(self.path.join(name))?))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => File::open(&self.path)?.sync_all(),
        }
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut file = self;
        file.write_all(bytes)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Another process holds the folder's lock.
pub(super) fn in_use(path: &Path) -> Error {
    let message = format!("{} is in use by another process", path.display());
    Error::new(Kind::Conflict, "log.locked", message)
        .with_hint("one process at a time keeps a journal: stop the other, or use another folder")
}

/// What a failure of the disk means: kind `Unavailable` with code `log.full` while there is no room, `Denied` with
/// `log.denied`, else `Unavailable` with `log.io`. `what` was being done.
#[must_use]
pub fn disk_error(error: &io::Error, what: &str) -> Error {
    let message = format!("{what}: {error}");
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Error::new(Kind::Unavailable, "log.full", message)
                .with_hint("free some space: the log goes on by itself")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            Error::new(Kind::Denied, "log.denied", message).with_retry(Retry::Never)
        }
        _ => Error::new(Kind::Unavailable, "log.io", message),
    }
}

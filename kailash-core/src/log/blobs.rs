//! Blobs in a folder: each content once, held by hard links.
//!
//! ```text
//! content/HASH               the bytes, written beside and renamed: whole or not there
//! holders/HOLDER/HASH        a link for each holder: the last one to go takes the content with it
//! ```

use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::disk::{PRIVATE, private_folder};
use crate::{
    Error, Result,
    exec::{BlobRef, BlobStore},
};

/// What the name of a content ends with while it is written.
const UNFINISHED: &str = "new";

/// Keeps blobs in a folder that belongs to one process at a time; what was put survives the power going off.
///
/// Every call blocks for as long as the disk takes.
pub struct FolderBlobStore {
    root: PathBuf,
    /// Held while links come and go.
    changing: Mutex<()>,
}

impl FolderBlobStore {
    /// Blobs in the folder `root`, which is made if it is missing.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let store = Self { root: root.into(), changing: Mutex::default() };
        for part in ["content", "holders"] {
            let folder = store.root.join(part);
            private_folder(&folder).map_err(|error| Error::io(&folder, error))?;
        }
        Ok(store)
    }

    /// Lets go of every holder but `holders`, and of what was never written to its end: whoever held the rest is gone, and
    /// nothing else would free it. Returns how many there were.
    ///
    /// # Errors
    /// Failing storage.
    pub fn keep_only<'h>(&self, holders: impl IntoIterator<Item = &'h str>) -> Result<usize> {
        let _changing = self.lock();
        let failed = |error| Error::io(&self.root, error);
        for file in names(&self.root.join("content")).map_err(failed)? {
            if file.extension().is_some_and(|end| end == UNFINISHED) {
                fs::remove_file(file).map_err(failed)?;
            }
        }
        let held = names(&self.root.join("holders")).map_err(failed)?;
        if held.is_empty() {
            return Ok(0);
        }
        let kept: HashSet<PathBuf> = holders.into_iter().map(|holder| self.holder(holder)).collect();
        let gone = held.into_iter().filter(|holder| !kept.contains(holder));
        gone.map(|holder| self.let_go(&holder).map_err(failed)).map(|freed| freed.map(|()| 1)).sum()
    }

    /// Blobs in the folder `root`, to be read: nothing is made.
    #[must_use]
    pub fn to_read(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), changing: Mutex::default() }
    }

    fn content(&self, hash: &str) -> PathBuf {
        self.root.join("content").join(hash)
    }

    /// The folder of `holder`, whose name may be any text.
    fn holder(&self, holder: &str) -> PathBuf {
        self.root.join("holders").join(blake3::hash(holder.as_bytes()).to_hex().as_str())
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, holder: &Path, hash: &str, content: &[u8]) -> io::Result<()> {
        let target = self.content(hash);
        if !target.exists() {
            let beside = target.with_extension(UNFINISHED);
            if let Err(error) = write(&beside, content).and_then(|()| fs::rename(&beside, &target)) {
                // On a disk that is full it would take room from what follows.
                drop(fs::remove_file(&beside));
                return Err(error);
            }
            sync_folder(&self.root.join("content"))?;
        }
        private_folder(holder)?;
        match fs::hard_link(&target, holder.join(hash)) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync_folder(holder).and_then(|()| sync_folder(&self.root.join("holders"))),
        }
    }

    fn let_go(&self, holder: &Path) -> io::Result<()> {
        let held = match fs::read_dir(holder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for entry in held {
            let entry = entry?;
            let content = self.root.join("content").join(entry.file_name());
            fs::remove_file(entry.path())?;
            if fs::metadata(&content).is_ok_and(|content| content.nlink() == 1) {
                fs::remove_file(&content)?;
            }
        }
        fs::remove_dir(holder)
    }
}

fn write(file: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(PRIVATE).open(file)?;
    file.write_all(content)?;
    file.sync_all()
}

fn names(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[async_trait]
impl BlobStore for FolderBlobStore {
    async fn put(&self, holder: &str, content: Bytes, media: &str) -> Result<BlobRef> {
        let blob = BlobRef::of(&content, media);
        let holder = self.holder(holder);
        let _changing = self.lock();
        self.keep(&holder, &blob.hash, &content).map_err(|error| Error::io(&self.root, error))?;
        Ok(blob)
    }

    async fn get(&self, blob: &BlobRef) -> Result<Bytes> {
        // The name comes from a record: it must not lead elsewhere.
        let missing = || Error::missing("blob.missing", format!("no blob {}", blob.hash));
        if blob.hash.len() != 64 || !blob.hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let path = self.content(&blob.hash);
        let content = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(missing()),
            other => other.map_err(|error| Error::io(&path, error))?,
        };
        if BlobRef::of(&content, &blob.media) != *blob {
            return Err(Error::internal(format!("blob {} no longer has its content", blob.hash)));
        }
        Ok(content.into())
    }

    async fn release(&self, holder: &str) -> Result<()> {
        let holder = self.holder(holder);
        let _changing = self.lock();
        self.let_go(&holder).map_err(|error| Error::io(&holder, error))
    }
}

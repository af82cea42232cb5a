//! Blobs in a folder: each content once, held by hard links.
//!
//! ```text
//! content/HASH               the bytes, written beside and renamed: whole or not there
//! holders/HOLDER/HASH        a link for each holder: the last one to go takes the content with it
//! ```

use std::{
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
            let beside = target.with_extension("new");
            let mut file = OpenOptions::new();
            let mut file = file.create(true).write(true).truncate(true).mode(PRIVATE).open(&beside)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&beside, &target)?;
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

//! A file that appears whole or not at all: written beside its target, synced, then renamed onto it.
//!
//! ```text
//! create ──> .tmpXXXX (same directory) ──write──> commit: flush, fsync, rename, fsync of the directory
//!                  └── dropped before commit: removed, the target untouched
//! ```

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use kailash_core::{Error, Result};
use tempfile::NamedTempFile;

const BUFFER_BYTES: usize = 64 << 10;

/// A file under way to its place. Dropping it without [`AtomicFile::commit`] leaves no trace.
pub struct AtomicFile {
    out: BufWriter<NamedTempFile>,
    target: PathBuf,
    bytes: u64,
}

impl AtomicFile {
    /// Starts a file that is to be `target`. Blocks.
    ///
    /// # Errors
    /// A missing directory, a target that is no regular file, or no permission.
    pub fn create(target: &Path) -> Result<Self> {
        Self::with_mode(target, 0o666, true)
    }

    /// [`AtomicFile::create`], for the eyes of its owner alone, whatever was there before.
    ///
    /// # Errors
    /// As [`AtomicFile::create`].
    pub fn private(target: &Path) -> Result<Self> {
        Self::with_mode(target, 0o600, false)
    }

    fn with_mode(target: &Path, mode: u32, as_before: bool) -> Result<Self> {
        let fail = |error| Error::io(target, error);
        // Through a link to what it leads to: renaming onto the link would cut it.
        let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        let existing = match fs::metadata(&target) {
            Ok(metadata) if metadata.is_dir() => return Err(fail(io::ErrorKind::IsADirectory.into())),
            Ok(metadata) if !metadata.is_file() => {
                let message = format!("{} is a device or pipe, not a file", target.display());
                return Err(Error::invalid("file.not_regular", message));
            }
            Ok(metadata) => as_before.then(|| metadata.permissions()),
            Err(_) => None,
        };
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        #[cfg(unix)]
        builder.permissions(permissions);
        let temp = builder
            .tempfile_in(directory)
            .map_err(|error| fail(error.kind().into()).with_hint("is the directory there, and writable?"))?;
        if let Some(permissions) = existing {
            temp.as_file().set_permissions(permissions).map_err(fail)?;
        }
        Ok(Self { out: BufWriter::with_capacity(BUFFER_BYTES, temp), target, bytes: 0 })
    }

    /// The bytes written so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the file in its place. Blocks until it is on the disk.
    ///
    /// # Errors
    /// A full disk, or a target that cannot be replaced; the target is then as it was.
    pub fn commit(self) -> Result<()> {
        let target = self.target;
        let fail = |error| Error::io(&target, error);
        let temp = self.out.into_inner().map_err(|error| fail(error.into_error()))?;
        temp.as_file().sync_all().map_err(fail)?;
        temp.persist(&target).map_err(|error| fail(error.error))?;
        sync_directory(&target).map_err(fail)
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Makes the renaming itself durable, where directories can be synced.
fn sync_directory(target: &Path) -> io::Result<()> {
    if cfg!(unix)
        && let Some(parent) = target.parent()
    {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        return File::open(parent)?.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_dropped_file_leaves_the_target_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.txt");
        fs::write(&target, "old").unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(&vec![b'x'; 200_000]).unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&target).unwrap(), "old");
        assert_eq!(names(dir.path()), ["out.txt"]);
    }

    #[test]
    fn a_committed_file_replaces_the_target_and_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out.txt");
        fs::write(&target, "old").unwrap();
        fs::set_permissions(&target, fs::Permissions::from_mode(0o640)).unwrap();
        let mut file = AtomicFile::create(&target).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(file.bytes(), 3);
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(names(dir.path()), ["out.txt"]);
    }

    #[test]
    fn a_link_is_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    }

    #[test]
    fn a_device_a_directory_and_a_missing_parent_are_refused() {
        let code = |path: &str| AtomicFile::create(path.as_ref()).err().map(|error| error.code().to_owned());
        assert_eq!(code("/dev/null"), Some("file.not_regular".to_owned()));
        assert_eq!(code("/"), Some("io.is_directory".to_owned()));
        assert_eq!(code("/no/such/directory/out.csv"), Some("io.not_found".to_owned()));
    }
}

//! Where files are and how they are opened: paths of documents resolved, checked and bounded.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use kailash_core::{Error, ErrorKind, Result, Retry, node::BuildContext};

/// What the whole form of a reader takes at most unless its config says otherwise: 256 MiB.
pub(super) const DEFAULT_MAX_BYTES: u64 = 256 << 20;

/// What one line, row or record of a file may take: 16 MiB.
pub(super) const MAX_RECORD_BYTES: usize = 16 << 20;

/// The service that says which directory relative paths of nodes start from. Without it they start from the
/// process's working directory.
#[derive(Clone, Debug, Default)]
pub struct WorkDir(pub PathBuf);

impl WorkDir {
    /// The host's working directory for nodes.
    pub(crate) fn of(cx: &BuildContext<'_>) -> Self {
        cx.services.get::<Self>().cloned().unwrap_or_default()
    }

    /// The path that `path` of a document stands for; an absolute one stays as it is.
    #[must_use]
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.0.join(path)
    }

    /// Like [`WorkDir::resolve`], for a path that is to be opened.
    ///
    /// # Errors
    /// Kind `Invalid`, code `file.path`, if the path is empty or has a NUL in it.
    pub fn checked(&self, path: &str) -> Result<PathBuf> {
        let wrong = |message: &str| Err(Error::invalid("file.path", message).at("file path"));
        match path {
            "" => wrong("the path is empty"),
            path if path.contains('\0') => wrong("the path has a NUL character in it"),
            path => Ok(self.resolve(path)),
        }
    }
}

/// Opens the file at `path` for reading. Blocks.
pub(super) fn open(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let metadata = file.metadata().map_err(|error| Error::io(path, error))?;
    if metadata.is_dir() {
        return Err(Error::io(path, std::io::ErrorKind::IsADirectory.into())
            .with_hint("name a file, or list the directory with DirectoryReader"));
    }
    Ok(file)
}

/// Opens the file at `path` for a reader that keeps it whole and takes at most `max_bytes`. Blocks.
pub(super) fn open_bounded(path: &Path, max_bytes: u64) -> Result<File> {
    let file = open(path)?;
    let metadata = file.metadata().map_err(|error| Error::io(path, error))?;
    if metadata.len() > max_bytes { Err(too_large(path, max_bytes)) } else { Ok(file) }
}

/// The content of the file at `path`, if it takes at most `max_bytes`. Blocks.
pub(super) fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>> {
    let file = open_bounded(path, max_bytes)?;
    let size = file.metadata().map_err(|error| Error::io(path, error))?.len();
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0).saturating_add(1));
    // The size of a pipe or device isn't known before it is read.
    let mut bounded = file.take(max_bytes.saturating_add(1));
    bounded.read_to_end(&mut content).map_err(|error| Error::io(path, error))?;
    if content.len() as u64 > max_bytes { Err(too_large(path, max_bytes)) } else { Ok(content) }
}

fn too_large(path: &Path, max_bytes: u64) -> Error {
    let message = format!("{} takes more than {max_bytes} bytes", path.display());
    Error::new(ErrorKind::Limit, "file.too_large", message)
        .with_retry(Retry::Never)
        .with_hint("connect the output as a stream, or raise `max_bytes`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_from_the_working_directory_and_absolute_ones_stay() {
        let dir = WorkDir("/srv/flows".into());
        assert_eq!(dir.resolve("in.csv"), PathBuf::from("/srv/flows/in.csv"));
        assert_eq!(dir.resolve("/tmp/in.csv"), PathBuf::from("/tmp/in.csv"));
        assert_eq!(WorkDir::default().resolve("in.csv"), PathBuf::from("in.csv"));
    }

    #[test]
    fn an_empty_path_and_one_with_nul_are_refused() {
        for path in ["", "a\0b"] {
            assert_eq!(WorkDir::default().checked(path).unwrap_err().code(), "file.path");
        }
    }

    #[test]
    fn a_directory_and_a_missing_file_are_named() {
        let error = open("/".as_ref()).unwrap_err();
        assert_eq!(error.code(), "io.is_directory");
        let error = open("/no/such/file".as_ref()).unwrap_err();
        assert_eq!(error.code(), "io.not_found");
        assert!(error.message().contains("/no/such/file"));
    }

    #[test]
    fn an_endless_device_is_cut_off_at_the_limit() {
        let error = read("/dev/zero".as_ref(), 1000).unwrap_err();
        assert_eq!((error.code(), error.kind()), ("file.too_large", ErrorKind::Limit));
    }
}

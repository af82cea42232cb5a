//! Registered workflows on disk: `NAME/VERSION.json`, each written whole or not at all.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use kailash_core::{
    Error, Result, Text,
    exec::Timestamp,
    format::{Syntax, read, to_text},
    workflow::{Dialect, Document},
};

use crate::host::whole_file;

/// The most bytes of a document.
const MAX_BYTES: u64 = 64 << 20;

/// A folder of workflows.
pub(super) struct Store(PathBuf);

/// A version as it was found.
pub(super) struct Kept {
    pub(super) name: Text,
    pub(super) number: u32,
    pub(super) registered: Timestamp,
    pub(super) document: Document,
}

impl Store {
    pub(super) fn open(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder).map_err(|error| Error::io(&folder, error))?;
        Ok(Self(folder))
    }

    /// Every version of every workflow. A file that cannot be read as one is left out and logged.
    pub(super) fn all(&self) -> Result<Vec<Kept>> {
        let mut all = Vec::new();
        for folder in entries(&self.0)?.into_iter().filter(|path| path.is_dir()) {
            for file in entries(&folder)? {
                match kept(&folder, &file) {
                    Ok(kept) => all.extend(kept),
                    Err(error) => tracing::warn!(file = %file.display(), %error, "left out"),
                }
            }
        }
        Ok(all)
    }

    /// A version that no file has yet, above `newest`: one that is not understood is never written over.
    pub(super) fn next_number(&self, name: &str, newest: u32) -> u32 {
        let mut number = newest + 1;
        while self.path(name, number).exists() {
            number += 1;
        }
        number
    }

    pub(super) fn keep(
        &self,
        name: &str,
        number: u32,
        registered: Timestamp,
        document: &Document,
    ) -> Result<()> {
        let text = to_text(document, Dialect::Own, Syntax::Json)?;
        let path = self.path(name, number);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        }
        whole_file(&path, text.as_bytes())?;
        let at = std::time::UNIX_EPOCH
            + std::time::Duration::from_millis(u64::try_from(registered.unix_millis()).unwrap_or_default());
        let file = fs::File::options().write(true).open(&path);
        file.and_then(|file| file.set_modified(at)).map_err(|error| Error::io(&path, error))
    }

    pub(super) fn remove(&self, name: &str, number: u32) -> Result<()> {
        let path = self.path(name, number);
        fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        if let Some(folder) = path.parent()
            && entries(folder)?.is_empty()
        {
            fs::remove_dir(folder).map_err(|error| Error::io(folder, error))?;
        }
        Ok(())
    }

    /// The file of a version; names are checked before.
    fn path(&self, name: &str, number: u32) -> PathBuf {
        self.0.join(name).join(format!("{number}.json"))
    }
}

fn kept(folder: &Path, file: &Path) -> Result<Option<Kept>> {
    let number = file.file_stem().and_then(OsStr::to_str).and_then(|stem| stem.parse().ok());
    let (Some(number), Some(name)) = (number, folder.file_name().and_then(OsStr::to_str)) else {
        return Ok(None);
    };
    let modified = fs::metadata(file).and_then(|metadata| metadata.modified());
    let modified = modified.map_err(|error| Error::io(file, error))?;
    let millis = modified.duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_millis();
    let registered = Timestamp::from_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX));
    Ok(Some(Kept { name: name.into(), number, registered, document: document(file)? }))
}

/// The documents in `folder`, with their files, in order.
pub(super) fn documents_in(folder: &Path) -> Result<Vec<(PathBuf, Document)>> {
    let known = |path: &PathBuf| {
        path.extension().and_then(OsStr::to_str).is_some_and(|name| ["json", "yaml", "yml"].contains(&name))
    };
    let files = entries(folder)?.into_iter().filter(known);
    files.map(|file| Ok((file.clone(), document(&file)?))).collect()
}

fn document(file: &Path) -> Result<Document> {
    let metadata = fs::metadata(file).map_err(|error| Error::io(file, error))?;
    if metadata.len() > MAX_BYTES {
        return Err(Error::invalid("document.size", "a document may have 64 MiB at most"));
    }
    let text = fs::read_to_string(file).map_err(|error| Error::io(file, error))?;
    read(&text, Syntax::of_path(file)).map_err(|issues| Error::from(issues).at(file.display().to_string()))
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
    });
    let mut listed = listed.map_err(|error| Error::io(folder, error))?;
    listed.sort_unstable();
    Ok(listed)
}

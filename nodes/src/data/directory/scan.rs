//! Which files of a directory are listed, and what is told of each.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use fast_glob::glob_match;
use kailash_core::{Error, ErrorKind, Result, Retry, Value, exec::Timestamp, node::Context, value};
use walkdir::{DirEntry, FilterEntry, IntoIter, WalkDir};

/// What is looked for.
pub(super) struct Query {
    pub(super) directory: PathBuf,
    /// How many levels of directories are looked into, from 1.
    pub(super) depth: usize,
    pub(super) include_hidden: bool,
    pub(super) patterns: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) max_files: usize,
}

/// One file found.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) info: Value,
    pub(super) kind: &'static str,
    pub(super) size: u64,
    pub(super) modified: Option<Timestamp>,
}

/// The files of a directory, one after the other, in order of their paths.
pub(super) struct Walk {
    query: Query,
    entries: FilterEntry<IntoIter, Shown>,
    count: usize,
}

type Shown = Box<dyn FnMut(&DirEntry) -> bool + Send>;

impl Query {
    /// Begins to look. Blocks.
    pub(super) fn walk(self) -> Result<Walk> {
        let metadata =
            std::fs::metadata(&self.directory).map_err(|error| Error::io(&self.directory, error))?;
        if !metadata.is_dir() {
            return Err(Error::io(&self.directory, std::io::ErrorKind::NotADirectory.into())
                .with_hint("name a directory"));
        }
        let walk = WalkDir::new(&self.directory).min_depth(1).max_depth(self.depth).follow_root_links(true);
        let include_hidden = self.include_hidden;
        let shown: Shown =
            Box::new(move |entry: &DirEntry| entry.depth() == 0 || include_hidden || !is_hidden(entry));
        let entries = walk.sort_by_file_name().into_iter().filter_entry(shown);
        Ok(Walk { query: self, entries, count: 0 })
    }

    /// The files, sorted by path. Blocks.
    pub(super) fn scan(self, cx: &Context) -> Result<Vec<Found>> {
        let mut walk = self.walk()?;
        let mut found = Vec::new();
        while let Some(file) = walk.next_file(cx, |_| true)? {
            found.push(file);
        }
        Ok(found)
    }

    /// A pattern with a `/` is for the path within the directory, another for the file's name.
    fn selects(&self, entry: &DirEntry) -> bool {
        let name = entry.file_name().to_string_lossy();
        let within = entry.path().strip_prefix(&self.directory).unwrap_or(entry.path()).to_string_lossy();
        let fits = |pattern: &String| {
            let subject = if pattern.contains('/') { &within } else { &name };
            glob_match(pattern, subject.as_bytes())
        };
        (self.patterns.is_empty() || self.patterns.iter().any(fits)) && !self.exclude.iter().any(fits)
    }

    fn failure(&self, error: walkdir::Error) -> Error {
        let path = error.path().unwrap_or(&self.directory).to_owned();
        Error::io(&path, error.into())
    }

    fn too_many(&self) -> Error {
        let message = format!("{} has more than {} such files", self.directory.display(), self.max_files);
        Error::new(ErrorKind::Limit, "directory.max_files", message)
            .with_retry(Retry::Never)
            .with_hint("narrow `file_patterns`, or raise `max_files`")
    }
}

impl Walk {
    /// The next file that `wanted` wants. Links to files count as files; links to directories aren't followed. Blocks.
    pub(super) fn next_file(
        &mut self,
        cx: &Context,
        mut wanted: impl FnMut(&mut Found) -> bool,
    ) -> Result<Option<Found>> {
        let mut seen = 0_usize;
        loop {
            if seen.is_multiple_of(1024) {
                cx.check()?;
            }
            seen += 1;
            let Some(entry) = self.entries.next() else { return Ok(None) };
            let entry = entry.map_err(|error| self.query.failure(error))?;
            // Neither a file that vanished since it was listed nor a link to nothing is a file.
            let Ok(metadata) = std::fs::metadata(entry.path()) else { continue };
            if !metadata.is_file() || !self.query.selects(&entry) {
                continue;
            }
            let mut found = describe(entry.path(), &metadata);
            if !wanted(&mut found) {
                continue;
            }
            if self.count >= self.query.max_files {
                return Err(self.query.too_many());
            }
            self.count += 1;
            return Ok(Some(found));
        }
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

fn describe(path: &Path, metadata: &Metadata) -> Found {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or_else(String::new, |end| format!(".{}", end.to_string_lossy()));
    let extension = extension.to_lowercase();
    let kind = kind_of(&extension);
    let modified = metadata.modified().ok().and_then(|at| {
        let since = at.duration_since(UNIX_EPOCH).ok()?;
        let millis = i64::try_from(since.as_millis()).ok()?;
        Some(Timestamp::from_unix_millis(millis))
    });
    let size = metadata.len();
    let info = value!({
        "file_path": (path.to_string_lossy().into_owned()),
        "file_name": (name.into_owned()),
        "file_type": kind,
        "file_extension": extension,
        "file_size": size,
        "modified_time": (modified.map(|at| at.to_string())),
    });
    Found { path: path.to_owned(), info, kind, size, modified }
}

fn kind_of(extension: &str) -> &'static str {
    match extension {
        ".csv" => "csv",
        ".json" => "json",
        ".jsonl" | ".ndjson" => "jsonl",
        ".txt" => "txt",
        ".xml" => "xml",
        ".yaml" | ".yml" => "yaml",
        ".md" => "markdown",
        ".py" => "python",
        ".js" => "javascript",
        ".html" => "html",
        ".css" => "css",
        ".pdf" => "pdf",
        ".doc" | ".docx" => "word",
        ".xls" | ".xlsx" => "excel",
        ".png" | ".jpg" | ".jpeg" | ".gif" | ".svg" => "image",
        _ => "unknown",
    }
}

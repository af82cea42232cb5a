//! A search for files under way: which of those found are wanted, and how many there were.

use async_trait::async_trait;
use kailash_core::{
    Result, Value,
    exec::Timestamp,
    node::{Context, Emit, Outputs, Progress, Source},
    value,
};

use super::{
    content,
    scan::{Found, Walk},
};
use crate::data::stream::{FileSource, Rows};

/// Which of the files that the names select are wanted.
pub(super) struct Wanted {
    pub(super) after: Option<Timestamp>,
    pub(super) before: Option<Timestamp>,
    pub(super) least: u64,
    pub(super) most: u64,
    pub(super) types: Vec<String>,
    pub(super) by_content: bool,
}

impl Wanted {
    /// Whether `file` is wanted; looks into it if it has to. Blocks.
    fn wants(&self, file: &mut Found) -> bool {
        let in_time = match file.modified {
            Some(at) => {
                self.after.is_none_or(|after| at >= after) && self.before.is_none_or(|before| at < before)
            }
            None => self.after.is_none() && self.before.is_none(),
        };
        if !in_time || !(self.least..=self.most).contains(&file.size) {
            return false;
        }
        if self.by_content
            && let Some(kind) = content::kind_of(&file.path)
        {
            file.kind = kind;
        }
        self.types.is_empty() || self.types.iter().any(|kind| kind.eq_ignore_ascii_case(file.kind))
    }
}

/// A search under way, file by file.
pub(super) struct Search {
    walk: Walk,
    wanted: Wanted,
    cx: Context,
    size: u64,
}

impl Search {
    /// The files of `walk` that are wanted.
    pub(super) fn new(walk: Walk, wanted: Wanted, cx: Context) -> Self {
        Self { walk, wanted, cx, size: 0 }
    }

    /// How many bytes the files found so far have together.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl Rows for Search {
    fn next_row(&mut self) -> Result<Option<Value>> {
        let wanted = &self.wanted;
        let found = self.walk.next_file(&self.cx, |file| wanted.wants(file))?;
        Ok(found.map(|file| {
            self.size += file.size;
            value!({
                "path": (file.path.to_string_lossy().into_owned()),
                "name": (file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()),
                "size": (file.size),
                "modified": (file.modified.map(|at| at.to_string())),
                "type": (file.kind),
            })
        }))
    }

    /// Files are only listed, so that a batch is bounded by their number alone.
    fn bytes_read(&self) -> u64 {
        0
    }
}

/// The stream of a search, which counts what leaves.
pub(super) struct Discovering {
    files: FileSource<Search>,
    count: usize,
    size: u64,
}

impl Discovering {
    /// Nothing is found yet.
    pub(super) fn new(files: FileSource<Search>) -> Self {
        Self { files, count: 0, size: 0 }
    }
}

#[async_trait]
impl Source for Discovering {
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress> {
        let mut counted = Counted { out, count: 0, size: 0 };
        let progress = self.files.pull(cx, &mut counted).await?;
        self.count += counted.count;
        self.size += counted.size;
        Ok(progress)
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        let mut outputs = Outputs::none(3);
        outputs.set(1, self.count);
        outputs.set(2, self.size);
        Ok(outputs)
    }
}

struct Counted<'o> {
    out: &'o mut dyn Emit,
    count: usize,
    size: u64,
}

#[async_trait]
impl Emit for Counted<'_> {
    async fn emit(&mut self, port: usize, items: Vec<Value>) -> Result<()> {
        self.count += items.len();
        self.size += items.iter().filter_map(|item| item.get("size")?.as_u64()).sum::<u64>();
        self.out.emit(port, items).await
    }
}

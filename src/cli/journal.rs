//! The journal of a folder: opened, and its runs found by what people call them.

use std::{future::Future, path::Path, sync::Arc};

use anyhow::{Context, Result};
use kailash_core::{
    Map, Result as Done, RunId,
    log::{Folder, FolderBlobStore, LogSettings, SegmentRunLog},
    validate::Issue,
};
use kailash_runtime::Journal;

use super::refusal::Refusal;

/// The label with the folder in which a run began.
pub(super) const FOLDER: &str = "folder";

/// How many runs are looked at at a time.
const PAGE: usize = 1000;

/// Opens the journal in `folder`, which is made if it is missing.
pub(super) fn open(folder: &Path) -> Done<Journal, Refusal> {
    let open = || {
        let log = SegmentRunLog::open(Folder::open(folder.join("log"))?, LogSettings::default())?;
        let blobs = FolderBlobStore::open(folder.join("blobs"))?;
        Ok(Journal::new(Arc::new(log), Arc::new(blobs)))
    };
    open().map_err(|error: kailash_core::Error| {
        Refusal::named(&folder.display().to_string(), Issue::from_error(&error))
    })
}

/// Opens the journal in `folder`, which has to be there: whoever asks for a run mistyped it.
pub(super) fn open_existing(folder: &Path) -> Done<Journal, Refusal> {
    is_there(folder)?;
    open(folder)
}

/// Refuses a folder that is not there.
pub(super) fn is_there(folder: &Path) -> Done<(), Refusal> {
    if folder.exists() {
        return Ok(());
    }
    Err(Refusal::of(Issue::error("journal.missing", format!("there is no folder `{}`", folder.display()))))
}

/// What is noted of a run: the folder that it begins in.
pub(super) fn labels() -> Map {
    let here = std::env::current_dir().ok().and_then(|here| here.to_str().map(str::to_owned));
    here.map(|here| (FOLDER.into(), here.into())).into_iter().collect()
}

/// Waits for `work` on this thread.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> Result<T> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(executor.context("cannot make an executor")?.block_on(work))
}

/// Every run, in the order in which they began.
pub(super) async fn all(journal: &Journal) -> Done<Vec<RunId>> {
    let mut runs: Vec<RunId> = Vec::new();
    loop {
        let page = journal.runs(runs.last().copied(), PAGE).await?;
        if page.is_empty() {
            return Ok(runs);
        }
        runs.extend(page);
    }
}

/// The run that is called `name`: by its id, by how that begins or ends, or `last`.
pub(super) async fn find(journal: &Journal, name: &str) -> Done<RunId, Refusal> {
    let runs = all(journal).await?;
    let called = |run: &&RunId| {
        let id = run.to_string();
        id.starts_with(name) || id.ends_with(name)
    };
    let found: Vec<&RunId> = match name {
        "last" => runs.last().into_iter().collect(),
        "" => Vec::new(),
        _ => runs.iter().filter(called).collect(),
    };
    match found.as_slice() {
        [one] => Ok(**one),
        [] => {
            let issue = Issue::error("run.unknown", format!("there is no run `{name}` in the journal"));
            Err(Refusal::of(issue.hint("`kailash runs` lists them")))
        }
        several => {
            let message = format!("{} runs are called `{name}`", several.len());
            Err(Refusal::of(Issue::error("run.ambiguous", message).hint("give more of the id")))
        }
    }
}

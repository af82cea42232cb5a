//! What a damaged journal still holds, copied into a new one.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use kailash_core::{
    exec::{Clock, SystemClock},
    log::{FolderBlobStore, ReadOnlyFolder, Salvage},
    validate::Issue,
};

use super::report::Report;
use crate::cli::{entry::decided, journal, refusal::Refusal};

const EXAMPLES: &str = "\
Examples:
  kailash runs salvage --journal runs --to saved
  kailash runs salvage --journal runs --to saved --json | jq '.runs[] | select(.fate != \"whole\")'

The damaged journal is only read. A run is `whole` if all its records are there. A run that lacks some, or may lack its
last ones, or a large value, is `cut`: it is kept up to the first that is lost and marked as failed with the code
`journal.salvaged`, so that it is not resumed: going on with it could repeat what it did. A run without a beginning is
`lost`.
Exit status: 0 everything was saved, 1 something is lost, 2 refused: nothing was begun.";

/// Copy what a damaged journal still holds into a new folder
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder of the new journal, which is made; an empty one may be there
    #[arg(long, value_name = "NEW_FOLDER")]
    to: PathBuf,
}

/// Runs the command.
pub(super) fn main(from: &Path, args: &Args, as_json: bool) -> Result<ExitCode> {
    if !from.join("log").is_dir() {
        let issue = Issue::error("journal.missing", format!("there is no journal in `{}`", from.display()));
        return Err(Refusal::of(issue).into());
    }
    check(from, &args.to)?;
    let found = ReadOnlyFolder::open(from.join("log")).and_then(|folder| Salvage::of(&folder));
    let found =
        found.map_err(|error| Refusal::named(&from.display().to_string(), Issue::from_error(&error)))?;
    let runs = copy(from, &args.to, &found)?;
    let report = Report { from, to: &args.to, found: &found, runs: &runs };
    let printed = if as_json { report.json() } else { report.text() };
    decided(printed, if report.lost_something() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Refuses a folder that holds something, or that lies in the damaged journal.
fn check(from: &Path, to: &Path) -> Result<()> {
    let refuse = |message: String| Refusal::of(Issue::error("journal.to", message).hint("name a new folder"));
    let empty = match fs::read_dir(to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(refuse(format!("`{}`: {error}", to.display())).into()),
        Ok(mut entries) => entries.next().is_none(),
    };
    if !empty {
        return Err(refuse(format!("`{}` is not empty", to.display())).into());
    }
    let from = from.canonicalize()?;
    // What is missing of the path cannot lead out of what is there.
    let there = std::path::absolute(to)?.ancestors().find_map(|folder| folder.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&from)) {
        return Err(refuse(format!("`{}` lies in the damaged journal", to.display())).into());
    }
    Ok(())
}

/// Copies the runs. The new journal is in its place only when it is complete: before, its runs may lack their marks.
fn copy(from: &Path, to: &Path, found: &Salvage) -> Result<Vec<kailash_runtime::Salvaged>> {
    let place = || format!("`{}`", to.display());
    fs::DirBuilder::new().recursive(true).mode(0o700).create(to).with_context(place)?;
    let partial = tempfile::Builder::new().prefix(".partial-").tempdir_in(to).with_context(place)?;
    let blobs = FolderBlobStore::to_read(from.join("blobs"));
    let new = journal::open(partial.path())?;
    let now = SystemClock::default().now();
    let runs = journal::wait(new.salvage(found, &blobs, now))??;
    drop(new);
    // The log last: without it there is no journal.
    for part in ["blobs", "log"] {
        fs::rename(partial.path().join(part), to.join(part)).with_context(place)?;
    }
    partial.close().with_context(place)?;
    for folder in [to, &to.join("..")] {
        fs::File::open(folder).and_then(|folder| folder.sync_all()).with_context(place)?;
    }
    Ok(runs)
}

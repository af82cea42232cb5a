//! `kailash run`: runs a workflow and prints what it gave.

mod carry;
mod how;
mod listen;
mod progress;
mod signals;
mod summary;
mod values;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use kailash_core::{Workflow, exec::FailurePolicy, validate::Issue};

pub(super) use self::{
    carry::{Work, out},
    how::How,
};
use super::{
    answer,
    entry::{REFUSED, decided},
    journal, load, params,
    refusal::Refusal,
    source::Source,
};

const EXAMPLES: &str = "\
Examples:
  kailash run flow.yaml
  kailash run flow.yaml --param read.file_path=today.csv --param limit=10
  kailash run flow.yaml --params values.json --runtime parallel
  kailash run flow.yaml --json | jq .results
  cat flow.json | kailash run - --json --events 2>events.jsonl
  kailash run flow.yaml --journal runs     keep what is done: `kailash resume` goes on after a crash

Parameters: --param goes before --params, which goes before the document's own `parameters`. A value is read as JSON
(42, true, [1, 2], \"text\"), else taken as text.

--json prints one object: run_id, status (completed, failed, cancelled, refused), results by node and output,
errors (node, kind, code, message, retry), skipped, duration_ms. Numbers that JSON does not know (NaN) become null.

Ctrl-C cancels the run: what is done is printed. A second Ctrl-C exits at once.
Exit status: 0 completed, 1 failed or cancelled, 2 refused: nothing was begun.";

/// Run a workflow
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The document, JSON or YAML; `-` reads stdin
    file: PathBuf,
    #[command(flatten)]
    params: params::ParamArgs,
    /// The folder that relative paths of nodes start from
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// What a failed node means for the rest; goes before the document's
    #[arg(long, value_name = "POLICY")]
    on_failure: Option<OnFailure>,
    #[command(flatten)]
    how: How,
}

/// What a failed node means for the rest of the run. The run is failed in every case.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum OnFailure {
    /// Nothing more is started
    FailFast,
    /// What depends on it is skipped
    SkipDependents,
    /// What depends on it runs wherever its required inputs are there
    Continue,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let refused = match prepare(args) {
        Ok((source, workflow, work)) => match out(&args.how, source, &workflow, work)? {
            Ok(code) => return Ok(code),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    refuse(&refused, args.how.json)
}

/// Tells why a run did not begin.
pub(super) fn refuse(refused: &Refusal, json: bool) -> Result<ExitCode> {
    let answered = if json { answer::refused(refused) } else { Ok(()) };
    let printed = answered.and_then(|()| Ok(refused.print()?));
    decided(printed, ExitCode::from(REFUSED))
}

/// Goes to the folder where the paths in a document begin.
pub(super) fn go_to(folder: &Path) -> Result<(), Refusal> {
    std::env::set_current_dir(folder).map_err(|error| {
        let message = format!("cannot go to `{}`: {error}", folder.display());
        Refusal::of(Issue::error("cli.dir", message).hint("name an existing folder"))
    })
}

/// Reads files from where the user stands, then goes to `--dir`, where the paths in the document begin.
fn prepare(args: &Args) -> Result<(Source, Workflow, Work), Refusal> {
    let (source, mut document) = load::document(&args.file)?;
    if let Some(policy) = args.on_failure {
        document.on_failure = Some(match policy {
            OnFailure::FailFast => FailurePolicy::FailFast,
            OnFailure::SkipDependents => FailurePolicy::SkipDependents,
            OnFailure::Continue => FailurePolicy::Continue,
        });
    }
    if args.how.timeout.is_some() {
        document.timeout_ms = None;
    }
    let params = args.params.files()?;
    let journal = args.how.journal.as_deref().map(journal::open).transpose()?;
    if let Some(dir) = &args.dir {
        go_to(dir)?;
    }
    let (source, workflow) = load::workflow(source, document)?;
    let params = params.of(&workflow)?;
    Ok((source, workflow, Work::Begin { params, journal }))
}

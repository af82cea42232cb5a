//! `kailash runs`: the runs of a journal, and those of a host as they happen.

mod prune;
mod report;
mod salvage;
mod show;
mod watch;

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use kailash_core::{RunStatus, validate::Issue};
use kailash_runtime::{Journal, Summary};
use serde_json::{Value as Json, json};

use super::{
    entry::decided,
    journal,
    refusal::Refusal,
    term::{Paint, clean, out},
};

const EXAMPLES: &str = "\
Examples:
  kailash runs --journal runs
  kailash runs --journal runs --json | jq '.[] | select(.status == \"open\") | .run_id'
  kailash runs --journal runs show last
  kailash runs --journal runs events last
  kailash runs --journal runs prune --ended-days 30
  kailash runs --journal runs salvage --to saved     what a damaged journal still holds
  kailash runs watch                                 the runs of a host that serves, as they happen

A run is `open` until it has ended: under way elsewhere, or cut off. `kailash resume` goes on with one. One that is
`suspended` was put aside until a time comes or a signal is sent to it.";

/// List, show and forget the runs of a journal, or watch those of a host
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The folder of the journal
    #[arg(long, value_name = "FOLDER", env = "KAILASH_JOURNAL", global = true)]
    journal: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Sound(Sound),
    Salvage(salvage::Args),
    Watch(watch::Args),
}

/// Commands for a journal that can be opened.
#[derive(Debug, Subcommand)]
enum Sound {
    /// Show one run: when, how it ended, what it did
    Show {
        /// The run: its id, how that begins or ends, or `last`
        run: String,
    },
    /// Print what the journal knows, one JSON object a line
    Events {
        /// The run: its id, how that begins or ends, or `last`
        run: String,
    },
    Prune(prune::Args),
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    // A host is asked, and not the journal that it keeps.
    if let Some(Command::Watch(watch)) = &args.command {
        return watch::main(watch, args.json);
    }
    let Some(folder) = &args.journal else {
        let issue = Issue::error("journal.none", "which journal?");
        return Err(Refusal::of(issue.hint("give --journal FOLDER, or set KAILASH_JOURNAL")).into());
    };
    journal::is_there(folder)?;
    let command = match &args.command {
        Some(Command::Salvage(salvage)) => return salvage::main(folder, salvage, args.json),
        Some(Command::Sound(command)) => Some(command),
        Some(Command::Watch(_)) | None => None,
    };
    let journal = journal::open(folder)?;
    let printed = journal::wait(async {
        match command {
            None => list(&journal, args.json).await,
            Some(Sound::Show { run }) => show::show(&journal, run, args.json).await,
            Some(Sound::Events { run }) => show::events(&journal, run).await,
            Some(Sound::Prune(prune)) => prune::main(&journal, prune, args.json).await,
        }
    })?;
    decided(printed, ExitCode::SUCCESS)
}

/// The status of a run: `open` until it has ended or was put aside.
fn status(run: &Summary) -> &'static str {
    match run.status() {
        RunStatus::Running => "open",
        status => status.as_str(),
    }
}

fn summary(run: &Summary) -> Json {
    json!({
        "run_id": run.run.to_string(),
        "workflow": run.workflow.as_str(),
        "status": status(run),
        "began": run.began,
        "ended": run.end.as_ref().map(|end| end.at),
        "records": run.records,
        "waits": run.wait,
        "error": run.end.as_ref().and_then(|end| end.error.as_ref()).map(|error| json!({
            "kind": error.kind().as_str(), "code": error.code(), "message": error.to_string(), "hint": error.hint(),
        })),
    })
}

async fn list(journal: &Journal, as_json: bool) -> Result<()> {
    let mut listed = Vec::new();
    for run in journal::all(journal).await? {
        listed.push(journal.summary(run).await?);
    }
    let mut out = out();
    if as_json {
        writeln!(out, "{:#}", Json::from(listed.iter().map(summary).collect::<Vec<_>>()))?;
        return Ok(out.flush()?);
    }
    let paint = Paint::stdout();
    for run in &listed {
        let status = status(run);
        let shown = match status {
            "completed" => paint.green(format!("{status:<9}")),
            "open" | "suspended" => paint.yellow(format!("{status:<9}")),
            _ => paint.red(format!("{status:<9}")),
        };
        let name = clean(&run.workflow).into_owned();
        writeln!(out, "{}  {shown}  {}  {:>6} records  {name}", run.run, run.began, run.records)?;
    }
    Ok(out.flush()?)
}

//! `kailash resume`: goes on with a run after a crash.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use kailash_core::{
    Workflow,
    format::{Syntax, to_text},
    validate::{Issue, Issues},
    workflow::Dialect,
};

use super::{
    journal, load,
    refusal::Refusal,
    run::{How, Work, go_to, out, refuse},
    source::Source,
};

const EXAMPLES: &str = "\
Examples:
  kailash runs --journal runs                 which runs there are, and which have not ended
  kailash resume last --journal runs
  kailash resume 01a1fe70 --journal runs --json

What was answered is not run again. What was under way is, with the same idempotency keys; a node that acts on the
world and does not send its key is not repeated but fails: nobody knows whether it did what it does.
Exit status: as of `kailash run`; 2 for a run that has ended.";

/// Go on with a run that did not come to its end
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The run: its id, how that begins or ends, or `last`
    run: String,
    /// The folder that relative paths of nodes start from; that in which the run began is the default
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let refused = match prepare(args)? {
        Ok((source, workflow, work)) => match out(&args.how, source, &workflow, work)? {
            Ok(code) => return Ok(code),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    refuse(&refused, args.how.json)
}

fn prepare(args: &Args) -> Result<Result<(Source, Workflow, Work), Refusal>> {
    let Some(folder) = &args.how.journal else {
        let issue = Issue::error("journal.none", "which journal?");
        return Ok(Err(Refusal::of(issue.hint("give --journal FOLDER, or set KAILASH_JOURNAL"))));
    };
    let journal = match journal::open_existing(folder) {
        Ok(journal) => journal,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let past = journal::wait(async {
        let run = journal::find(&journal, &args.run).await?;
        journal.past(run).await.map_err(Refusal::from)
    })?;
    let past = match past {
        Ok(past) => past,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let began_in = past.labels().get(journal::FOLDER).and_then(|folder| folder.as_str()).map(PathBuf::from);
    if let Some(folder) = args.dir.clone().or(began_in)
        && let Err(refusal) = go_to(&folder)
    {
        return Ok(Err(refusal));
    }
    let text = to_text(past.document(), Dialect::Own, Syntax::Json)?;
    let source = Source { name: format!("run {}", past.run()), text, syntax: Syntax::Json };
    let document = past.document().clone();
    Ok(load::workflow(source, document)
        .map(|(source, workflow)| (source, workflow, Work::Resume { past: Box::new(past), journal }))
        .map_err(|refusal| Refusal { issues: Issues(refusal.issues).0, ..refusal }))
}

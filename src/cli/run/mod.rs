//! `kailash run`: runs a workflow and prints what it gave.

mod listen;
mod progress;
mod signals;
mod summary;
mod values;

use std::{
    future::IntoFuture,
    io::Write,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use kailash_core::{
    Workflow,
    exec::FailurePolicy,
    validate::{Issue, Issues},
    workflow::Params,
};
use kailash_runtime::{RunError, RunHandle, Runtime, Settings, by_name};

use self::listen::Listener;
use super::{
    answer,
    entry::{REFUSED, decided},
    load, params,
    refusal::Refusal,
    source::Source,
    term::{Paint, clean, err},
};

const EXAMPLES: &str = "\
Examples:
  kailash run flow.yaml
  kailash run flow.yaml --param read.file_path=today.csv --param limit=10
  kailash run flow.yaml --params values.json --runtime parallel
  kailash run flow.yaml --json | jq .results
  cat flow.json | kailash run - --json --events 2>events.jsonl

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
    /// How to run it: `local` on one thread, `parallel` on all cores
    #[arg(long, default_value = "local", value_parser = ["local", "parallel"])]
    runtime: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Print events as they happen, one JSON object a line, on stderr
    #[arg(long)]
    events: bool,
    /// The folder that relative paths of nodes start from
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// The longest time for the run; goes before the document's
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<Duration>,
    /// What a failed node means for the rest; goes before the document's
    #[arg(long, value_name = "POLICY")]
    on_failure: Option<OnFailure>,
    /// How many async nodes may be under way at a time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_concurrency: Option<u32>,
    /// No progress and no warnings on stderr
    #[arg(short, long)]
    quiet: bool,
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

/// How long what was given up may take to clean up after itself.
const GRACE: Duration = Duration::from_secs(1);

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a time limit is more than no time at all".to_owned()),
    }
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let refused = match prepare(args) {
        Ok(prepared) => match run(args, prepared)? {
            Ok(code) => return Ok(code),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    let answered = if args.json { answer::refused(&refused) } else { Ok(()) };
    let printed = answered.and_then(|()| Ok(refused.print()?));
    decided(printed, ExitCode::from(REFUSED))
}

struct Prepared {
    source: Source,
    workflow: Workflow,
    params: Params,
}

/// Reads files from where the user stands, then goes to `--dir`, where the paths in the document begin.
fn prepare(args: &Args) -> Result<Prepared, Refusal> {
    let (source, mut document) = load::document(&args.file)?;
    if let Some(policy) = args.on_failure {
        document.on_failure = Some(match policy {
            OnFailure::FailFast => FailurePolicy::FailFast,
            OnFailure::SkipDependents => FailurePolicy::SkipDependents,
            OnFailure::Continue => FailurePolicy::Continue,
        });
    }
    if args.timeout.is_some() {
        document.timeout_ms = None;
    }
    let params = args.params.files()?;
    if let Some(dir) = &args.dir {
        std::env::set_current_dir(dir).map_err(|error| {
            let message = format!("cannot go to `{}`: {error}", dir.display());
            Refusal::of(Issue::error("cli.dir", message).hint("name an existing folder"))
        })?;
    }
    let (source, workflow) = load::workflow(source, document)?;
    let params = params.of(&workflow)?;
    Ok(Prepared { source, workflow, params })
}

fn run(args: &Args, prepared: Prepared) -> Result<Result<ExitCode, Refusal>> {
    let Prepared { source, workflow, params } = prepared;
    let listener = Listener::new(&workflow, args.events, args.json, args.quiet);
    let mut settings = Settings { timeout: args.timeout, hooks: listener.hooks(), ..Settings::default() };
    if let Some(most) = args.max_concurrency {
        settings.max_concurrency = most as usize;
    }
    let executor = executor(&args.runtime).context("cannot make an executor")?;
    let signals = signals::install().context("cannot listen for signals")?;
    let started = Instant::now();
    let begun = begin(args, &executor, settings, &workflow, params);
    let handle = match begun {
        Ok(handle) => handle,
        Err(refusal) => {
            listener.end()?;
            return Ok(Err(match refusal {
                RunError::Refused(issues) => Refusal::in_source(source, issues),
                _ => Refusal::of(Issue::error("internal", refusal.to_string())),
            }));
        }
    };
    signals.cancel_with(handle.canceller());
    if !args.quiet && !args.events {
        warn(&workflow)?;
    }
    let outcome = executor.block_on(handle.into_future());
    let took = started.elapsed();
    let durations = listener.end()?;
    let quiet = args.quiet || args.events;
    let (printed, code) = match (outcome, args.json) {
        (Err(RunError::Refused(issues)), _) => return Ok(Err(Refusal::in_source(source, issues))),
        (Err(RunError::Lost { error, .. }), _) => return Err(error.into()),
        (Ok((results, id)), true) => (
            answer::completed(id, &results, took).and_then(|lost| told_of_lost(lost, quiet)),
            ExitCode::SUCCESS,
        ),
        (Err(RunError::Unfinished(unfinished)), true) => {
            let printed = answer::unfinished(&unfinished, took).and_then(|lost| told_of_lost(lost, quiet));
            (printed, ExitCode::FAILURE)
        }
        (Ok((results, _)), false) => {
            let printed = summary::completed(&workflow, &results, &durations, took);
            (printed.map_err(Into::into), ExitCode::SUCCESS)
        }
        (Err(RunError::Unfinished(unfinished)), false) => {
            let printed = summary::unfinished(&workflow, &unfinished, &durations, took);
            (printed.map_err(Into::into), ExitCode::FAILURE)
        }
    };
    let answered = decided(printed, code);
    // Writers that were given up remove their half-written files.
    executor.shutdown_timeout(GRACE);
    Ok(Ok(answered?))
}

fn begin(
    args: &Args,
    executor: &tokio::runtime::Runtime,
    settings: Settings,
    workflow: &Workflow,
    params: Params,
) -> Result<RunHandle, RunError> {
    let services = kailash_nodes::default_services().map_err(Issues::from)?;
    let runtime: Box<dyn Runtime> = by_name(&args.runtime, services, settings).map_err(Issues::from)?;
    let _inside = executor.enter();
    runtime.start(workflow, params)
}

fn executor(runtime: &str) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match runtime {
        "parallel" => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

fn warn(workflow: &Workflow) -> std::io::Result<()> {
    let paint = Paint::stderr();
    for warning in workflow.warnings() {
        let node = warning.node.as_deref().map(|node| format!("node `{node}`: ")).unwrap_or_default();
        let text = format!("{node}{}", warning.message);
        writeln!(err(), "{}: {}", paint.yellow(format!("warning[{}]", warning.code)), clean(&text))?;
    }
    Ok(())
}

fn told_of_lost(lost: usize, quiet: bool) -> Result<()> {
    if lost > 0 && !quiet {
        let what = if lost == 1 { "number that is" } else { "numbers that are" };
        let head = Paint::stderr().yellow("warning");
        writeln!(
            err(),
            "{head}: {lost} {what} NaN or infinite, for which JSON has no form: written as null"
        )?;
    }
    Ok(())
}

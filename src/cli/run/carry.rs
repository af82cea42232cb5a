//! From a workflow to a run, and from its end to what is printed.

use std::{
    future::IntoFuture,
    io::Write,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use kailash_core::{
    Workflow,
    validate::{Issue, Issues},
    workflow::Params,
};
use kailash_runtime::{Journal, Past, RunError, RunHandle, Settings, Start, by_name};

use super::{How, listen::Listener, signals, summary};
use crate::cli::{
    answer,
    entry::decided,
    journal,
    refusal::Refusal,
    source::Source,
    term::{Paint, clean, err},
};

/// How long what was given up may take to clean up after itself.
const GRACE: Duration = Duration::from_secs(1);

/// What is carried out.
pub(in crate::cli) enum Work {
    /// A run that begins.
    Begin { params: Params, journal: Option<Journal> },
    /// A run that goes on.
    Resume { past: Box<Past>, journal: Journal },
}

/// Runs `workflow`, and prints what it gave or why it did not.
pub(in crate::cli) fn out(
    how: &How,
    source: Source,
    workflow: &Workflow,
    work: Work,
) -> Result<Result<ExitCode, Refusal>> {
    let listener = Listener::new(workflow, how.events, how.json, how.quiet);
    let mut settings = Settings { timeout: how.timeout, hooks: listener.hooks(), ..Settings::default() };
    if let Some(most) = how.max_concurrency {
        settings.max_concurrency = most as usize;
    }
    let executor = executor(&how.runtime).context("cannot make an executor")?;
    let signals = signals::install().context("cannot listen for signals")?;
    let started = Instant::now();
    let begun = begin(how, &executor, settings, workflow, work);
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
    let control = handle.control();
    signals.cancel_with(move || control.cancel());
    if !how.quiet && !how.events {
        warn(workflow)?;
    }
    let outcome = executor.block_on(handle.into_future());
    let took = started.elapsed();
    let durations = listener.end()?;
    let quiet = how.quiet || how.events;
    let (printed, code) = match (outcome, how.json) {
        (Err(RunError::Refused(issues)), _) => return Ok(Err(Refusal::in_source(source, issues))),
        (Err(RunError::Lost { error, .. }), _) => return Err(error.into()),
        (Err(suspended @ RunError::Suspended { .. }), _) => return Err(suspended.into()),
        (Ok((results, id)), true) => (
            answer::completed(id, &results, took).and_then(|lost| told_of_lost(lost, quiet)),
            ExitCode::SUCCESS,
        ),
        (Err(RunError::Unfinished(unfinished)), true) => {
            let printed = answer::unfinished(&unfinished, took).and_then(|lost| told_of_lost(lost, quiet));
            (printed, ExitCode::FAILURE)
        }
        (Ok((results, _)), false) => {
            let printed = summary::completed(workflow, &results, &durations, took);
            (printed.map_err(Into::into), ExitCode::SUCCESS)
        }
        (Err(RunError::Unfinished(unfinished)), false) => {
            let printed = summary::unfinished(workflow, &unfinished, &durations, took);
            (printed.map_err(Into::into), ExitCode::FAILURE)
        }
    };
    let answered = decided(printed, code);
    // Writers that were given up remove their half-written files.
    executor.shutdown_timeout(GRACE);
    Ok(Ok(answered?))
}

fn begin(
    how: &How,
    executor: &tokio::runtime::Runtime,
    mut settings: Settings,
    workflow: &Workflow,
    work: Work,
) -> Result<RunHandle, RunError> {
    let services = kailash_nodes::default_services().map_err(Issues::from)?;
    let _inside = executor.enter();
    match work {
        Work::Begin { params, journal } => {
            settings.journal = journal;
            let start = Start { labels: journal::labels(), ..Start::listened() };
            let runtime = by_name(&how.runtime, services, settings).map_err(Issues::from)?;
            runtime.start_with(workflow, params, start)
        }
        Work::Resume { past, journal } => {
            settings.journal = Some(journal);
            by_name(&how.runtime, services, settings).map_err(Issues::from)?.resume(workflow, *past)
        }
    }
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

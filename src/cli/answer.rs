//! What `kailash run --json` answers: one JSON object on one line, the same shape however the run ended.
//!
//! ```text
//! {"run_id", "status": "completed" | "failed" | "cancelled" | "refused", "results": {node: {output: value}},
//!  "errors": [{"node", "kind", "code", "message", "retry": "never" | "now" | "after", "hint"?, "place"?}],
//!  "skipped": [node], "duration_ms"}
//! ```

use std::{cell::Cell, io::Write, time::Duration};

use anyhow::Result;
use kailash::json::Lenient;
use kailash_core::{Error, Map, RunId, Value};
use kailash_runtime::{Results, Unfinished};
use serde::Serialize;

use super::{refusal::Refusal, term::out};

/// The object.
#[derive(Serialize)]
struct Answer<'a> {
    run_id: Option<String>,
    status: &'a str,
    results: Lenient<'a>,
    errors: Vec<Failure<'a>>,
    skipped: Vec<&'a str>,
    duration_ms: f64,
}

/// An error that is not refused, or a problem that was.
#[derive(Serialize)]
struct Failure<'a> {
    node: Option<&'a str>,
    kind: &'a str,
    code: &'a str,
    message: &'a str,
    retry: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<&'a str>,
}

impl<'a> Failure<'a> {
    fn of(node: Option<&'a str>, error: &'a Error) -> Self {
        Self {
            node,
            kind: error.kind().as_str(),
            code: error.code(),
            message: error.message(),
            retry: error.retry().as_str(),
            hint: error.hint(),
            place: error.place(),
        }
    }
}

/// Every failure of a run that did not complete: those of its nodes, then its own, whose node is none.
pub(super) fn failures(unfinished: &Unfinished) -> impl Iterator<Item = (Option<&str>, &Error)> {
    let nodes = unfinished.errors.iter().map(|failed| (Some(failed.node.as_str()), &failed.error));
    let of_run = unfinished.errors.is_empty() || unfinished.error.code().starts_with("run.");
    nodes.chain(of_run.then_some((None, &unfinished.error)))
}

/// Prints what a run gave and returns how many numbers had no form in JSON and became null.
pub(super) fn completed(run: RunId, results: &Results, took: Duration) -> Result<usize> {
    print(Some(run), "completed", results, Vec::new(), took)
}

/// Prints how far a run came, and why no further.
pub(super) fn unfinished(unfinished: &Unfinished, took: Duration) -> Result<usize> {
    let errors = failures(unfinished).map(|(node, error)| Failure::of(node, error)).collect();
    print(Some(unfinished.run), unfinished.status.as_str(), &unfinished.results, errors, took)
}

/// Prints why a run did not begin.
pub(super) fn refused(refusal: &Refusal) -> Result<()> {
    let errors = refusal.issues.iter().filter(|issue| issue.is_error()).map(|issue| Failure {
        node: issue.node.as_deref(),
        kind: "invalid",
        code: &issue.code,
        message: &issue.message,
        retry: "never",
        hint: issue.hint.as_deref(),
        place: issue.place.as_deref(),
    });
    let (nothing, lost) = (Value::from(Map::new()), Cell::new(0));
    write(&Answer {
        run_id: None,
        status: "refused",
        results: Lenient(&nothing, &lost),
        errors: errors.collect(),
        skipped: Vec::new(),
        duration_ms: 0.0,
    })
}

fn print(
    run: Option<RunId>,
    status: &str,
    results: &Results,
    errors: Vec<Failure<'_>>,
    took: Duration,
) -> Result<usize> {
    let (values, lost) = (Value::from(results.to_map()), Cell::new(0));
    write(&Answer {
        run_id: run.map(|run| run.to_string()),
        status,
        results: Lenient(&values, &lost),
        errors,
        skipped: results.skipped().map(|id| id.as_str()).collect(),
        duration_ms: (took.as_secs_f64() * 1e6).round() / 1e3,
    })?;
    Ok(lost.get())
}

fn write(answer: &Answer<'_>) -> Result<()> {
    let mut out = out();
    // Not through `?` alone: a closed pipe must be seen as one.
    serde_json::to_writer(&mut out, answer).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

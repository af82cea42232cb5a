//! What a run gave, for people: each node with its status, its time and its outputs, shortened.

use std::{
    io::{self, Write},
    time::Duration,
};

use kailash_core::{RunStatus, Workflow};
use kailash_runtime::{NodeError, NodeStatus, Results, Unfinished};

use super::{listen::Durations, values::lines};
use crate::cli::{
    answer,
    term::{Paint, clean, err, one_line, out, width},
};

/// Nodes that are listed; `--json` has all.
const MAX_NODES: usize = 200;

/// Prints a completed run.
pub(super) fn completed(
    workflow: &Workflow,
    results: &Results,
    durations: &Durations,
    took: Duration,
) -> io::Result<()> {
    nodes(workflow, results, &[], durations)?;
    end(RunStatus::Completed, workflow, results, took)
}

/// Prints how far a run came; on stderr, why no further.
pub(super) fn unfinished(
    workflow: &Workflow,
    unfinished: &Unfinished,
    durations: &Durations,
    took: Duration,
) -> io::Result<()> {
    nodes(workflow, &unfinished.results, &unfinished.errors, durations)?;
    end(unfinished.status, workflow, &unfinished.results, took)?;
    let (mut err, paint) = (err(), Paint::stderr());
    for (node, error) in answer::failures(unfinished) {
        let head = paint.red(format!("error[{}]", error.code()));
        let node = node.map(|node| format!("node `{node}`: ")).unwrap_or_default();
        writeln!(err, "{head}: {}", paint.bold(clean(&format!("{node}{}", error.message()))))?;
        if let Some(place) = error.place() {
            writeln!(err, "  {} {}", paint.cyan("-->"), clean(place))?;
        }
        if let Some(hint) = error.hint() {
            writeln!(err, "   {} {}: {}", paint.cyan("="), paint.green("help"), clean(hint))?;
        }
    }
    Ok(())
}

fn nodes(
    workflow: &Workflow,
    results: &Results,
    failed: &[NodeError],
    durations: &Durations,
) -> io::Result<()> {
    let (mut out, paint, width) = (out(), Paint::stdout(), width());
    let longest = workflow.nodes().iter().take(MAX_NODES).map(|node| node.id.chars().count()).max();
    let column = longest.unwrap_or(0).min(28);
    for node in workflow.nodes().iter().take(MAX_NODES) {
        let id = one_line(&node.id, column.max(8));
        let id = paint.bold(format!("{id:column$}"));
        let lasted = durations.get(&node.id).map(|ms| time(*ms)).unwrap_or_default();
        match results.status(&node.id) {
            Some(NodeStatus::Done) => writeln!(out, "{} {id}  {}", paint.green("✓"), paint.dim(lasted))?,
            Some(NodeStatus::Failed) => {
                let why = one_line(&why(failed, &node.id), width.saturating_sub(column + 14).max(20));
                writeln!(out, "{} {id}  {} {why}", paint.red("✗"), paint.red("failed:"))?;
            }
            _ => writeln!(out, "{} {id}  {}", paint.dim("-"), paint.dim("skipped"))?,
        }
        let Some(outputs) = results.node(&node.id) else { continue };
        let names = outputs.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(24);
        for (name, value) in &outputs {
            let name = format!("{:names$}", one_line(name, names.max(8)));
            let shown = lines(value, width.saturating_sub(names + 6).max(20));
            writeln!(
                out,
                "    {}  {}",
                paint.cyan(&name),
                shown.join(&format!("\n{:indent$}", "", indent = names + 6))
            )?;
        }
    }
    if workflow.nodes().len() > MAX_NODES {
        writeln!(out, "... and {} more nodes: --json has all", workflow.nodes().len() - MAX_NODES)?;
    }
    out.flush()
}

/// Why a node failed: what it said itself, else what something inside it did.
fn why(failed: &[NodeError], id: &str) -> String {
    if let Some(itself) = failed.iter().find(|failed| failed.node == id) {
        return itself.error.message().to_owned();
    }
    let within = failed.iter().find(|failed| failed.concerns(id));
    within.map(|failed| format!("{}: {}", failed.node, failed.error.message())).unwrap_or_default()
}

fn end(status: RunStatus, workflow: &Workflow, results: &Results, took: Duration) -> io::Result<()> {
    let (mut out, paint) = (out(), Paint::stdout());
    let (done, skipped) = (results.to_map().len(), results.skipped().count());
    let counts = [done, workflow.nodes().len().saturating_sub(done + skipped), skipped];
    let parts = counts.iter().zip(["done", "failed", "skipped"]).filter(|(count, _)| **count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    let name = status.as_str();
    let word = if status == RunStatus::Completed { paint.green(name) } else { paint.red(name) };
    writeln!(out, "{word} in {}: {}", time(took.as_secs_f64() * 1e3), parts.join(", "))?;
    out.flush()
}

/// Milliseconds as one would say them.
fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.0} µs", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.1} ms"),
        ms if ms < 60e3 => format!("{:.2} s", ms / 1e3),
        ms => format!("{:.0} min {:02.0} s", (ms / 60e3).floor(), (ms / 1e3) % 60.0),
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::Error;
    use kailash_runtime::NodeError;

    #[test]
    fn a_node_failed_with_what_it_says_or_what_something_inside_it_says() {
        let failed = |node: &str, message: &str| NodeError {
            node: node.into(),
            error: Error::node("test.no", message.to_owned()),
        };
        let errors =
            [failed("a", "itself"), failed("a/x", "no"), failed("each[3]/y", "third"), failed("t#2", "turn")];
        let said = ["a", "each", "t", "b", "eac"].map(|id| super::why(&errors, id));
        assert_eq!(said, ["itself", "each[3]/y: third", "t#2: turn", "", ""]);
    }

    #[test]
    fn times_are_said_in_their_own_unit() {
        let said = [0.012, 3.25, 1500.0, 123_456.0].map(super::time);
        assert_eq!(said, ["12 µs", "3.2 ms", "1.50 s", "2 min 03 s"]);
    }
}

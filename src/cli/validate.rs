//! `kailash validate`: what `run` with the same arguments would refuse, without running anything.

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Result;
use kailash_core::validate::{Issue, Issues, Severity};
use kailash_runtime::{LocalRuntime, RunError, Runtime};
use serde::Serialize;

use super::{
    diagnose::{self, plural},
    entry::{REFUSED, decided},
    load, params,
    refusal::Refusal,
    source::Source,
    term::{Paint, out},
};

const EXAMPLES: &str = "\
Examples:
  kailash validate flow.yaml
  kailash validate flow.yaml --param read.file_path=today.csv
  kailash validate flow.json --json | jq '.issues[] | select(.severity == \"error\")'

Every problem is shown at once, with line, column and hint. Warnings do not make a document invalid.
Names that Python code uses freely can only be known when it runs.
Exit status: 0 valid, 2 invalid.";

/// Problems whose line and column are looked for in the JSON answer.
const MAX_LOCATED: usize = 200;

/// Check a workflow without running it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The document, JSON or YAML; `-` reads stdin
    file: PathBuf,
    #[command(flatten)]
    params: params::ParamArgs,
    /// Print one JSON object: `{"valid", "issues": [{"severity", "code", "node", "message", "hint", "place", "line",
    /// "column"}]}`
    #[arg(long)]
    json: bool,
}

/// A document that can run, and the problems that do not stop it.
struct Valid {
    source: Source,
    nodes: usize,
    connections: usize,
    warnings: Vec<Issue>,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let (refusal, valid) = match check(args) {
        Ok(valid) => {
            let Valid { source, nodes, connections, warnings } = valid;
            let counted = format!("{}, {}", plural(nodes, "node"), plural(connections, "connection"));
            (Refusal::in_source(source, Issues(warnings)), Some(counted))
        }
        Err(refusal) => (refusal, None),
    };
    let code = if valid.is_some() { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) };
    let printed =
        if args.json { print_json(&refusal, valid.as_deref()) } else { print(&refusal, valid.as_deref()) };
    decided(printed, code)
}

fn print(refusal: &Refusal, valid: Option<&str>) -> Result<()> {
    refusal.print()?;
    if let Some(counted) = valid {
        let name = refusal.name().unwrap_or_default();
        let mut out = out();
        writeln!(out, "{name}: {} ({counted})", Paint::stdout().green("valid"))?;
        out.flush()?;
    }
    Ok(())
}

fn check(args: &Args) -> Result<Valid, Refusal> {
    let (source, document) = load::document(&args.file)?;
    let (source, workflow) = load::workflow(source, document)?;
    let params = args.params.read(&workflow)?;
    let services = kailash_nodes::default_services()?;
    match LocalRuntime::new(services).check(&workflow, &params) {
        Ok(()) => {
            let (nodes, connections) = (workflow.nodes().len(), workflow.edges().len());
            Ok(Valid { source, nodes, connections, warnings: workflow.warnings().to_vec() })
        }
        Err(RunError::Refused(Issues(mut issues))) => {
            issues.extend_from_slice(workflow.warnings());
            Err(Refusal::in_source(source, Issues(issues)))
        }
        Err(RunError::Unfinished(unfinished)) => Err(unfinished.error.into()),
        Err(RunError::Lost { error, .. }) => Err(error.into()),
        Err(suspended @ RunError::Suspended { .. }) => {
            Err(Refusal::of(Issue::error("internal", suspended.to_string())))
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    valid: bool,
    issues: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    severity: Severity,
    code: &'a str,
    node: Option<&'a str>,
    message: &'a str,
    hint: Option<&'a str>,
    place: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
}

/// Prints the JSON object; `valid` is there for a document that can run.
pub(super) fn print_json(refusal: &Refusal, valid: Option<&str>) -> Result<()> {
    let told = refusal.issues.iter().enumerate().map(|(index, issue)| {
        let source = refusal.source.as_deref().filter(|_| index < MAX_LOCATED);
        let position = diagnose::position(issue, source);
        Told {
            severity: issue.severity,
            code: &issue.code,
            node: issue.node.as_deref(),
            message: &issue.message,
            hint: issue.hint.as_deref(),
            place: issue.place.as_deref(),
            line: position.map(|at| at.line),
            column: position.map(|at| at.column),
        }
    });
    let answer = Answer { valid: valid.is_some(), issues: told.collect() };
    let mut out = out();
    serde_json::to_writer(&mut out, &answer).map_err(io::Error::from)?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

//! The commands and the options that all of them share.

use clap::{ArgAction, Parser, Subcommand};

use super::{
    cluster, completions, convert, graph, keys, new, nodes, resume, run, runs, schema, serve, validate,
};

const EXAMPLES: &str = "\
Examples:
  kailash new demo                                  a project that runs at once
  kailash run demo/workflow.yaml --dir demo         run it
  kailash run flow.json --param read.file_path=today.csv --json
  kailash validate flow.json                        every problem, with line and hint
  kailash nodes CSVReader                           what a node type takes and gives
  kailash graph flow.json -o flow.svg               a picture of it

Exit status: 0 done, 1 the run failed or was cancelled, 2 refused before anything began.
Data goes to stdout, talk to stderr. NO_COLOR turns colours off, RUST_LOG turns logs on.";

/// Build, validate and run workflows that keep working.
#[derive(Debug, Parser)]
#[command(name = "kailash", version, about, after_help = EXAMPLES, propagate_version = true)]
#[command(arg_required_else_help = true, max_term_width = 110)]
pub(super) struct Cli {
    /// Log what is done, on stderr: -v what an operator cares about, -vv details, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(super) verbose: u8,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Run(run::Args),
    Resume(resume::Args),
    Runs(runs::Args),
    Serve(serve::Args),
    Cluster(cluster::Args),
    Keys(keys::Args),
    Validate(validate::Args),
    Nodes(nodes::Args),
    Schema(schema::Args),
    Graph(graph::Args),
    Convert(convert::Args),
    New(new::Args),
    Completions(completions::Args),
}

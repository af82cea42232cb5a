//! From the process's arguments to its exit status.

use std::{
    ffi::OsString,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use kailash_core::validate::Issue;

use super::{
    answer,
    args::{Cli, Command},
    cluster, completions, convert, graph, keys, logs, new, nodes,
    refusal::Refusal,
    resume, run, runs, schema, serve,
    term::{Paint, err},
    validate,
};

/// Refused: nothing was begun.
pub(super) const REFUSED: u8 = 2;

/// Runs the command that the process's arguments name.
pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    // A host logs as its config says.
    if !matches!(cli.command, Command::Serve(_)) {
        logs::begin(cli.verbose);
    }
    let done = match &cli.command {
        Command::Run(args) => run::main(args),
        Command::Resume(args) => resume::main(args),
        Command::Runs(args) => runs::main(args),
        Command::Serve(args) => serve::main(args, cli.verbose),
        Command::Cluster(args) => cluster::main(args),
        Command::Keys(args) => keys::main(args),
        Command::Validate(args) => validate::main(args),
        Command::Nodes(args) => nodes::main(args),
        Command::Schema(args) => schema::main(args),
        Command::Graph(args) => graph::main(args),
        Command::Convert(args) => convert::main(args),
        Command::New(args) => new::main(args),
        Command::Completions(args) => completions::main(args),
    };
    done.unwrap_or_else(|error| failed(&error))
}

/// Help and version go to stdout; wrong arguments are refused, in JSON too where that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let printed = error.print();
    if !error.use_stderr() {
        return printed.map_or_else(|error| failed(&error.into()), |()| ExitCode::SUCCESS);
    }
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let given = |name: &str| arguments.iter().any(|argument| argument == name);
    if given("--json") {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        let refusal = Refusal::of(Issue::error("cli.usage", message).hint("`kailash help` tells more"));
        let answered = match (given("run"), given("validate")) {
            (true, _) => answer::refused(&refusal),
            (_, true) => validate::print_json(&refusal, None),
            _ => Ok(()),
        };
        if let Err(error) = answered {
            return failed(&error);
        }
    }
    ExitCode::from(REFUSED)
}

/// What a command answers once it is decided, whether or not anybody reads what it `printed`.
pub(super) fn decided(printed: anyhow::Result<()>, code: ExitCode) -> anyhow::Result<ExitCode> {
    match printed {
        Err(error) if !is_gone(&error) => Err(error),
        _ => Ok(code),
    }
}

fn is_gone(error: &anyhow::Error) -> bool {
    let io = error.chain().find_map(|cause| cause.downcast_ref::<io::Error>());
    io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
}

/// Tells of a failure. A reader that went away (`kailash nodes | head -1`) had what it wanted.
fn failed(error: &anyhow::Error) -> ExitCode {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return match refusal.print() {
            Ok(()) => ExitCode::from(REFUSED),
            Err(_) => ExitCode::FAILURE,
        };
    }
    if is_gone(error) {
        return ExitCode::SUCCESS;
    }
    let told = writeln!(err(), "{}: {error:#}", Paint::stderr().red("error"));
    // Where stderr is closed too, the exit status alone has to tell.
    drop(told);
    ExitCode::FAILURE
}

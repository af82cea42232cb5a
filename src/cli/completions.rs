//! `kailash completions`: completion scripts for shells.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use super::{args::Cli, file};

const EXAMPLES: &str = "\
Examples:
  kailash completions bash > ~/.local/share/bash-completion/completions/kailash
  kailash completions zsh > \"${fpath[1]}/_kailash\"
  kailash completions fish > ~/.config/fish/completions/kailash.fish";

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    // Into memory first: the generator panics where a pipe is closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kailash", &mut script);
    file::write(None, &String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

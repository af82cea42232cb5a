//! `kailash convert`: a document in another form, with nothing lost.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use kailash_core::{
    format::{Syntax, to_text},
    workflow::Dialect,
};

use super::{file, load, refusal::Refusal};

const EXAMPLES: &str = "\
Examples:
  kailash convert export.json --to own --yaml -o flow.yaml
  kailash convert flow.yaml --to export > export.json

Forms:
  own      Kailash's own form (`kailash schema`)
  export   what the Kailash SDK for Python exports
  builder  nodes as {id, type, config}, connections as {from_node, from_output, to_node, to_input}

Fields that a form does not know are kept under `extra`, so that the way back gives the same document.";

/// Write a document in another form
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The document, JSON or YAML; `-` reads stdin
    file: PathBuf,
    /// The form to write
    #[arg(long, value_name = "FORM")]
    to: Form,
    /// Write YAML; also chosen by an output file that ends in .yaml or .yml
    #[arg(long)]
    yaml: bool,
    /// The file to write, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Form {
    Own,
    Export,
    Builder,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let (_, document) = load::document(&args.file)?;
    let dialect = match args.to {
        Form::Own => Dialect::Own,
        Form::Export => Dialect::Export,
        Form::Builder => Dialect::Builder,
    };
    let syntax = match &args.output {
        _ if args.yaml => Syntax::Yaml,
        Some(path) => Syntax::of_path(path),
        None => Syntax::Json,
    };
    let text = to_text(&document, dialect, syntax).map_err(Refusal::from)?;
    file::write(args.output.as_deref(), &text)?;
    Ok(ExitCode::SUCCESS)
}

//! `kailash schema`: the JSON Schema of a workflow document, or of one node type's config.

use std::process::ExitCode;

use anyhow::Result;

use super::{file, load, refusal::Refusal};

const EXAMPLES: &str = "\
Examples:
  kailash schema > kailash.schema.json              for an editor: completion and checks while writing
  kailash schema --node CSVReader                   what the config of one node type may hold

In an editor with the YAML language server, begin a document with
  # yaml-language-server: $schema=kailash.schema.json";

/// Print the JSON Schema of workflow documents
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The schema of this node type's config instead
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let schema = match &args.node {
        Some(name) => load::registry()?.get(name).map_err(Refusal::from)?.schema().clone(),
        None => kailash_core::format::schema(),
    };
    file::write(None, &format!("{schema:#}\n"))?;
    Ok(ExitCode::SUCCESS)
}

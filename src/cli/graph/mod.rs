//! `kailash graph`: a picture of a workflow, or lines of text.

mod text;

use std::{io::Write, path::PathBuf, process::ExitCode};

use anyhow::Result;
use kailash::graph::{MAX_DRAWN, Picture};
use kailash_core::validate::Issue;

use super::{
    file, load,
    refusal::Refusal,
    term::{Paint, err},
};

const EXAMPLES: &str = "\
Examples:
  kailash graph flow.yaml -o flow.svg
  kailash graph flow.yaml                           Mermaid, for a Markdown page
  kailash graph flow.yaml --format dot | dot -Tpng -o flow.png
  kailash graph flow.yaml --format text

Thick lines are streams, dashed lines lead back in a cycle. Names of ports stand at a line where a node has several.";

/// Draw a workflow
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The document, JSON or YAML; `-` reads stdin
    file: PathBuf,
    /// The format; without it the output file's ending decides, else Mermaid
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The file to write, instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// Mermaid flowchart, which GitHub shows in Markdown
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture
    Svg,
    /// Lines of text
    Text,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let (_, document) = load::document(&args.file)?;
    let (picture, lost) = Picture::of(&document, &load::registry()?);
    if lost > 0 {
        let head = Paint::stderr().yellow("warning");
        let what = if lost == 1 { "connection leads" } else { "connections lead" };
        writeln!(err(), "{head}: {lost} {what} to no node and cannot be drawn: see `kailash validate`")?;
    }
    let ending = args.output.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    let format = args.format.unwrap_or(match ending {
        Some("svg") => Format::Svg,
        Some("dot" | "gv") => Format::Dot,
        Some("txt") => Format::Text,
        _ => Format::Mermaid,
    });
    let drawn = match format {
        Format::Mermaid => picture.mermaid(),
        Format::Dot => picture.dot(),
        Format::Text => text::draw(&picture),
        Format::Svg if picture.nodes.len() > MAX_DRAWN => {
            let message = format!("a picture of {} nodes could not be read", picture.nodes.len());
            let hint = format!("up to {MAX_DRAWN} nodes are drawn; --format dot or text takes any number");
            return Err(Refusal::of(Issue::error("graph.limit", message).hint(hint)).into());
        }
        Format::Svg => picture.svg(),
    };
    file::write(args.output.as_deref(), &drawn)?;
    Ok(ExitCode::SUCCESS)
}

//! `kailash nodes`: the node types of this build, and all about one of them.

mod detail;
mod markdown;
mod parameter;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Result;
use kailash_core::{RegisteredType, nearest, validate::Issue};
use serde_json::{Value as Json, json};

use super::{
    load,
    refusal::Refusal,
    term::{Paint, one_line, out, width},
};

const EXAMPLES: &str = "\
Examples:
  kailash nodes                       every type, by category
  kailash nodes --category data
  kailash nodes CSVReader             parameters, outputs, effect
  kailash nodes --json | jq -r '.[].name'";

/// List the node types, or tell all about one
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The type to tell about, with or without the suffix Node
    #[arg(conflicts_with = "category")]
    name: Option<String>,
    /// Only the types of this category
    #[arg(long)]
    category: Option<String>,
    /// Print JSON: a list of types with their schemas, or with NAME one of them
    #[arg(long)]
    json: bool,
    /// Print the catalog as a page of Markdown
    #[arg(long, conflicts_with_all = ["json", "name"])]
    markdown: bool,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let registry = load::registry()?;
    let mut out = out();
    if let Some(name) = &args.name {
        let registered = registry.get(name).map_err(Refusal::from)?;
        if args.json {
            writeln!(out, "{:#}", described(registered))?;
        } else {
            detail::print(&mut out, registered, Paint::stdout(), width())?;
        }
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut types = registry.types();
    if let Some(category) = &args.category {
        let known: Vec<&str> = types.iter().map(|registered| registered.spec().category).collect();
        if !known.contains(&category.as_str()) {
            return Err(unknown_category(category, known).into());
        }
        types.retain(|registered| registered.spec().category == category);
    }
    let types: Vec<&RegisteredType> = types.into_iter().map(AsRef::as_ref).collect();
    if args.json {
        let all: Vec<Json> = types.iter().map(|registered| described(registered)).collect();
        writeln!(out, "{:#}", Json::from(all))?;
    } else if args.markdown {
        markdown::print(&mut out, &types)?;
    } else {
        table(&mut out, &types)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn unknown_category(category: &str, mut known: Vec<&str>) -> Refusal {
    known.dedup();
    let issue = Issue::error("node.category.unknown", format!("there is no category `{category}`"));
    Refusal::of(match nearest(category, known.iter().copied()) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue.hint(format!("there are: {}", known.join(", "))),
    })
}

/// Everything about a type that a program may want.
fn described(registered: &RegisteredType) -> Json {
    let spec = registered.spec();
    let inputs = spec.ports.inputs.iter().map(|input| {
        json!({
            "name": input.name.as_str(), "kind": input.kind.as_str(), "required": input.required,
            "default": input.default.as_ref().and_then(|value| serde_json::to_value(value).ok()),
            "doc": input.doc.as_str(), "streams": input.streams,
        })
    });
    let outputs = spec.ports.outputs.iter().map(|output| {
        json!({
            "name": output.name.as_str(), "kind": output.kind.as_str(),
            "doc": output.doc.as_str(), "streams": output.streams,
        })
    });
    json!({
        "name": spec.name,
        "category": spec.category,
        "summary": spec.summary,
        "effect": spec.effect,
        "aliases": spec.aliases,
        "version": spec.version,
        "requires": spec.requires.iter().map(|requirement| requirement.name).collect::<Vec<_>>(),
        "inputs": inputs.collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(),
        "open_inputs": spec.ports.open_inputs,
        "schema": registered.schema(),
    })
}

fn table(out: &mut impl Write, types: &[&RegisteredType]) -> io::Result<()> {
    let (paint, width) = (Paint::stdout(), width());
    let column = types.iter().map(|registered| registered.spec().name.len()).max().unwrap_or(0);
    let mut category = "";
    for registered in types {
        let spec = registered.spec();
        if spec.category != category {
            writeln!(out, "{}{}", if category.is_empty() { "" } else { "\n" }, paint.bold(spec.category))?;
            category = spec.category;
        }
        let summary = one_line(spec.summary, width.saturating_sub(column + 4).max(20));
        writeln!(out, "  {}  {summary}", paint.cyan(format!("{:column$}", spec.name)))?;
    }
    Ok(())
}

//! The catalog as a page of Markdown, for the guides.

use std::io::{self, Write};

use kailash_core::RegisteredType;

use super::parameter::parameters;

/// Prints the page.
pub(super) fn print(out: &mut impl Write, types: &[&RegisteredType]) -> io::Result<()> {
    writeln!(out, "# Node types\n\nMade by `kailash nodes --markdown` from the types themselves.")?;
    writeln!(
        out,
        "A *static* parameter is read when a workflow is built; an *input* gets its value at each run, from a"
    )?;
    writeln!(out, "connection, a run parameter, the config or its default, in this order.")?;
    let mut category = "";
    for registered in types {
        let spec = registered.spec();
        if spec.category != category {
            category = spec.category;
            writeln!(out, "\n## {category}")?;
        }
        writeln!(out, "\n### {}\n\n{}", spec.name, cell(spec.summary))?;
        let effect = serde_json::to_value(spec.effect).ok();
        let effect = effect.as_ref().and_then(|effect| effect.as_str()).unwrap_or_default();
        let requires: Vec<&str> = spec.requires.iter().map(|requirement| requirement.name).collect();
        let requires =
            if requires.is_empty() { String::new() } else { format!("; requires {}", requires.join(", ")) };
        writeln!(out, "\nEffect: {effect}{requires}.")?;
        if !spec.aliases.is_empty() {
            writeln!(out, "Also called {}.", spec.aliases.join(", "))?;
        }
        let parameters = parameters(registered);
        if !parameters.is_empty() {
            writeln!(out, "\n| parameter | takes | | meaning |\n|---|---|---|---|")?;
        }
        for parameter in &parameters {
            let (kind, doc) = (cell(&parameter.kind), cell(&parameter.doc));
            let need = cell(&parameter.need());
            writeln!(out, "| `{}` | {kind} | {}; {need} | {doc} |", parameter.name, parameter.way())?;
        }
        if spec.ports.open_inputs {
            writeln!(out, "\nAny other name may be connected or given as a run parameter.")?;
        }
        if !spec.ports.outputs.is_empty() {
            writeln!(out, "\n| output | gives | meaning |\n|---|---|---|")?;
        }
        for output in spec.ports.outputs.iter() {
            let streams = if output.streams { ", streams" } else { "" };
            writeln!(out, "| `{}` | {}{streams} | {} |", output.name, output.kind, cell(&output.doc))?;
        }
    }
    Ok(())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}

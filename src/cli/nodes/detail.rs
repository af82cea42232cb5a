//! All about one node type, for people.

use std::io::{self, Write};

use kailash_core::{RegisteredType, node::Effect};

use super::parameter::parameters;
use crate::cli::term::Paint;

/// Prints `registered` in lines of at most `width` characters.
pub(super) fn print(
    out: &mut impl Write,
    registered: &RegisteredType,
    paint: Paint,
    width: usize,
) -> io::Result<()> {
    let spec = registered.spec();
    writeln!(out, "{}  {}", paint.bold(spec.name), paint.dim(format!("({})", spec.category)))?;
    wrapped(out, spec.summary, 2, width)?;
    let parameters = parameters(registered);
    if !parameters.is_empty() || spec.ports.open_inputs {
        writeln!(out, "\n{}", paint.bold("parameters"))?;
    }
    for parameter in &parameters {
        let facts = format!("{}, {}, {}", parameter.kind, parameter.way(), parameter.need());
        writeln!(out, "  {}  {}", paint.cyan(&parameter.name), paint.dim(facts))?;
        wrapped(out, &parameter.doc, 6, width)?;
    }
    if spec.ports.open_inputs {
        writeln!(out, "  {}", paint.cyan("..."))?;
        wrapped(out, "any other name may be connected or given as a run parameter", 6, width)?;
    }
    if !spec.ports.outputs.is_empty() {
        writeln!(out, "\n{}", paint.bold("outputs"))?;
    }
    for output in spec.ports.outputs.iter() {
        let streams = if output.streams { ", streams" } else { "" };
        let facts = format!("{}{streams}", output.kind);
        writeln!(out, "  {}  {}", paint.cyan(&output.name), paint.dim(facts))?;
        wrapped(out, &output.doc, 6, width)?;
    }
    let effect = match spec.effect {
        Effect::Pure => "pure: depends on its inputs alone and changes nothing",
        Effect::Idempotent => "idempotent: running it again leaves the world as running it once",
        Effect::Effectful => "effectful: running it again does it again",
    };
    writeln!(out, "\n{}      {effect}", paint.bold("effect"))?;
    if !spec.requires.is_empty() {
        let names: Vec<&str> = spec.requires.iter().map(|requirement| requirement.name).collect();
        writeln!(out, "{}    {}", paint.bold("requires"), names.join(", "))?;
    }
    if !spec.aliases.is_empty() {
        writeln!(out, "{} {}", paint.bold("also called"), spec.aliases.join(", "))?;
    }
    Ok(())
}

/// Writes `text` in lines of at most `width` characters, each `margin` characters from the left.
fn wrapped(out: &mut impl Write, text: &str, margin: usize, width: usize) -> io::Result<()> {
    let room = width.saturating_sub(margin).max(20);
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            writeln!(out, "{:margin$}{line}", "")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() { Ok(()) } else { writeln!(out, "{:margin$}{line}", "") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn words_are_kept_whole() {
        let mut out = Vec::new();
        super::wrapped(&mut out, "one two three four five six", 2, 22).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  one two three four\n  five six\n");
    }
}

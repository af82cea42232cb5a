//! A Graphviz digraph.

use super::{
    picture::Picture,
    style::{TINTS, tint_of},
};

/// Draws `picture`.
pub(super) fn draw(picture: &Picture) -> String {
    let mut text = format!("digraph \"{}\" {{\n", escape(&picture.title));
    text.push_str(
        "    rankdir=LR;\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
    );
    text.push_str("    edge [fontname=\"sans-serif\", fontsize=10, color=\"#64748b\"];\n");
    for (at, node) in picture.nodes.iter().enumerate() {
        let tint = &TINTS[tint_of(node.category)];
        let label = format!("{}\\n{}", escape(&node.id), escape(&node.kind));
        let (light, strong) = (tint.light, tint.strong);
        text.push_str(&format!(
            "    n{at} [label=\"{label}\", fillcolor=\"{light}\", color=\"{strong}\"];\n"
        ));
    }
    for line in &picture.lines {
        let mut facts = Vec::new();
        let label = match &line.back {
            Some(ending) => format!("{}\n{ending}", line.label()).trim().to_owned(),
            None => line.label(),
        };
        if !label.is_empty() {
            facts.push(format!("label=\"{}\"", escape(&label)));
        }
        if line.back.is_some() {
            facts.push("style=dashed, constraint=false".to_owned());
        }
        if line.stream {
            facts.push("penwidth=3".to_owned());
        }
        let facts = if facts.is_empty() { String::new() } else { format!(" [{}]", facts.join(", ")) };
        text.push_str(&format!("    n{} -> n{}{facts};\n", line.from, line.to));
    }
    text.push_str("}\n");
    text
}

/// Text for a quoted string of the DOT language.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

//! A Mermaid flowchart.

use std::collections::BTreeSet;

use super::{
    picture::Picture,
    style::{TINTS, tint_of},
};

/// Draws `picture`.
pub(super) fn draw(picture: &Picture) -> String {
    let mut text = String::from("flowchart LR\n");
    for (at, node) in picture.nodes.iter().enumerate() {
        let (id, kind) = (escape(&node.id), escape(&node.kind));
        let class = format!("c{}", tint_of(node.category));
        text.push_str(&format!("    n{at}[\"<b>{id}</b><br/>{kind}\"]:::{class}\n"));
    }
    for line in &picture.lines {
        let label = match &line.back {
            Some(ending) if line.label().is_empty() => ending.clone(),
            Some(ending) => format!("{}, {ending}", line.label()),
            None => line.label(),
        };
        let arrow = match (line.back.is_some(), line.stream) {
            (true, _) => "-.->",
            (false, true) => "==>",
            (false, false) => "-->",
        };
        let label = if label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&label)) };
        text.push_str(&format!("    n{} {arrow}{label} n{}\n", line.from, line.to));
    }
    let used: BTreeSet<usize> = picture.nodes.iter().map(|node| tint_of(node.category)).collect();
    for at in used {
        let tint = &TINTS[at];
        text.push_str(&format!(
            "    classDef c{at} fill:{},stroke:{},color:#1f2937\n",
            tint.light, tint.strong
        ));
    }
    text
}

/// Text for a quoted Mermaid label: entities for everything that could end it or be markup.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '#' => escaped.push_str("#35;"),
            '`' => escaped.push_str("#96;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

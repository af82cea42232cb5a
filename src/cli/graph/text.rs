//! Lines of text: each node with what leads out of it.

use kailash::graph::Picture;

use crate::cli::term::clean;

/// Draws `picture`.
pub(super) fn draw(picture: &Picture) -> String {
    let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); picture.nodes.len()];
    for (at, line) in picture.lines.iter().enumerate() {
        leaving[line.from].push(at);
    }
    let mut text = String::new();
    if !picture.title.is_empty() {
        text.push_str(&format!("{}\n\n", clean(&picture.title)));
    }
    for (node, leaving) in picture.nodes.iter().zip(&leaving) {
        text.push_str(&format!("{} ({})\n", clean(&node.id), clean(&node.kind)));
        let longest = leaving.iter().map(|at| picture.lines[*at].output.chars().count()).max().unwrap_or(0);
        for at in leaving {
            let line = &picture.lines[*at];
            let arrow = match (&line.back, line.stream) {
                (Some(_), _) => "-->>",
                (None, true) => "====>",
                (None, false) => "--->",
            };
            let back = line.back.as_ref().map(|ending| format!("   back, {ending}")).unwrap_or_default();
            let (to, input) = (&picture.nodes[line.to].id, &line.input);
            let drawn = format!("    {:longest$} {arrow} {to}.{input}{back}", line.output);
            text.push_str(&format!("{}\n", clean(&drawn)));
        }
    }
    text
}

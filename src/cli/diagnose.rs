//! Problems as a good compiler shows them: what, where, the line itself, and what to change.
//!
//! ```text
//! error[config.unknown]: Filter has no parameter `operater`
//!   --> flow.yaml:12:7 (nodes.large.config.operater)
//!    |
//! 12 |       operater: ">"
//!    |       ^^^^^^^^
//!    = help: did you mean `operator`?
//! ```

use std::io::{self, Write};

use kailash_core::{format::Position, validate::Issue};

use super::{
    refusal::Refusal,
    source::Source,
    term::{Paint, clean},
};

/// Problems that are printed; more are only counted.
const MAX_PRINTED: usize = 50;
/// Characters of a line that are shown.
const MAX_LINE: usize = 100;

/// Prints every problem, and how many there are.
pub(super) fn print(out: &mut impl Write, refusal: &Refusal, paint: Paint) -> io::Result<()> {
    for issue in refusal.issues.iter().take(MAX_PRINTED) {
        one(out, issue, refusal, paint)?;
    }
    let errors = refusal.issues.iter().filter(|issue| issue.is_error()).count();
    let warnings = refusal.issues.len() - errors;
    if refusal.issues.len() > MAX_PRINTED {
        writeln!(out, "... and {} more", refusal.issues.len() - MAX_PRINTED)?;
    }
    let counted = [(errors, "error"), (warnings, "warning")];
    let parts = counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(*count, what));
    let parts: Vec<String> = parts.collect();
    if refusal.issues.len() > 1 {
        let name = refusal.name().map(|name| format!("{}: ", clean(name))).unwrap_or_default();
        writeln!(out, "{name}{}", paint.bold(parts.join(", ")))?;
    }
    Ok(())
}

/// `count` things called `what`.
pub(super) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Where `issue` stands in `source`. A problem of a run parameter is none of the document.
pub(super) fn position(issue: &Issue, source: Option<&Source>) -> Option<Position> {
    let place = issue.place.as_deref().filter(|_| !of_params(issue))?;
    source?.position(place)
}

fn of_params(issue: &Issue) -> bool {
    issue.code.starts_with("param.")
}

fn one(out: &mut impl Write, issue: &Issue, refusal: &Refusal, paint: Paint) -> io::Result<()> {
    let code = &issue.code;
    let head = if issue.is_error() {
        paint.red(format!("error[{code}]"))
    } else {
        paint.yellow(format!("warning[{code}]"))
    };
    let mut message = clean(&issue.message).replace('\n', "\n  ");
    if let Some(node) = issue.node.as_deref().filter(|node| !issue.message.contains(&format!("`{node}`"))) {
        message = format!("node `{}`: {message}", clean(node));
    }
    writeln!(out, "{head}: {}", paint.bold(message))?;
    let source = refusal.source.as_deref();
    let at = position(issue, source);
    let margin = at.map_or(2, |at| at.line.to_string().len() + 1);
    let place = issue.place.as_deref().map(|place| if of_params(issue) { "run parameters" } else { place });
    let place = place.filter(|place| !place.starts_with("line "));
    let whole = match (refusal.name().filter(|_| !of_params(issue)), at, place) {
        (Some(name), Some(at), Some(place)) => format!("{name}:{}:{} ({place})", at.line, at.column),
        (Some(name), Some(at), None) => format!("{name}:{}:{}", at.line, at.column),
        (Some(name), None, Some(place)) => format!("{name} ({place})"),
        (Some(name), None, None) => match issue.place.as_deref() {
            Some(line) => format!("{name}, {line}"),
            None => name.to_owned(),
        },
        (None, _, Some(place)) => place.to_owned(),
        (None, ..) => String::new(),
    };
    if !whole.is_empty() {
        writeln!(out, "{:margin$}{} {}", "", paint.cyan("-->"), clean(&whole))?;
    }
    if let (Some(at), Some(source)) = (at, source) {
        excerpt(out, at, source, margin, paint)?;
    }
    if let Some(hint) = &issue.hint {
        let hint = clean(hint).replace('\n', "\n          ");
        writeln!(out, "{:margin$} {} {}: {hint}", "", paint.cyan("="), paint.green("help"))?;
    }
    Ok(())
}

fn excerpt(
    out: &mut impl Write,
    at: Position,
    source: &Source,
    margin: usize,
    paint: Paint,
) -> io::Result<()> {
    let Some(line) = source.line(at.line) else { return Ok(()) };
    let bar = paint.cyan("|");
    let (shown, before, marked) = window(line, at.column);
    writeln!(out, "{:margin$} {bar}", "")?;
    let number = format!("{:>width$}", at.line, width = margin - 1);
    writeln!(out, "{}  {bar} {shown}", paint.cyan(number))?;
    writeln!(out, "{:margin$} {bar} {before}{}", "", paint.red("^".repeat(marked)))
}

/// The part of `line` around column `column`, what stands before its mark, and how long the mark is.
fn window(line: &str, column: usize) -> (String, String, usize) {
    let safe = |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c };
    let chars: Vec<char> = line.chars().map(safe).collect();
    let at = column.saturating_sub(1).min(chars.len());
    let from = if chars.len() <= MAX_LINE { 0 } else { at.saturating_sub(MAX_LINE / 2) };
    let to = chars.len().min(from + MAX_LINE);
    let mut shown: String = chars[from..to].iter().collect();
    let mut before: String = chars[from..at].iter().map(|c| if *c == '\t' { '\t' } else { ' ' }).collect();
    if from > 0 {
        shown.insert(0, '…');
        before.push(' ');
    }
    if to < chars.len() {
        shown.push('…');
    }
    let marked = match chars.get(at) {
        Some(quote @ ('"' | '\'')) => {
            chars[at + 1..to].iter().position(|c| c == quote).map_or(1, |length| length + 2)
        }
        Some(_) => chars[at..to].iter().take_while(|c| c.is_alphanumeric() || "_-.".contains(**c)).count(),
        None => 1,
    };
    (shown, before, marked.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_covers_a_key_with_its_quotes() {
        assert_eq!(window(r#"  "operater": 1"#, 3), (r#"  "operater": 1"#.into(), "  ".into(), 10));
        assert_eq!(window("\tfield: x", 2), ("\tfield: x".into(), "\t".into(), 5));
        assert_eq!(window("x", 9), ("x".into(), " ".into(), 1));
    }

    #[test]
    fn a_long_line_is_shown_around_its_mark() {
        let line = format!("{}KEY{}", " ".repeat(500), ".".repeat(500));
        let (shown, before, _) = window(&line, 501);
        assert_eq!(shown.chars().count(), MAX_LINE + 2);
        assert_eq!(shown.chars().nth(before.chars().count()), Some('K'));
    }

    #[test]
    fn one_problem_prints_its_place_and_hint() {
        let issue = Issue::error("x.y", "bad").at("nodes.a").hint("do it so");
        let refusal = Refusal::named("f.json", issue);
        let mut out = Vec::new();
        print(&mut out, &refusal, Paint::none()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "error[x.y]: bad\n  --> f.json (nodes.a)\n   = help: do it so\n");
    }
}

//! A picture that stands for itself: no scripts, no fonts, light and dark.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write,
};

use super::{
    layout::{Layout, PORT, Path, Piece, Point, Size, Wire, layout},
    measure::{cut, width},
    picture::{Line, Picture, Shape},
    style::{TINTS, tint_of},
};

const MARGIN: f64 = 28.0;
const ID: f64 = 13.5;
const KIND: f64 = 11.0;
const LABEL: f64 = 10.5;
/// How much wider bold text is.
const BOLD: f64 = 1.17;
/// The widest a node gets.
const WIDEST: f64 = 240.0;

/// Draws `picture`.
pub(super) fn draw(picture: &Picture) -> String {
    let wires = wires(picture);
    let sizes: Vec<Size> =
        picture.nodes.iter().enumerate().map(|(at, node)| size(at, node, &wires)).collect();
    let layout = layout(&sizes, &wires);
    let mut svg = String::new();
    let tints: BTreeSet<usize> = picture.nodes.iter().map(|node| tint_of(node.category)).collect();
    let legend = legend(picture, &tints);
    frame(&mut svg, picture, &layout, &legend, &tints);
    let mut heads = HashSet::new();
    for (line, path) in picture.lines.iter().zip(&layout.paths) {
        draw_line(&mut svg, line, path, &mut heads, picture);
    }
    for ((node, centre), size) in picture.nodes.iter().zip(&layout.centres).zip(&sizes) {
        draw_node(&mut svg, node, *centre, size);
    }
    let mut written = HashSet::new();
    for (line, path) in picture.lines.iter().zip(&layout.paths) {
        draw_labels(&mut svg, line, path, &mut written);
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn wires(picture: &Picture) -> Vec<Wire> {
    let mut numbers = HashMap::new();
    let wire = |line| {
        let Line { from, to, output, input, named, back, .. }: &Line = line;
        Wire {
            from: *from,
            to: *to,
            ends: [number(&mut numbers, (0, *from, output)), number(&mut numbers, (1, *to, input))],
            labels: [
                if named[0] { width(&short(output), LABEL) + 10.0 } else { 0.0 },
                if named[1] { width(&short(input), LABEL) + 14.0 } else { 0.0 },
            ],
            back: back.is_some(),
        }
    };
    picture.lines.iter().map(wire).collect()
}

fn number<'p>(numbers: &mut HashMap<(usize, usize, &'p str), usize>, end: (usize, usize, &'p str)) -> usize {
    let next = numbers.len();
    *numbers.entry(end).or_insert(next)
}

fn short(label: &str) -> String {
    cut(label, LABEL, 110.0)
}

#[expect(clippy::cast_precision_loss, reason = "ports are few")]
fn size(at: usize, node: &Shape, wires: &[Wire]) -> Size {
    let text = (width(&node.id, ID) * BOLD).max(width(&node.kind, KIND));
    let ports = |end: usize| {
        let here = wires.iter().filter(|wire| if end == 0 { wire.from == at } else { wire.to == at });
        here.map(|wire| wire.ends[end]).collect::<HashSet<_>>().len()
    };
    let most = ports(0).max(ports(1)).max(1);
    Size { width: (text + 36.0).clamp(96.0, WIDEST), height: (46.0_f64).max((most - 1) as f64 * PORT + 26.0) }
}

struct Legend {
    drawn: String,
    width: f64,
    height: f64,
}

/// What colours and strokes mean, at the foot of the picture.
fn legend(picture: &Picture, tints: &BTreeSet<usize>) -> Legend {
    let mut drawn = String::new();
    let mut x = 0.0;
    let mut add = |mark: &str, name: &str| {
        push(&mut drawn, format_args!("<g transform=\"translate({x:.0} 0)\">{mark}"));
        push(&mut drawn, format_args!("<text class=\"label\" x=\"20\" y=\"4\">{}</text></g>", escape(name)));
        x += 20.0 + width(name, LABEL) + 18.0;
    };
    for at in tints {
        let name = if TINTS[*at].name.is_empty() { "other" } else { TINTS[*at].name };
        add(&format!("<rect class=\"n t{at}\" x=\"0\" y=\"-6\" width=\"14\" height=\"12\" rx=\"4\"/>"), name);
    }
    if picture.lines.iter().any(|line| line.stream) {
        add("<path class=\"e stream\" d=\"M0 0H14\"/>", "stream");
    }
    if picture.lines.iter().any(|line| line.back.is_some()) {
        add("<path class=\"e back\" d=\"M0 0H14\"/>", "leads back");
    }
    Legend { drawn, width: x, height: 34.0 }
}

fn frame(svg: &mut String, picture: &Picture, layout: &Layout, legend: &Legend, tints: &BTreeSet<usize>) {
    let [least, most] = layout.corners;
    let title = if picture.title.is_empty() { 0.0 } else { 30.0 };
    let name = cut(&picture.title, 15.0, 900.0);
    let inner = (most.x - least.x).max(legend.width).max(width(&name, 15.0) * BOLD);
    let across = inner + 2.0 * MARGIN;
    let height = most.y - least.y + 2.0 * MARGIN + title + legend.height;
    push(
        svg,
        format_args!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {across:.0} {height:.0}\""),
    );
    push(svg, format_args!(" width=\"{across:.0}\" height=\"{height:.0}\" role=\"img\">\n"));
    push(svg, format_args!("<title>{}</title>\n<style>\n", escape(&picture.title)));
    svg.push_str(include_str!("style.css"));
    for at in tints {
        let tint = &TINTS[*at];
        let (strong, light, dark) = (tint.strong, tint.light, tint.dark);
        push(svg, format_args!(".n.t{at}{{fill:{light};stroke:{strong}}}.m.t{at}{{fill:{strong}}}\n"));
        push(svg, format_args!("@media (prefers-color-scheme:dark){{.n.t{at}{{fill:{dark}}}}}\n"));
    }
    push(
        svg,
        format_args!(
            "</style>\n<rect class=\"page\" width=\"{across:.0}\" height=\"{height:.0}\" rx=\"12\"/>\n"
        ),
    );
    if title > 0.0 {
        let y = MARGIN + 8.0;
        push(svg, format_args!("<text class=\"title\" x=\"{MARGIN}\" y=\"{y}\">{}</text>\n", escape(&name)));
    }
    let foot = height - MARGIN + 4.0;
    let left = MARGIN - least.x + (inner - (most.x - least.x)) / 2.0;
    let top = MARGIN + title - least.y;
    push(svg, format_args!("<g transform=\"translate({MARGIN} {foot:.0})\">{}</g>\n", legend.drawn));
    push(svg, format_args!("<g transform=\"translate({left:.1} {top:.1})\">\n"));
}

fn draw_line(svg: &mut String, line: &Line, path: &Path, heads: &mut HashSet<(i64, i64)>, picture: &Picture) {
    let class = match (line.back.is_some() || path.middle.is_some(), line.stream) {
        (true, _) => "e back",
        (false, true) => "e stream",
        (false, false) => "e",
    };
    let Point { x, y } = path.start;
    push(svg, format_args!("<path class=\"{class}\" d=\"M{x:.1} {y:.1}"));
    for piece in &path.pieces {
        match piece {
            Piece::Straight(to) => push(svg, format_args!("L{:.1} {:.1}", to.x, to.y)),
            Piece::Curve(a, b, to) => {
                push(
                    svg,
                    format_args!("C{:.1} {:.1} {:.1} {:.1} {:.1} {:.1}", a.x, a.y, b.x, b.y, to.x, to.y),
                );
            }
            Piece::Corner(a, to) => push(svg, format_args!("Q{:.1} {:.1} {:.1} {:.1}", a.x, a.y, to.x, to.y)),
        }
    }
    let (from, to) = (&picture.nodes[line.from].id, &picture.nodes[line.to].id);
    let told = format!("{from}.{} → {to}.{}", line.output, line.input);
    push(svg, format_args!("\"><title>{}</title></path>\n", escape(&told)));
    let Point { x, y } = path.end;
    #[expect(clippy::cast_possible_truncation, reason = "tenths of a pixel")]
    let spot = ((x * 10.0) as i64, (y * 10.0) as i64);
    if heads.insert(spot) {
        push(svg, format_args!("<path class=\"head\" d=\"M{x:.1} {y:.1}l-9-4.5v9z\"/>\n"));
    }
}

fn draw_labels(svg: &mut String, line: &Line, path: &Path, written: &mut HashSet<String>) {
    let mut write = |text: String| {
        if written.insert(text.clone()) {
            svg.push_str(&text);
        }
    };
    let Point { x, y } = path.start;
    if line.named[0] {
        let (x, y, name) = (x + 6.0, y - 5.0, escape(&short(&line.output)));
        write(format!("<text class=\"label\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>\n"));
    }
    let Point { x, y } = path.end;
    if line.named[1] {
        let (x, y, name) = (x - 12.0, y - 5.0, escape(&short(&line.input)));
        write(format!("<text class=\"label end\" x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>\n"));
    }
    if let (Some((middle, below)), Some(ending)) = (path.middle, &line.back) {
        let y = if below { middle.y + 13.0 } else { middle.y - 6.0 };
        let ending = escape(&cut(ending, LABEL, 320.0));
        write(format!("<text class=\"label mid\" x=\"{:.1}\" y=\"{y:.1}\">{ending}</text>\n", middle.x));
    }
}

fn draw_node(svg: &mut String, node: &Shape, centre: Point, size: &Size) {
    let (x, y) = (centre.x - size.width / 2.0, centre.y - size.height / 2.0);
    let (width, height, tint) = (size.width, size.height, tint_of(node.category));
    let told = if node.summary.is_empty() { "unknown node type" } else { node.summary };
    let told = escape(&format!("{} ({}): {told}", node.id, node.kind));
    push(svg, format_args!("<g transform=\"translate({x:.1} {y:.1})\"><title>{told}</title>"));
    push(
        svg,
        format_args!("<rect class=\"n t{tint}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"9\"/>"),
    );
    let (bar, middle) = (height - 20.0, height / 2.0);
    push(
        svg,
        format_args!(
            "<rect class=\"m t{tint}\" x=\"8\" y=\"10\" width=\"3.5\" height=\"{bar:.1}\" rx=\"1.75\"/>"
        ),
    );
    let room = width - 34.0;
    let (id, kind) = (escape(&cut(&node.id, ID * BOLD, room)), escape(&cut(&node.kind, KIND, room)));
    push(svg, format_args!("<text class=\"id\" x=\"20\" y=\"{:.1}\">{id}</text>", middle - 2.5));
    push(svg, format_args!("<text class=\"kind\" x=\"20\" y=\"{:.1}\">{kind}</text></g>\n", middle + 12.5));
}

fn push(svg: &mut String, text: std::fmt::Arguments<'_>) {
    let written = svg.write_fmt(text);
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// Text for XML 1.0, which has no form at all for most control characters.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

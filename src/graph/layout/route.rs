//! The lines: curves between layers; what leads back goes around the nodes, in lanes above or below them.

use super::{
    Layout, Path, Piece, Point, Size, Wire,
    layers::Layers,
    ports::{Ports, passes_below},
};

/// Room between two layers, before labels.
const GAP: f64 = 60.0;
/// Room between lanes of lines that lead back.
const LANE: f64 = 20.0;
const RADIUS: f64 = 12.0;

/// A layer's left and right edge, and the room beside it where lines are straight, for labels.
#[derive(Clone, Copy)]
struct Column {
    left: f64,
    right: f64,
    before: f64,
    behind: f64,
}

struct Columns(Vec<Column>);

impl Columns {
    fn new(nodes: &[Size], wires: &[Wire], layers: &Layers) -> Self {
        let mut columns = Vec::with_capacity(layers.rows.len());
        let mut x = 0.0;
        for (index, row) in layers.rows.iter().enumerate() {
            let width =
                row.iter().filter_map(|vertex| nodes.get(*vertex)).map(|node| node.width).fold(0.0, f64::max);
            let room = |end: usize| {
                let here = wires
                    .iter()
                    .filter(|wire| layers.of[if end == 0 { wire.from } else { wire.to }] == index);
                here.map(|wire| wire.labels[end]).fold(0.0, f64::max)
            };
            let (behind, before) = (room(0), room(1));
            x += if index > 0 { before } else { 0.0 };
            columns.push(Column { left: x, right: x + width, before, behind });
            let steps = layers.steps().filter(|(_, from, _)| layers.of[*from] == index).count();
            #[expect(clippy::cast_precision_loss, reason = "lines are few")]
            let crowd = (steps as f64 * 1.5).min(60.0);
            x += width + behind + GAP + crowd;
        }
        Self(columns)
    }
}

/// Leads every wire, and collects everything.
pub(super) fn route(nodes: &[Size], wires: &[Wire], layers: &Layers, y: &[f64], ports: &Ports) -> Layout {
    let columns = Columns::new(nodes, wires, layers);
    let middle = |vertex: usize| {
        let Column { left, right, .. } = columns.0[layers.of[vertex]];
        Point { x: f64::midpoint(left, right), y: y[vertex] }
    };
    let centres: Vec<Point> = (0..nodes.len()).map(middle).collect();
    let lanes = lanes(nodes, wires, layers, y);
    let mut paths = Vec::with_capacity(wires.len());
    for (at, (wire, lane)) in wires.iter().zip(lanes).enumerate() {
        let from = Point {
            x: centres[wire.from].x + nodes[wire.from].width / 2.0,
            y: centres[wire.from].y + ports.leaves[at],
        };
        let to = Point {
            x: centres[wire.to].x - nodes[wire.to].width / 2.0,
            y: centres[wire.to].y + ports.enters[at],
        };
        paths.push(match lane {
            Some(lane) => {
                let (last, first) = (columns.0[layers.of[wire.from]], columns.0[layers.of[wire.to]]);
                around([from, to], [last.right + last.behind, first.left - first.before], lane)
            }
            None => forward(from, to, &layers.ways[at], layers, &columns, y),
        });
    }
    let corners = corners(nodes, &centres, &paths);
    Layout { centres, paths, corners }
}

fn forward(from: Point, to: Point, way: &[usize], layers: &Layers, columns: &Columns, y: &[f64]) -> Path {
    let mut pieces = Vec::with_capacity(2 * way.len());
    let mut at = from;
    let straight = |at: &mut Point, x: f64, pieces: &mut Vec<Piece>| {
        if x > at.x + 0.5 {
            at.x = x;
            pieces.push(Piece::Straight(*at));
        }
    };
    for step in way.windows(2) {
        let column = columns.0[layers.of[step[0]]];
        straight(&mut at, column.right + column.behind, &mut pieces);
        let column = columns.0[layers.of[step[1]]];
        let left = column.left - column.before;
        let entry = Point { x: left, y: if step[1] < layers.nodes { to.y } else { y[step[1]] } };
        let half = f64::midpoint(at.x, left);
        pieces.push(Piece::Curve(Point { x: half, y: at.y }, Point { x: half, y: entry.y }, entry));
        at = entry;
    }
    straight(&mut at, to.x, &mut pieces);
    Path { start: from, pieces, end: to, middle: None }
}

/// From the right side of a node along a lane to the left side of another.
fn around(ends: [Point; 2], edges: [f64; 2], lane: Lane) -> Path {
    let [from, to] = ends;
    let Lane { y: lane, number, below } = lane;
    let out = edges[0] + 16.0 + 7.0 * number;
    let into = edges[1] - 22.0 - 7.0 * number;
    let points = [
        from,
        Point { x: out, y: from.y },
        Point { x: out, y: lane },
        Point { x: into, y: lane },
        Point { x: into, y: to.y },
        to,
    ];
    let mut pieces = Vec::with_capacity(9);
    for corner in points.windows(3) {
        let [a, b, c] = [corner[0], corner[1], corner[2]];
        pieces.push(Piece::Straight(toward(b, a)));
        pieces.push(Piece::Corner(b, toward(b, c)));
    }
    pieces.push(Piece::Straight(to));
    let middle = Point { x: f64::midpoint(out, into), y: lane };
    Path { start: from, pieces, end: to, middle: Some((middle, below)) }
}

/// The point a corner's radius away from `from`, on the way to `to`.
fn toward(from: Point, to: Point) -> Point {
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length = dx.hypot(dy).max(0.001);
    let part = RADIUS.min(length / 2.0) / length;
    Point { x: from.x + dx * part, y: from.y + dy * part }
}

/// Where a line that leads back passes the nodes.
#[derive(Clone, Copy)]
struct Lane {
    y: f64,
    /// How many lanes are between it and the nodes.
    number: f64,
    below: bool,
}

/// The lane of each line that leads back. The shortest are next to the nodes.
fn lanes(nodes: &[Size], wires: &[Wire], layers: &Layers, y: &[f64]) -> Vec<Option<Lane>> {
    let reach = |row: &Vec<usize>| {
        row.iter().fold((f64::MAX, f64::MIN), |(top, bottom), vertex| {
            let half = nodes.get(*vertex).map_or(4.0, |node| node.height / 2.0);
            (top.min(y[*vertex] - half), bottom.max(y[*vertex] + half))
        })
    };
    let reach: Vec<(f64, f64)> = layers.rows.iter().map(reach).collect();
    let mut back: Vec<usize> = (0..wires.len()).filter(|at| layers.ways[*at].is_empty()).collect();
    back.sort_by_key(|at| layers.span(&wires[*at]));
    let mut taken: Vec<(usize, usize, bool, f64)> = Vec::new();
    let mut lanes = vec![None; wires.len()];
    for at in back {
        let wire = &wires[at];
        let below = passes_below(wire, layers, y);
        let (first, last) = (layers.of[wire.to], layers.of[wire.from]);
        let meets = |lane: &&(usize, usize, bool, f64)| lane.2 == below && lane.0 <= last && first <= lane.1;
        let number = taken.iter().filter(meets).map(|lane| lane.3 + 1.0).fold(0.0, f64::max);
        taken.push((first, last, below, number));
        let (top, bottom) = reach[first..=last]
            .iter()
            .fold((f64::MAX, f64::MIN), |(top, bottom), reach| (top.min(reach.0), bottom.max(reach.1)));
        let away = 26.0 + LANE * number;
        lanes[at] = Some(Lane { y: if below { bottom + away } else { top - away }, number, below });
    }
    lanes
}

fn corners(nodes: &[Size], centres: &[Point], paths: &[Path]) -> [Point; 2] {
    if nodes.is_empty() {
        return [Point::default(); 2];
    }
    let mut least = Point { x: f64::MAX, y: f64::MAX };
    let mut most = Point { x: f64::MIN, y: f64::MIN };
    let mut meet = |x: f64, y: f64| {
        least = Point { x: least.x.min(x), y: least.y.min(y) };
        most = Point { x: most.x.max(x), y: most.y.max(y) };
    };
    for (centre, size) in centres.iter().zip(nodes) {
        meet(centre.x - size.width / 2.0, centre.y - size.height / 2.0);
        meet(centre.x + size.width / 2.0, centre.y + size.height / 2.0);
    }
    for path in paths {
        for piece in &path.pieces {
            let (Piece::Straight(end) | Piece::Curve(.., end) | Piece::Corner(_, end)) = piece;
            meet(end.x, end.y);
        }
        if let Some((middle, below)) = path.middle {
            meet(middle.x, if below { middle.y + 18.0 } else { middle.y - 18.0 });
        }
    }
    [least, most]
}

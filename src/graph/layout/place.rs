//! The height of each vertex, so that lines are straight: each layer is moved towards its neighbours' heights, by the
//! least squares that keep its order and its gaps (isotonic regression: pool adjacent violators).

use super::{layers::Layers, ports::Ports};

/// The height of a bend.
pub(super) const BEND: f64 = 6.0;
const GAP: f64 = 26.0;
const BEND_GAP: f64 = 16.0;
const SWEEPS: usize = 40;

struct Pull {
    other: usize,
    /// How much lower than `other` the vertex wants to be.
    offset: f64,
    weight: f64,
}

/// The middle of each vertex.
pub(super) fn place(layers: &Layers, heights: &[f64], ports: &Ports) -> Vec<f64> {
    let count = layers.vertices();
    let (mut before, mut behind) = (pulls(count), pulls(count));
    for (wire, from, to) in layers.steps() {
        let leaves = if from < layers.nodes { ports.leaves[wire] } else { 0.0 };
        let enters = if to < layers.nodes { ports.enters[wire] } else { 0.0 };
        let weight = match (from < layers.nodes, to < layers.nodes) {
            (true, true) => 1.0,
            (false, false) => 8.0,
            _ => 2.0,
        };
        before[to].push(Pull { other: from, offset: leaves - enters, weight });
        behind[from].push(Pull { other: to, offset: enters - leaves, weight });
    }
    let mut y = vec![0.0; count];
    for row in &layers.rows {
        let gaps = gaps(row, layers.nodes, heights);
        let half = gaps.last().copied().unwrap_or(0.0) / 2.0;
        for (vertex, gap) in row.iter().zip(gaps) {
            y[*vertex] = gap - half;
        }
    }
    let sweeps = if count > 4000 { 6 } else { SWEEPS };
    for sweep in 0..sweeps {
        let both = sweep + 12 >= sweeps;
        let mut rows: Vec<&Vec<usize>> = layers.rows.iter().collect();
        if sweep % 2 == 1 {
            rows.reverse();
        }
        for row in rows {
            let sides: &[&Vec<Vec<Pull>>] = match (both, sweep % 2) {
                (true, _) => &[&before, &behind],
                (false, 0) => &[&before],
                _ => &[&behind],
            };
            settle(row, layers.nodes, heights, sides, &mut y);
        }
    }
    straighten(layers, heights, ports, &mut y);
    y
}

/// Gives the bends of a line one height, as far as their neighbours leave room: that of one of its ends, if possible.
fn straighten(layers: &Layers, heights: &[f64], ports: &Ports, y: &mut [f64]) {
    let mut at = vec![0; y.len()];
    for row in &layers.rows {
        for (position, vertex) in row.iter().enumerate() {
            at[*vertex] = position;
        }
    }
    for _ in 0..3 {
        for (wire, way) in layers.ways.iter().enumerate().filter(|(_, way)| way.len() > 2) {
            let ends = [y[way[0]] + ports.leaves[wire], y[way[way.len() - 1]] + ports.enters[wire]];
            let mut rest = &way[1..way.len() - 1];
            while !rest.is_empty() {
                let (mut from, mut to) = (f64::MIN, f64::MAX);
                let fits = rest.iter().take_while(|vertex| {
                    let (above, below) = room(layers, heights, y, at[**vertex], **vertex);
                    let free = from.max(above) <= to.min(below);
                    if free {
                        (from, to) = (from.max(above), to.min(below));
                    }
                    free
                });
                let count = fits.count().max(1);
                let (run, after) = rest.split_at(count);
                #[expect(clippy::cast_precision_loss, reason = "bends are few")]
                let mean = run.iter().map(|vertex| y[*vertex]).sum::<f64>() / count as f64;
                let open = ends.iter().copied().filter(|end| (from..=to).contains(end));
                let height = open.min_by(|a, b| (a - mean).abs().total_cmp(&(b - mean).abs()));
                let height = height.unwrap_or_else(|| mean.max(from).min(to));
                run.iter().for_each(|vertex| y[*vertex] = height);
                rest = after;
            }
        }
    }
}

/// Between which heights a bend may move without meeting its neighbours.
fn room(layers: &Layers, heights: &[f64], y: &[f64], at: usize, vertex: usize) -> (f64, f64) {
    let row = &layers.rows[layers.of[vertex]];
    let apart = |other: usize| f64::midpoint(heights[other], heights[vertex]) + BEND_GAP;
    let above = at.checked_sub(1).map_or(f64::MIN, |at| y[row[at]] + apart(row[at]));
    let below = row.get(at + 1).map_or(f64::MAX, |other| y[*other] - apart(*other));
    // Neighbours that were placed at exactly their distance leave no room: rounding must not turn that into a conflict.
    (above.min(y[vertex]), below.max(y[vertex]))
}

fn pulls(count: usize) -> Vec<Vec<Pull>> {
    (0..count).map(|_| Vec::new()).collect()
}

/// How far below the first vertex of a row each may stand at least.
fn gaps(row: &[usize], nodes: usize, heights: &[f64]) -> Vec<f64> {
    let mut at = 0.0;
    let mut gaps = Vec::with_capacity(row.len());
    for (index, vertex) in row.iter().enumerate() {
        if let Some(above) = index.checked_sub(1).map(|index| row[index]) {
            let gap = if *vertex < nodes && above < nodes { GAP } else { BEND_GAP };
            at += f64::midpoint(heights[above], heights[*vertex]) + gap;
        }
        gaps.push(at);
    }
    gaps
}

/// Moves the vertices of a row to where their neighbours pull them.
fn settle(row: &[usize], nodes: usize, heights: &[f64], sides: &[&Vec<Vec<Pull>>], y: &mut [f64]) {
    let gaps = gaps(row, nodes, heights);
    // Blocks of vertices that touch: (sum of weighted wishes, weight, how many).
    let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(row.len());
    for (vertex, gap) in row.iter().zip(&gaps) {
        let (mut wish, mut weight) = (0.0, 0.0);
        for pull in sides.iter().flat_map(|side| &side[*vertex]) {
            wish += pull.weight * (y[pull.other] + pull.offset);
            weight += pull.weight;
        }
        if weight == 0.0 {
            (wish, weight) = (y[*vertex] * 0.01, 0.01);
        }
        blocks.push((wish - gap * weight, weight, 1));
        while let [.., above, below] = blocks[..]
            && above.0 / above.1 > below.0 / below.1
        {
            blocks.pop();
            if let Some(last) = blocks.last_mut() {
                *last = (above.0 + below.0, above.1 + below.1, above.2 + below.2);
            }
        }
    }
    let mut at = 0;
    for (wish, weight, count) in blocks {
        for _ in 0..count {
            y[row[at]] = wish / weight + gaps[at];
            at += 1;
        }
    }
}

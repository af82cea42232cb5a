//! The order within each layer, with few crossings: barycentres of neighbours in sweeps, then swaps of neighbours.

use super::layers::Layers;

/// Sweeps over all layers, and the size from which fewer must do.
const SWEEPS: usize = 24;
const LARGE: usize = 4000;

/// Orders the vertices of every layer.
pub(super) fn order(layers: &mut Layers) {
    let count = layers.vertices();
    let mut before = vec![Vec::new(); count];
    let mut behind = vec![Vec::new(); count];
    for (_, from, to) in layers.steps() {
        before[to].push(from);
        behind[from].push(to);
    }
    begin(layers, &behind);
    let mut at = positions(layers);
    let mut best = (crossings(layers, &behind, &at), layers.rows.clone());
    for sweep in 0..if count > LARGE { 4 } else { SWEEPS } {
        if best.0 == 0 {
            break;
        }
        let rows = 0..layers.rows.len();
        if sweep % 2 == 0 {
            rows.skip(1).for_each(|row| by_barycentre(&mut layers.rows[row], &before, &mut at));
        } else {
            rows.rev().skip(1).for_each(|row| by_barycentre(&mut layers.rows[row], &behind, &mut at));
        }
        if count <= LARGE {
            for row in &mut layers.rows {
                swaps(row, &before, &behind, &mut at);
            }
        }
        let crossings = crossings(layers, &behind, &at);
        if crossings < best.0 {
            best = (crossings, layers.rows.clone());
        }
    }
    layers.rows = best.1;
}

/// Orders vertices as a walk from the first layer meets them, so that what belongs together stands together.
fn begin(layers: &mut Layers, behind: &[Vec<usize>]) {
    let mut met = vec![usize::MAX; layers.vertices()];
    let mut next = 0;
    let starts: Vec<usize> = layers.rows.iter().flatten().copied().collect();
    for start in starts {
        let mut open = vec![start];
        while let Some(vertex) = open.pop() {
            if met[vertex] == usize::MAX {
                met[vertex] = next;
                next += 1;
                open.extend(behind[vertex].iter().rev());
            }
        }
    }
    for row in &mut layers.rows {
        row.sort_by_key(|vertex| met[*vertex]);
    }
}

fn positions(layers: &Layers) -> Vec<usize> {
    let mut at = vec![0; layers.vertices()];
    for row in &layers.rows {
        number(row, &mut at);
    }
    at
}

fn number(row: &[usize], at: &mut [usize]) {
    for (position, vertex) in row.iter().enumerate() {
        at[*vertex] = position;
    }
}

#[expect(clippy::cast_precision_loss, reason = "positions are small")]
fn by_barycentre(row: &mut [usize], neighbours: &[Vec<usize>], at: &mut [usize]) {
    let centre = |vertex: usize| {
        let near = &neighbours[vertex];
        if near.is_empty() {
            return at[vertex] as f64;
        }
        near.iter().map(|other| at[*other] as f64).sum::<f64>() / near.len() as f64
    };
    let mut keyed: Vec<(f64, usize)> = row.iter().map(|vertex| (centre(*vertex), *vertex)).collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (slot, (_, vertex)) in row.iter_mut().zip(keyed) {
        *slot = vertex;
    }
    number(row, at);
}

/// Swaps neighbours while that takes crossings away.
fn swaps(row: &mut [usize], before: &[Vec<usize>], behind: &[Vec<usize>], at: &mut [usize]) {
    let crossed = |a: &[usize], b: &[usize], at: &[usize]| -> usize {
        a.iter().map(|x| b.iter().filter(|y| at[**y] < at[*x]).count()).sum()
    };
    for _ in 0..4 {
        let mut changed = false;
        for left in 1..row.len() {
            let (a, b) = (row[left - 1], row[left]);
            let now = crossed(&before[a], &before[b], at) + crossed(&behind[a], &behind[b], at);
            let then = crossed(&before[b], &before[a], at) + crossed(&behind[b], &behind[a], at);
            if then < now {
                row.swap(left - 1, left);
                (at[a], at[b]) = (left, left - 1);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
}

/// How many steps cross (Barth, Mutzel, Jünger 2002: inversions, counted with a tree of sums).
fn crossings(layers: &Layers, behind: &[Vec<usize>], at: &[usize]) -> usize {
    let mut total = 0;
    for (index, row) in layers.rows.iter().enumerate() {
        let width = layers.rows.get(index + 1).map_or(0, Vec::len);
        let mut sums = vec![0_usize; width + 1];
        let mut seen = 0;
        for vertex in row {
            let mut ends: Vec<usize> = behind[*vertex].iter().map(|to| at[*to]).collect();
            ends.sort_unstable();
            for end in &ends {
                let mut not_below = 0;
                let mut slot = end + 1;
                while slot > 0 {
                    not_below += sums[slot];
                    slot &= slot - 1;
                }
                total += seen - not_below;
            }
            for end in ends {
                seen += 1;
                let mut slot = end + 1;
                while slot <= width {
                    sums[slot] += 1;
                    slot += slot & slot.wrapping_neg();
                }
            }
        }
    }
    total
}

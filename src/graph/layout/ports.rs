//! Where lines leave and enter a node: ports above each other, in the order of where they lead.

use std::collections::BTreeMap;

use super::{PORT, Wire, layers::Layers};

/// For each wire, how far below the node's middle it leaves and enters.
pub(super) struct Ports {
    pub(super) leaves: Vec<f64>,
    pub(super) enters: Vec<f64>,
}

impl Ports {
    /// All in the middle.
    pub(super) fn none(wires: usize) -> Self {
        Self { leaves: vec![0.0; wires], enters: vec![0.0; wires] }
    }

    /// Ports in the order of the heights `y` of what is at their other end. Lines that lead back take the outermost, the
    /// shortest first, so that none crosses another.
    pub(super) fn new(wires: &[Wire], layers: &Layers, y: &[f64]) -> Self {
        let below: Vec<bool> = wires.iter().map(|wire| passes_below(wire, layers, y)).collect();
        #[expect(clippy::cast_precision_loss, reason = "layers and lines are few")]
        let far = |wire: usize| {
            let inner = 1e9 - layers.span(&wires[wire]) as f64 - wire as f64 * 1e-5;
            if below[wire] { inner } else { -inner }
        };
        let leaves = side(wires, 0, |at| layers.ways[at].get(1).map_or_else(|| far(at), |next| y[*next]));
        let enters = side(wires, 1, |at| {
            let way = &layers.ways[at];
            way.len().checked_sub(2).map_or_else(|| far(at), |last| y[way[last]])
        });
        Self { leaves, enters }
    }
}

/// Whether a line that leads back passes below the nodes rather than above them.
pub(super) fn passes_below(wire: &Wire, layers: &Layers, y: &[f64]) -> bool {
    let (first, last) = (layers.of[wire.to], layers.of[wire.from]);
    let between = layers.rows[first.min(last)..=first.max(last)].iter().flatten();
    let (top, bottom) = between
        .fold((f64::MAX, f64::MIN), |(top, bottom), vertex| (top.min(y[*vertex]), bottom.max(y[*vertex])));
    let own = f64::midpoint(y[wire.from], y[wire.to]);
    bottom - own <= own - top + 1.0
}

/// A port: how high what it leads to stands, and its wires.
#[derive(Default)]
struct Port {
    heights: Vec<f64>,
    wires: Vec<usize>,
}

#[expect(clippy::cast_precision_loss, reason = "ports are few")]
fn side(wires: &[Wire], end: usize, height: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut nodes: BTreeMap<usize, BTreeMap<usize, Port>> = BTreeMap::new();
    for (at, wire) in wires.iter().enumerate() {
        let node = if end == 0 { wire.from } else { wire.to };
        let port = nodes.entry(node).or_default().entry(wire.ends[end]).or_default();
        port.heights.push(height(at));
        port.wires.push(at);
    }
    let mut offsets = vec![0.0; wires.len()];
    for ports in nodes.into_values() {
        let mean = |heights: &[f64]| heights.iter().map(|height| height / heights.len() as f64).sum::<f64>();
        let mut ordered: Vec<(f64, Vec<usize>)> =
            ports.into_values().map(|port| (mean(&port.heights), port.wires)).collect();
        ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
        let middle = (ordered.len() as f64 - 1.0) / 2.0;
        for (position, (_, wires)) in ordered.into_iter().enumerate() {
            for wire in wires {
                offsets[wire] = (position as f64 - middle) * PORT;
            }
        }
    }
    offsets
}

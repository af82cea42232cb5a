//! Which layer each node stands in, and the bends of lines that pass layers.

use super::Wire;

/// Nodes and bends by layer. Vertices below `nodes` are nodes, the others bends.
pub(super) struct Layers {
    pub(super) nodes: usize,
    /// The layer of each vertex.
    pub(super) of: Vec<usize>,
    /// The vertices of each layer, from top to bottom.
    pub(super) rows: Vec<Vec<usize>>,
    /// For each wire its way: from its start over bends to its end; empty for one that leads back.
    pub(super) ways: Vec<Vec<usize>>,
}

impl Layers {
    /// Gives each of `count` nodes a layer behind all that lead to it.
    pub(super) fn new(count: usize, wires: &[Wire]) -> Self {
        let back = back(count, wires);
        let forward: Vec<(usize, usize)> = wires
            .iter()
            .zip(&back)
            .filter(|(_, back)| !**back)
            .map(|(wire, _)| (wire.from, wire.to))
            .collect();
        let mut of: Vec<usize> = longest_paths(count, &forward);
        let mut rows = vec![Vec::new(); of.iter().max().map_or(0, |most| most + 1)];
        for (node, layer) in of.iter().enumerate() {
            rows[*layer].push(node);
        }
        let mut ways = Vec::with_capacity(wires.len());
        for wire in wires {
            let (first, last) = (of[wire.from], of[wire.to]);
            if first >= last {
                ways.push(Vec::new());
                continue;
            }
            let mut way = vec![wire.from];
            for (layer, row) in rows.iter_mut().enumerate().take(last).skip(first + 1) {
                row.push(of.len());
                way.push(of.len());
                of.push(layer);
            }
            way.push(wire.to);
            ways.push(way);
        }
        Self { nodes: count, of, rows, ways }
    }

    /// How many nodes and bends there are.
    pub(super) fn vertices(&self) -> usize {
        self.of.len()
    }

    /// How many layers a wire that leads back passes.
    pub(super) fn span(&self, wire: &Wire) -> usize {
        self.of[wire.from] - self.of[wire.to]
    }

    /// The steps of all ways from one layer to the next: (wire, vertex, vertex).
    pub(super) fn steps(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        let ways = self.ways.iter().enumerate();
        ways.flat_map(|(wire, way)| way.windows(2).map(move |step| (wire, step[0], step[1])))
    }
}

/// Which wires lead back: those that are marked, and those that close a cycle in depth-first order.
fn back(count: usize, wires: &[Wire]) -> Vec<bool> {
    let mut back: Vec<bool> = wires.iter().map(|wire| wire.back || wire.from == wire.to).collect();
    let mut leaving = vec![Vec::new(); count];
    let mut entered = vec![false; count];
    for (at, wire) in wires.iter().enumerate().filter(|(at, _)| !back[*at]) {
        leaving[wire.from].push(at);
        entered[wire.to] = true;
    }
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut state = vec![State::New; count];
    let (starts, others): (Vec<usize>, Vec<usize>) = (0..count).partition(|node| !entered[*node]);
    for start in starts.into_iter().chain(others) {
        if state[start] != State::New {
            continue;
        }
        let mut path = vec![(start, 0)];
        state[start] = State::Open;
        while let Some((node, next)) = path.last_mut() {
            let Some(wire) = leaving[*node].get(*next).copied() else {
                state[*node] = State::Done;
                path.pop();
                continue;
            };
            *next += 1;
            let to = wires[wire].to;
            match state[to] {
                State::New => {
                    state[to] = State::Open;
                    path.push((to, 0));
                }
                State::Open => back[wire] = true,
                State::Done => {}
            }
        }
    }
    back
}

/// The longest way to each node; a node that nothing leads to stands right before the first that it leads to.
fn longest_paths(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut waiting = vec![0_usize; count];
    let mut leaving = vec![Vec::new(); count];
    for (from, to) in edges {
        leaving[*from].push(*to);
        waiting[*to] += 1;
    }
    let sources: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    let mut layer = vec![0_usize; count];
    let mut ready = sources.clone();
    while let Some(node) = ready.pop() {
        for to in &leaving[node] {
            layer[*to] = layer[*to].max(layer[node] + 1);
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    for source in sources {
        if let Some(first) = leaving[source].iter().map(|to| layer[*to]).min() {
            layer[source] = first.saturating_sub(1);
        }
    }
    layer
}

//! Cycles: every way back must be marked; what is not marked is shown as a path.

use super::Issue;
use crate::workflow::{Document, Edge};

/// How many unmarked cycles are told.
const MAX_TOLD: usize = 20;

/// Unmarked cycles among `edges`, each as positions of nodes that lead to the next, the last to the first. No node is
/// in two of them: when these are mended, others may come to light.
pub(super) fn unmarked_cycles(count: usize, edges: &[Edge]) -> Vec<Vec<usize>> {
    let forward = || edges.iter().filter(|edge| edge.cycle.is_none());
    let mut waiting = vec![0_u32; count];
    let successors = Successors::new(count, forward());
    for edge in forward() {
        waiting[edge.to] += 1;
    }
    let mut open = vec![true; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    let mut cycles: Vec<Vec<usize>> = Vec::new();
    loop {
        while let Some(node) = ready.pop() {
            open[node] = false;
            for next in successors.of(node) {
                waiting[*next] -= 1;
                if waiting[*next] == 0 && open[*next] {
                    ready.push(*next);
                }
            }
        }
        let Some(first) = open.iter().position(|open| *open).filter(|_| cycles.len() < MAX_TOLD) else {
            return cycles;
        };
        let cycle = around(first, forward().filter(|edge| open[edge.from] && open[edge.to]), count);
        for node in &cycle {
            open[*node] = false;
        }
        ready.extend(&cycle);
        cycles.push(cycle);
    }
}

/// A cycle that is met by walking backwards from `node` over `edges`: every node left has a predecessor that is left.
fn around<'e>(mut node: usize, edges: impl Iterator<Item = &'e Edge>, count: usize) -> Vec<usize> {
    let mut predecessor = vec![usize::MAX; count];
    for edge in edges {
        predecessor[edge.to] = edge.from;
    }
    let mut seen = vec![usize::MAX; count];
    let mut walk = Vec::new();
    while seen[node] == usize::MAX {
        seen[node] = walk.len();
        walk.push(node);
        node = predecessor[node];
    }
    let mut cycle = walk.split_off(seen[node]);
    cycle.reverse();
    cycle
}

/// Which nodes each node leads to, in flat arrays.
struct Successors {
    start: Vec<usize>,
    to: Vec<usize>,
}

impl Successors {
    fn new<'e>(count: usize, edges: impl Iterator<Item = &'e Edge> + Clone) -> Self {
        let mut start = vec![0; count + 1];
        for edge in edges.clone() {
            start[edge.from + 1] += 1;
        }
        for i in 0..count {
            start[i + 1] += start[i];
        }
        let mut fill = start.clone();
        let mut to = vec![0; start[count]];
        for edge in edges {
            to[fill[edge.from]] = edge.to;
            fill[edge.from] += 1;
        }
        Self { start, to }
    }

    fn of(&self, node: usize) -> &[usize] {
        &self.to[self.start[node]..self.start[node + 1]]
    }
}

/// The issue of an unmarked cycle, with its path printed.
pub(super) fn unmarked_issue(path: &[usize], document: &Document) -> Issue {
    let mut ids: Vec<&str> = path.iter().map(|node| document.nodes[*node].id.as_str()).collect();
    ids.extend(ids.first().copied());
    Issue::error("cycle.unmarked", format!("these nodes wait for each other: {}", ids.join(" -> ")))
        .hint("mark the connection that leads back as a cycle with max_iterations, or remove it")
}

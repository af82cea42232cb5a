//! Cycles: every way back must be marked; what is not marked is shown as a path.

use super::Issue;
use crate::workflow::{Document, Edge};

/// The first unmarked cycle among `edges` as positions of nodes, each leading to the next and the last to the first.
pub(super) fn unmarked_cycle(count: usize, edges: &[Edge]) -> Option<Vec<usize>> {
    let forward = || edges.iter().filter(|edge| edge.cycle.is_none());
    let mut waiting = vec![0_u32; count];
    let successors = Successors::new(count, forward());
    for edge in forward() {
        waiting[edge.to] += 1;
    }
    let mut ready: Vec<usize> = (0..count).filter(|node| waiting[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = ready.pop() {
        done += 1;
        for next in successors.of(node) {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                ready.push(*next);
            }
        }
    }
    if done == count {
        return None;
    }
    // Every node left has a predecessor that is left: walking backwards must meet itself.
    let mut predecessor = vec![usize::MAX; count];
    for edge in forward().filter(|edge| waiting[edge.from] > 0 && waiting[edge.to] > 0) {
        predecessor[edge.to] = edge.from;
    }
    let mut seen = vec![usize::MAX; count];
    let mut walk = Vec::new();
    let mut node = (0..count).find(|node| waiting[*node] > 0)?;
    while seen[node] == usize::MAX {
        seen[node] = walk.len();
        walk.push(node);
        node = predecessor[node];
    }
    let mut path = walk.split_off(seen[node]);
    path.reverse();
    Some(path)
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

//! Which nodes are scheduled as one: strongly connected components (R. Tarjan, "Depth-first search and linear graph
//! algorithms", SIAM J. Comput. 1(2), 1972) become cycles, nodes joined by stream connections become pipelines.

use kailash_core::workflow::Edge;

/// Nodes that are scheduled as one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// A node by itself.
    Single(usize),
    /// Nodes that feed each other.
    Cycle(Vec<usize>),
    /// Nodes joined by stream connections.
    Pipeline(Vec<usize>),
}

impl Group {
    pub(super) fn nodes(&self) -> &[usize] {
        match self {
            Self::Single(node) => std::slice::from_ref(node),
            Self::Cycle(nodes) | Self::Pipeline(nodes) => nodes,
        }
    }
}

/// Groups `nodes` along `edges` (both ends inside). Fails with a node where a stream connection enters or leaves a cycle.
pub(super) fn group(count: usize, nodes: &[usize], edges: &[&Edge]) -> Result<Vec<Group>, usize> {
    let cyclic = edges.iter().any(|edge| edge.cycle.is_some());
    let streams = edges.iter().any(|edge| edge.stream);
    if !cyclic && !streams {
        return Ok(nodes.iter().map(|node| Group::Single(*node)).collect());
    }
    let component = if cyclic { components(count, nodes, edges) } else { identity(count) };
    let pipeline = pipelines(count, edges);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for node in nodes {
        members[component[*node]].push(*node);
    }
    let looped: Vec<bool> = {
        let mut looped = vec![false; count];
        for edge in edges {
            looped[component[edge.from]] |=
                component[edge.from] == component[edge.to] && edge.cycle.is_some();
        }
        looped
    };
    let mut crossed = vec![false; count];
    for edge in edges.iter().filter(|edge| edge.stream && component[edge.from] != component[edge.to]) {
        (crossed[edge.from], crossed[edge.to]) = (true, true);
    }
    let mut streamed: Vec<Vec<usize>> = vec![Vec::new(); count];
    for node in nodes {
        streamed[pipeline[*node]].push(*node);
    }
    let mut groups = Vec::new();
    for node in nodes {
        let (root, stream_root) = (component[*node], pipeline[*node]);
        if looped[root] {
            if members[root].first() == Some(node) {
                groups.push(Group::Cycle(members[root].clone()));
            }
            if crossed[*node] {
                return Err(*node);
            }
        } else if streamed[stream_root].len() > 1 {
            if streamed[stream_root].first() == Some(node) {
                groups.push(Group::Pipeline(streamed[stream_root].clone()));
            }
        } else {
            groups.push(Group::Single(*node));
        }
    }
    Ok(groups)
}

fn identity(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// For each node a representative of its strongly connected component; iterative, for long chains.
pub(super) fn components(count: usize, nodes: &[usize], edges: &[&Edge]) -> Vec<usize> {
    const NEW: usize = usize::MAX;
    let mut successors: Vec<Vec<usize>> = vec![Vec::new(); count];
    for edge in edges {
        successors[edge.from].push(edge.to);
    }
    let mut component = identity(count);
    let (mut index, mut low) = (vec![NEW; count], vec![NEW; count]);
    let (mut on_stack, mut stack, mut next) = (vec![false; count], Vec::new(), 0);
    for start in nodes.iter().copied() {
        if index[start] != NEW {
            continue;
        }
        let mut calls = vec![(start, 0)];
        while let Some((node, child)) = calls.pop() {
            if child == 0 {
                (index[node], low[node]) = (next, next);
                next += 1;
                stack.push(node);
                on_stack[node] = true;
            } else {
                low[node] = low[node].min(low[successors[node][child - 1]]);
            }
            let pending = successors[node][child..].iter().position(|s| index[*s] == NEW || on_stack[*s]);
            match pending {
                Some(ahead) => {
                    let at = child + ahead;
                    let successor = successors[node][at];
                    if index[successor] == NEW {
                        calls.push((node, at + 1));
                        calls.push((successor, 0));
                    } else {
                        low[node] = low[node].min(index[successor]);
                        calls.push((node, at + 1));
                    }
                }
                None if low[node] == index[node] => {
                    while let Some(member) = stack.pop() {
                        on_stack[member] = false;
                        component[member] = node;
                        if member == node {
                            break;
                        }
                    }
                }
                None => {}
            }
        }
    }
    component
}

/// For each node a representative of the nodes it is joined to by stream connections (union by path halving).
fn pipelines(count: usize, edges: &[&Edge]) -> Vec<usize> {
    let mut root = identity(count);
    fn find(root: &mut [usize], mut node: usize) -> usize {
        while root[node] != node {
            root[node] = root[root[node]];
            node = root[node];
        }
        node
    }
    for edge in edges.iter().filter(|edge| edge.stream) {
        let (a, b) = (find(&mut root, edge.from), find(&mut root, edge.to));
        root[a.max(b)] = a.min(b);
    }
    (0..count).map(|node| find(&mut root, node)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: usize, to: usize, cycle: Option<usize>, stream: bool) -> Edge {
        Edge { from, output: 0, path: None, to, input: 0, cycle, stream }
    }

    fn grouped(count: usize, edges: &[Edge]) -> Result<Vec<Group>, usize> {
        let nodes: Vec<usize> = (0..count).collect();
        group(count, &nodes, &edges.iter().collect::<Vec<_>>())
    }

    #[test]
    fn nodes_that_feed_each_other_are_one_cycle() {
        let edges = [
            edge(0, 1, None, false),
            edge(1, 2, None, false),
            edge(2, 1, Some(0), false),
            edge(2, 3, None, false),
        ];
        assert_eq!(
            grouped(4, &edges),
            Ok(vec![Group::Single(0), Group::Cycle(vec![1, 2]), Group::Single(3)])
        );
    }

    #[test]
    fn a_node_that_feeds_itself_is_a_cycle() {
        assert_eq!(grouped(1, &[edge(0, 0, Some(0), false)]), Ok(vec![Group::Cycle(vec![0])]));
    }

    #[test]
    fn nodes_joined_by_streams_are_one_pipeline() {
        let edges = [edge(0, 1, None, true), edge(1, 2, None, true), edge(3, 2, None, false)];
        assert_eq!(grouped(4, &edges), Ok(vec![Group::Pipeline(vec![0, 1, 2]), Group::Single(3)]));
    }

    #[test]
    fn a_stream_into_a_cycle_is_refused() {
        let edges = [edge(0, 1, None, true), edge(1, 2, None, false), edge(2, 1, Some(0), false)];
        assert_eq!(grouped(3, &edges), Err(1));
    }
}

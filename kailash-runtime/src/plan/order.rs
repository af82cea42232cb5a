//! The order of a scope's units: none comes before what it needs (A. B. Kahn, CACM 5(11), 1962).

use super::group::Group;

/// The positions of `groups` in such an order, where `edges` join nodes. Fails with a node of groups that wait for each
/// other.
pub(super) fn order(
    count: usize,
    groups: &[Group],
    edges: &(impl Iterator<Item = (usize, usize)> + Clone),
) -> Result<Vec<usize>, usize> {
    let mut group_of = vec![usize::MAX; count];
    for (at, group) in groups.iter().enumerate() {
        for node in group.nodes() {
            group_of[*node] = at;
        }
    }
    let crossing =
        || edges.clone().map(|(from, to)| (group_of[from], group_of[to])).filter(|(from, to)| from != to);
    let mut waits = vec![0_u32; groups.len()];
    let mut start = vec![0_usize; groups.len() + 1];
    for (from, to) in crossing() {
        start[from + 1] += 1;
        waits[to] += 1;
    }
    for at in 0..groups.len() {
        start[at + 1] += start[at];
    }
    let mut fill = start.clone();
    let mut successors = vec![0_usize; start[groups.len()]];
    for (from, to) in crossing() {
        successors[fill[from]] = to;
        fill[from] += 1;
    }
    let mut order: Vec<usize> = (0..groups.len()).filter(|group| waits[*group] == 0).collect();
    let mut done = 0;
    while let Some(group) = order.get(done).copied() {
        done += 1;
        for next in &successors[start[group]..start[group + 1]] {
            waits[*next] -= 1;
            if waits[*next] == 0 {
                order.push(*next);
            }
        }
    }
    if order.len() == groups.len() { Ok(order) } else { Err(groups[in_loop(&waits, crossing())].nodes()[0]) }
}

/// A group of a loop, and not one that only waits for it: walking back from any group that waits ends in a loop.
fn in_loop(waits: &[u32], edges: impl Iterator<Item = (usize, usize)>) -> usize {
    let mut before = vec![usize::MAX; waits.len()];
    for (from, to) in edges.filter(|(from, to)| waits[*from] > 0 && waits[*to] > 0) {
        before[to] = from;
    }
    let mut at = waits.iter().position(|waits| *waits > 0).unwrap_or_default();
    for _ in waits {
        at = before[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_the_loop_is_named_and_not_one_behind_it() {
        let groups = [Group::Single(3), Group::Pipeline(vec![0, 2]), Group::Single(1)];
        let edges = [(0, 1), (1, 2), (2, 3)];
        let stuck = order(4, &groups, &edges.into_iter());
        assert!(stuck == Err(0) || stuck == Err(1), "3 only waits for the loop: {stuck:?}");
    }

    #[test]
    fn an_order_puts_every_group_behind_what_it_needs() {
        let groups = [Group::Single(2), Group::Single(1), Group::Single(0)];
        assert_eq!(order(3, &groups, &[(0, 1), (1, 2)].into_iter()), Ok(vec![2, 1, 0]));
    }
}

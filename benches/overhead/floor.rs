//! The floor: boxed async nodes run one after another in topological order.

use std::{any::Any, future::Future, pin::Pin, sync::Arc};

type Datum = Arc<dyn Any + Send + Sync>;
type Node =
    Box<dyn Fn(&[Option<Datum>], &[usize]) -> Pin<Box<dyn Future<Output = Datum> + Send>> + Send + Sync>;

/// Nodes in topological order, each with the positions of those it takes from.
pub(crate) struct Graph(Vec<(Node, Vec<usize>)>);

fn add() -> Node {
    Box::new(|slots, from| {
        let inputs = from.iter().filter_map(|source| slots[*source].as_ref()?.downcast_ref::<i64>());
        let sum: i64 = inputs.sum();
        Box::pin(async move { Arc::new(sum + 1) as Datum })
    })
}

impl Graph {
    pub(crate) async fn run(&self) {
        let mut slots: Vec<Option<Datum>> = vec![None; self.0.len()];
        for (at, (node, from)) in self.0.iter().enumerate() {
            slots[at] = Some(node(&slots, from).await);
        }
        std::hint::black_box(slots);
    }
}

pub(crate) fn chain(length: usize) -> Graph {
    Graph((0..length).map(|i| (add(), if i == 0 { vec![] } else { vec![i - 1] })).collect())
}

pub(crate) fn fan(width: usize) -> Graph {
    let mut nodes = vec![(add(), vec![])];
    nodes.extend((0..width).map(|_| (add(), vec![0])));
    nodes.push((add(), (1..=width).collect()));
    Graph(nodes)
}

pub(crate) fn layered(edges: &[Vec<usize>]) -> Graph {
    Graph(edges.iter().map(|from| (add(), from.clone())).collect())
}

//! A validated workflow: names resolved to positions, configs read, every connection sound.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Dialect, Document};
use crate::{
    NodeConfig, Path, RegisteredType, Text, exec::NodeOptions, expr::Expr, format::write, validate::Issue,
};

/// A validated workflow. It exists only if it can run; cloning shares it.
#[derive(Clone)]
pub struct Workflow(Arc<Inner>);

struct Inner {
    number: u64,
    document: Arc<Document>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    cycles: Vec<Cycle>,
    warnings: Vec<Issue>,
    fingerprint: OnceLock<u128>,
}

/// A node of a validated workflow.
pub struct Node {
    /// Its id.
    pub id: Text,
    /// Its type.
    pub registered: Arc<RegisteredType>,
    /// Its config and ports.
    pub config: NodeConfig,
    /// How it is run.
    pub options: NodeOptions,
    /// The names of all its inputs: those of its ports, then open ones that are connected.
    pub inputs: Vec<Text>,
}

/// A connection of a validated workflow.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The position of the node it leaves.
    pub from: usize,
    /// The position of the output there.
    pub output: usize,
    /// The way into the output.
    pub path: Option<Path>,
    /// The position of the node it enters.
    pub to: usize,
    /// The position of the input in that node's `inputs`.
    pub input: usize,
    /// The position of the cycle it closes.
    pub cycle: Option<usize>,
    /// Whether items flow over it.
    pub stream: bool,
}

/// A cycle of a validated workflow.
#[derive(Debug)]
pub struct Cycle {
    /// Its id.
    pub id: Text,
    /// The most turns it may take.
    pub max_iterations: u32,
    /// Ends it when it holds.
    pub convergence: Option<Arc<Expr>>,
    /// Ends it when it no longer holds.
    pub condition: Option<Arc<Expr>>,
    /// The id of the cycle around it.
    pub parent: Option<Text>,
}

impl Workflow {
    pub(crate) fn new(
        document: Arc<Document>,
        nodes: Vec<Node>,
        edges: Vec<Edge>,
        cycles: Vec<Cycle>,
        warnings: Vec<Issue>,
    ) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(Inner {
            number,
            document,
            nodes,
            edges,
            cycles,
            warnings,
            fingerprint: OnceLock::new(),
        }))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.0.document.name
    }

    /// A number that no other workflow of this process has; clones share it.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// The first 128 bits of the BLAKE3 hash of its document in Kailash's own form: the same for the same content.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        *self.0.fingerprint.get_or_init(|| {
            let text = write(self.document(), Dialect::Own).and_then(|value| value.to_json());
            // A document that has no text (NaN in a config) is no other's equal.
            let Ok(text) = text else { return self.number().into() };
            blake3::hash(text.as_bytes())
                .as_bytes()
                .first_chunk()
                .map_or(0, |first| u128::from_le_bytes(*first))
        })
    }

    /// The document it was validated from.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.0.document
    }

    /// The nodes, in the document's order.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// The position of the node called `id`.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.0.nodes.iter().position(|node| node.id == id)
    }

    /// The connections, in the document's order.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.0.edges
    }

    /// The cycles.
    #[must_use]
    pub fn cycles(&self) -> &[Cycle] {
        &self.0.cycles
    }

    /// Problems that do not stop it.
    #[must_use]
    pub fn warnings(&self) -> &[Issue] {
        &self.0.warnings
    }
}

impl fmt::Debug for Workflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.nodes().iter().map(|node| &node.id).collect();
        f.debug_struct("Workflow").field("name", self.name()).field("nodes", &ids).finish_non_exhaustive()
    }
}

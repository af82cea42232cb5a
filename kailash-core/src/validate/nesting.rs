//! Workflows inside workflows: how deep they may stand, and how much they may add up to.

use std::{cell::Cell, rc::Rc};

use super::Issue;

/// How many workflows, or cycles, may stand in each other.
pub(super) const MAX_DEPTH: usize = 16;

/// What all inner workflows of a document may add up to: each counts as ten, and each of its nodes as one. A file that
/// names itself twice would else be read 2^16 times.
const MAX_INNER: usize = 100_000;

/// Where a workflow stands, and what is left for those inside it.
#[derive(Clone, Debug)]
pub struct Nesting {
    depth: usize,
    left: Rc<Cell<usize>>,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { depth: 0, left: Rc::new(Cell::new(MAX_INNER)) }
    }
}

impl Nesting {
    /// The place of a workflow inside one that stands here.
    #[must_use]
    pub fn inner(&self) -> Self {
        Self { depth: self.depth + 1, left: Rc::clone(&self.left) }
    }

    /// How many workflows are around.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Takes a workflow of `nodes` nodes in.
    pub(super) fn enter(&self, nodes: usize) -> Result<(), Issue> {
        if self.depth > MAX_DEPTH {
            let message = format!("workflows are nested more than {MAX_DEPTH} deep");
            return Err(Issue::error("workflow.depth", message));
        }
        if self.depth > 0 {
            let Some(left) = self.left.get().checked_sub(nodes + 10) else {
                let message = "the workflows inside this one add up to too much";
                return Err(Issue::error("workflow.inner.limit", message)
                    .hint("does a workflow hold itself more than once?"));
            };
            self.left.set(left);
        }
        Ok(())
    }
}

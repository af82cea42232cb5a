//! Workflows: as written (`Document`), as assembled (`WorkflowBuilder`), and validated (`Workflow`).

mod builder;
mod document;
mod graph;
mod params;

pub use builder::WorkflowBuilder;
pub use document::{ConnectionDraft, CycleDraft, Dialect, Document, NodeDraft};
pub use graph::{Cycle, Edge, Node, Workflow};
pub use params::Params;

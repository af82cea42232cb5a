//! Kailash: an edge workflow SDK. Build, validate and run workflows that keep working.
//!
//! This crate is the facade over the workspace and the home of the command line.

pub use kailash_core::{
    Array, Error, ErrorKind, Event, FormatVersion, Kind, Map, Numbers, Path, Registry, Result, Retry, RunId,
    RunStatus, Services, Text, UnitId, Value, Workflow, WorkflowBuilder, event, exec, expr, format,
    from_value, log, node, to_value, validate, value,
    workflow::{self, CycleDraft, Params},
};
pub use kailash_runtime::{
    End, Events, Fate, Happened, Hook, Journal, Keep, LocalRuntime, NodeError, NodeStatus, Past, Permit,
    Plan, Prepared, Results, RunControl, RunError, RunHandle, Runtime, Salvaged, Settings, Start, Summary,
    Unfinished, Wait, by_name,
};

#[cfg(feature = "parallel")]
pub use kailash_runtime::ParallelRuntime;

pub use kailash_nodes::register_all;

pub mod graph;
#[cfg(feature = "serve")]
pub mod host;
#[cfg(feature = "serve")]
pub mod http;
#[cfg(feature = "serde")]
pub mod json;

/// The services that the catalog's node types need, with files found relative to `folder`.
///
/// # Errors
/// None at present.
pub fn services_in(folder: impl Into<std::path::PathBuf>) -> Result<Services> {
    kailash_nodes::default_services_in(folder.into())
}

/// The guides' Rust blocks, as doc tests.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../guides/getting-started.md")]
    mod getting_started {}
    #[doc = include_str!("../guides/writing-a-node.md")]
    mod writing_a_node {}
    #[doc = include_str!("../guides/runtimes.md")]
    mod runtimes {}
    #[doc = include_str!("../guides/documents.md")]
    mod documents {}
    #[doc = include_str!("../guides/durability.md")]
    mod durability {}
    #[doc = include_str!("../guides/embedding.md")]
    mod embedding {}
    #[doc = include_str!("../guides/serving.md")]
    mod serving {}
    #[doc = include_str!("../guides/operating.md")]
    mod operating {}
    #[doc = include_str!("../guides/edge-coordination-guide.md")]
    mod edge_coordination {}
    #[doc = include_str!("../guides/edge-state-management-guide.md")]
    mod edge_state {}
    #[doc = include_str!("../README.md")]
    mod readme {}
}

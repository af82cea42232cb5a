//! The core of Kailash: values, the contract of nodes, workflows, documents, and the ports and policies of runs.
//!
//! Nothing here knows an async runtime or a network.
//!
//! ```text
//! document ──format──> WorkflowBuilder ──validate──> Workflow ──(kailash-runtime)──> plan, run
//!                            │                          │
//!                            └── registry: node types ──┘
//! ```

pub mod error;
pub mod event;
pub mod exec;
pub mod expr;
pub mod format;
pub mod id;
pub mod log;
pub mod node;
mod registry;
mod services;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod validate;
mod value;
pub mod version;
pub mod workflow;

pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{Event, RunStatus};
pub use id::{RunId, Step, UnitId};
pub use registry::{NodeConfig, RegisteredType, Registry, nearest};
pub use services::{Services, ServicesBuilder};
pub use value::{
    ARRAY_TAG, Array, BYTES_TAG, Kind, List, MAX_DEPTH, Map, Numbers, Path, Text, Value, from_value, to_value,
};
pub use version::FormatVersion;
pub use workflow::{Workflow, WorkflowBuilder};

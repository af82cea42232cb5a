//! The contract of nodes: what a type declares, what its body gets and gives, what it may ask of the run.

mod body;
mod context;
mod inputs;
mod outcome;
mod outputs;
mod scope;
mod spec;
mod stream;
mod types;

pub use body::{Body, BoxFuture, Lift, Run, RunAsync, Streaming, Whole};
pub use context::{Context, RunScope, UnitKey};
pub use inputs::Inputs;
pub use outcome::{Outcome, Wake, Woken};
pub use outputs::Outputs;
pub use scope::{Feed, OnItemError, Repeat, Scope, Tap};
pub use spec::{Effect, Input, Output, Ports, Requirement, Spec};
pub use stream::{Emit, Pressure, Progress, Source, SourceFactory, Stage, StageFactory};
pub(crate) use types::SharedNode;
pub use types::{BuildContext, Configured, NodeType, Setup};

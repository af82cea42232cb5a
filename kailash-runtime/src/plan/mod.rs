//! The plan: a workflow resolved once against a registry's types and a host's services, in indices and flat arrays.
//!
//! ```text
//! workflow ──group──> units in topological order ──wire──> slots, wires, successors
//!             │
//!             ├─ a cycle, a nested workflow, a foreach: a unit with a scope of its own
//!             └─ nodes joined by stream connections: one unit, run concurrently
//! ```
//! While a run goes on, nothing is looked up by name. Plans are shared by concurrent runs.

mod bind;
mod building;
mod compile;
mod cost;
mod group;
mod model;
mod order;
mod pipeline;
mod scope;
mod versions;

pub(crate) use bind::Bound;
pub use model::Plan;
pub(crate) use model::{
    CyclePlan, EachPlan, Form, InputPlan, Link, NestedPlan, PipelineMember, PipelinePlan, ScopePlan, Sources,
    TapPlan, Unit, Wire, WireFrom, Work,
};
pub(crate) use versions::Versions;

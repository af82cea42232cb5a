//! The contract of a node type: a config struct that can say what it is and build its body.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{Body, Effect, Ports, Spec};
use crate::{
    Map, Registry, Result, Services, Text,
    validate::{Issue, Nesting},
};

/// A node type. The implementing struct holds the *static* parameters: serde reads it from a document's config
/// (give it `#[serde(deny_unknown_fields)]`), its field docs become the JSON Schema. *Input* parameters are declared
/// by the spec and get their value at each run.
pub trait NodeType: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What the type declares about itself.
    fn spec() -> Spec;

    /// Checks the config beyond what serde can, and changes the ports that depend on it.
    ///
    /// # Errors
    /// A config that cannot work; several can be reported through [`Setup::issues`].
    fn configure(&mut self, _setup: &mut Setup<'_>) -> Result<()> {
        Ok(())
    }

    /// Builds the body, once for each plan. Nodes keep nothing between runs.
    ///
    /// # Errors
    /// A service in a state that cannot work.
    fn build(&self, cx: &BuildContext<'_>) -> Result<Body>;
}

/// What [`NodeType::configure`] sees and may change.
pub struct Setup<'a> {
    /// The registry, for types that hold a workflow.
    pub registry: &'a Registry,
    /// The config as the document has it, inputs included; what it says of an input may be replaced at a run.
    pub config: &'a Map,
    /// The ports, at first those of the spec.
    pub ports: Ports,
    /// What running the node does to the world, at first that of the spec.
    pub effect: Effect,
    /// Whether whoever it acts on remembers idempotency keys, at first what the spec says.
    pub honours_key: bool,
    /// Problems beyond the first, and warnings.
    pub issues: Vec<Issue>,
    /// Where the node's workflow stands.
    pub nesting: Nesting,
}

/// What [`NodeType::build`] sees.
pub struct BuildContext<'a> {
    /// The host's services.
    pub services: &'a Services,
    /// The node's id.
    pub node: &'a Text,
    /// The names of all inputs in the order in which the body sees them: those of the ports, then open ones.
    pub inputs: &'a [Text],
}

/// A config that was read and found good.
pub trait Configured: Send + Sync {
    /// Builds the body.
    ///
    /// # Errors
    /// As [`NodeType::build`].
    fn build(&self, cx: &BuildContext<'_>) -> Result<Body>;
}

impl<T: NodeType> Configured for T {
    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        NodeType::build(self, cx)
    }
}

/// A shared configured node.
pub(crate) type SharedNode = Arc<dyn Configured>;

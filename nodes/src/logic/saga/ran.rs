//! Tells a step whose action ran from one whose action was skipped.

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Input, NodeType, Output, Outputs, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Gives the outputs of an action; nothing if a branch not taken kept it from running.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ran {}

impl NodeType for Ran {
    fn spec() -> Spec {
        Spec::new("saga:ran", "logic", "Tells a step whose action ran from one whose action was skipped.")
            .inputs([Input::required("outputs", Kind::Any, "The outputs of the action, or null.")])
            .outputs([Output::new("ran", Kind::Map, "The outputs of the action.")])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        Ok(Body::inline(|mut inputs, _| {
            Ok(match inputs.value(0)? {
                Value::Null => Outputs::none(1),
                outputs => Outputs::one(outputs),
            }
            .into())
        }))
    }
}

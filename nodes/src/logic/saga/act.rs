//! What a step does, or how it is taken back: a node of some type, or a workflow.

use std::collections::BTreeMap;

use kailash_core::{
    Map, Text, Value,
    exec::{BreakerPolicy, NodeOptions, RetryPolicy},
    from_value,
    validate::Issue,
    value,
    workflow::NodeDraft,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a node that holds a workflow.
const WORKFLOW: &str = "Workflow";

/// What a step does, or how it is taken back: a node of some type, or a workflow.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Act {
    /// The node type.
    #[serde(default, rename = "type", alias = "node_type")]
    type_name: Option<String>,
    /// The config of the node.
    #[serde(default, alias = "parameters")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    config: Option<Map>,
    /// In place of `type`: a workflow, as a document in any form.
    #[serde(default, alias = "workflow_dict")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    workflow: Option<Value>,
    /// Inputs of the node, or `node.input` of the workflow, each with where its value comes from: `inputs.NAME` is an input
    /// of the saga, `STEP.OUTPUT` an output of the action of an earlier step. A compensation may also say `action.OUTPUT`,
    /// an output of its own action, `action`, all of them as a map, and `failure`, a map of `failed_step` and its `error`.
    /// Dot paths may follow.
    #[serde(default)]
    inputs: Option<BTreeMap<String, String>>,
    /// Try again when it fails. The step has failed when nothing is left to try.
    #[serde(default)]
    retry: Option<RetryPolicy>,
    /// Stop calling it while it keeps failing; the breaker is shared by all runs of a runtime.
    #[serde(default)]
    breaker: Option<BreakerPolicy>,
    /// The longest time for one attempt, in milliseconds.
    #[serde(default)]
    timeout_ms: Option<u64>,
}

impl Act {
    /// Reads it; a problem has its place inside `value`.
    pub(super) fn read(value: &Value) -> Result<Self, Issue> {
        let act: Self = from_value(value).map_err(|error| {
            let issue = Issue::from_error(&error);
            Issue { code: "config.invalid".into(), ..issue }
        })?;
        let problem = |message: &str| Err(Issue::error("saga.action", message));
        match (&act.type_name, &act.workflow) {
            (Some(_), None) => Ok(act),
            (None, Some(_)) if act.config.is_some() => {
                problem("a workflow has no `config`: its nodes have").map_err(|issue| issue.at("config"))
            }
            (None, Some(_)) if !act.options().is_default() => {
                problem("a workflow has no retries, breaker or time limit: its nodes have")
            }
            (None, Some(_)) => Ok(act),
            _ => problem("exactly one of `type` and `workflow` is needed"),
        }
    }

    /// Its inputs, each with where the value comes from.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.inputs.iter().flatten().map(|(name, origin)| (name.as_str(), origin.as_str()))
    }

    /// Whether it is a workflow of its own.
    pub(super) fn is_workflow(&self) -> bool {
        self.workflow.is_some()
    }

    fn options(&self) -> NodeOptions {
        let (retry, breaker) = (self.retry.clone(), self.breaker.clone());
        NodeOptions { retry, breaker, timeout_ms: self.timeout_ms }
    }

    /// The node that does it.
    pub(super) fn node(&self, id: &str) -> NodeDraft {
        let (type_name, config) = match &self.workflow {
            None => (self.type_name.as_deref().unwrap_or_default(), self.config.clone().unwrap_or_default()),
            Some(workflow) => {
                let mapping: Map = self.inputs().map(|(name, _)| (Text::from(name), name.into())).collect();
                let mut config = Map::new();
                config.insert("workflow", workflow.clone());
                config.insert("input_mapping", value!(mapping));
                (WORKFLOW, config)
            }
        };
        let (id, type_name) = (id.into(), type_name.into());
        NodeDraft { id, type_name, config, options: self.options(), ..NodeDraft::default() }
    }

    /// Where in this act the place `place` of its node is.
    pub(super) fn place(&self, place: &str) -> String {
        if !self.is_workflow() {
            return place.to_owned();
        }
        let place = place.strip_prefix("config.").unwrap_or(place);
        match place.strip_prefix("input_mapping") {
            Some(input) => format!("inputs{input}"),
            None => place.to_owned(),
        }
    }
}

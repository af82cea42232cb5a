//! The steps of a saga as its config has them.

use std::collections::HashSet;

use kailash_core::{Text, Value, from_value, validate::Issue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    act::Act,
    origin::{ACTION, FAILURE, INPUTS},
};

/// The longest id of a step, in bytes.
const MAX_ID: usize = 128;

/// A step of a saga.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepConfig {
    /// The id, unique among the steps.
    #[serde(alias = "step_id", alias = "name")]
    id: String,
    /// What the step does.
    #[schemars(with = "Act")]
    action: Value,
    /// How the step is taken back when a later one fails. Without it the step stays as it is.
    #[serde(default)]
    #[schemars(with = "Option<Act>")]
    compensation: Option<Value>,
}

/// A step that could be read, perhaps in part.
pub(super) struct Step {
    pub(super) id: Text,
    /// Where it stands in the config.
    pub(super) place: String,
    /// None if it could not be read.
    pub(super) action: Option<Act>,
    pub(super) compensation: Option<Act>,
}

/// Reads the steps; problems go to `issues`.
pub(super) fn read(steps: &[Value], issues: &mut Vec<Issue>) -> Vec<Step> {
    let mut ids = HashSet::new();
    let mut read = Vec::with_capacity(steps.len());
    for (index, value) in steps.iter().enumerate() {
        let place = format!("config.steps[{index}]");
        let config: StepConfig = match from_value(value) {
            Ok(config) => config,
            Err(error) => {
                let issue = Issue::from_error(&error);
                issues.push(within(Issue { code: "config.invalid".into(), ..issue }, &place));
                // The steps behind may name it.
                let id = value.get("id").and_then(Value::as_str).map(Text::from);
                read.extend(id.map(|id| Step { id, place, action: None, compensation: None }));
                continue;
            }
        };
        let mut id = Text::from(&config.id);
        if let Err(issue) = check_id(&id, &mut ids) {
            issues.push(issue.at(format!("{place}.id")));
            // Its problems are not those of another step.
            id = format!("{id}#{index}").into();
        }
        let mut act = |value: &Value, part: &str| match Act::read(value) {
            Ok(act) => Some(act),
            Err(issue) => {
                let issue = Issue { message: format!("step `{}`: {}", config.id, issue.message), ..issue };
                issues.push(within(issue, &format!("{place}.{part}")));
                None
            }
        };
        let action = act(&config.action, "action");
        let compensation = config.compensation.as_ref().filter(|value| !value.is_null());
        let compensation = compensation.and_then(|value| act(value, "compensation"));
        read.push(Step { id, place, action, compensation });
    }
    read
}

/// The same problem at its place inside `place`.
fn within(issue: Issue, place: &str) -> Issue {
    let place = match &issue.place {
        Some(inner) => format!("{place}.{inner}"),
        None => place.to_owned(),
    };
    issue.at(place)
}

fn check_id(id: &str, ids: &mut HashSet<String>) -> Result<(), Issue> {
    if id.is_empty() || id.len() > MAX_ID || id.contains(['.', ':', '/']) {
        let message = format!("the id of a step has 1 to {MAX_ID} bytes, and no `.`, `:` or `/`");
        return Err(Issue::error("saga.step.id", message));
    }
    if [INPUTS, ACTION, FAILURE].contains(&id) {
        return Err(Issue::error("saga.step.id", format!("a step may not be called `{id}`"))
            .hint("`inputs`, `action` and `failure` say where a value comes from"));
    }
    if !ids.insert(id.to_owned()) {
        return Err(Issue::error("saga.step.duplicate", format!("two steps are called `{id}`")));
    }
    Ok(())
}

//! Keeps the account of a saga that is taken back: why, what was compensated and what could not be.

use kailash_core::{
    ErrorKind, Kind, Map, Result, Text, Value, from_value,
    node::{Body, BuildContext, Input, NodeType, Output, Outputs, Spec},
    to_value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) const ERROR: &str = "error";
pub(super) const LATER: &str = "later";
pub(super) const DONE: &str = "done";
pub(super) const UNDO_ERROR: &str = "undo_error";
pub(super) const ACCOUNT: &str = "account";

/// The account of a saga that is taken back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Account {
    /// The step whose action failed.
    pub(super) failed_step: Text,
    /// Its error: kind, code, message and node.
    pub(super) error: Map,
    /// The steps that were compensated, in the order in which they were.
    pub(super) compensated: Vec<Text>,
    /// The steps whose compensation failed or was skipped, each with its error.
    pub(super) failed_compensations: Vec<Failed>,
}

/// A compensation that failed or was skipped.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Failed {
    /// The step.
    pub(super) step: Text,
    /// Why.
    pub(super) error: Map,
}

/// Opens the account where the action of a step failed, or adds to it what became of the step's compensation.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unwind {
    /// The step.
    step: String,
}

impl NodeType for Unwind {
    fn spec() -> Spec {
        Spec::new("saga:unwind", "logic", "Keeps the account of a saga that is taken back.")
            .inputs([
                Input::optional(ERROR, Kind::Map, "The error of the step's action."),
                Input::optional(LATER, Kind::Map, "The account so far, where a later step failed."),
                Input::optional(
                    DONE,
                    Kind::Any,
                    "What the step's compensation gave; null if it was skipped although the action ran.",
                ),
                Input::optional(UNDO_ERROR, Kind::Map, "The error of the step's compensation."),
            ])
            .outputs([Output::new(ACCOUNT, Kind::Map, "The account.")])
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let step = Text::from(&self.step);
        Ok(Body::inline(move |mut inputs, _| {
            if inputs.get(0).is_some() {
                let (compensated, failed_compensations) = (Vec::new(), Vec::new());
                let error = inputs.map(0)?;
                let opened = Account { failed_step: step.clone(), error, compensated, failed_compensations };
                return Ok(Outputs::one(to_value(&opened)?).into());
            }
            let mut account: Account = from_value(&inputs.value(1)?)?;
            match inputs.get(2) {
                Some(Value::Null) => {
                    account.failed_compensations.push(Failed { step: step.clone(), error: skipped() });
                }
                Some(_) => account.compensated.push(step.clone()),
                None => {}
            }
            if inputs.get(3).is_some() {
                account.failed_compensations.push(Failed { step: step.clone(), error: inputs.map(3)? });
            }
            Ok(Outputs::one(to_value(&account)?).into())
        }))
    }
}

/// The error of a compensation that did not run although its action did.
fn skipped() -> Map {
    let told = [
        ("kind", ErrorKind::Missing.as_str()),
        ("code", "saga.compensation_skipped"),
        ("message", "it was skipped, because what it gets has no value"),
    ];
    told.into_iter().map(|(name, text)| (Text::from(name), Value::from(text))).collect()
}

/// A field of an error that is told as a value.
pub(super) fn field<'e>(error: &'e Map, name: &str) -> &'e str {
    error.get(name).and_then(Value::as_str).unwrap_or_default()
}

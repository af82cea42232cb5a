//! The end of a saga: completed, compensated, or failed.

use kailash_core::{
    Error, ErrorKind, Kind, Map, Result, Retry, Text, Value, from_value,
    node::{Body, BuildContext, Input, Inputs, NodeType, Output, Outputs, Ports, Setup, Spec},
    value,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    coordinator::OnFailure,
    unwind::{ACCOUNT, Account, field},
};

pub(super) const COMPLETED: &str = "completed";
pub(super) const COMPENSATED: &str = "compensated";

/// Gives the results of all steps, or says that they were taken back.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Outcome {
    /// The steps; the results of each are the input by its id.
    steps: Vec<String>,
    /// What a saga that was taken back does.
    on_failure: OnFailure,
}

impl NodeType for Outcome {
    fn spec() -> Spec {
        Spec::new("saga:outcome", "logic", "Ends a saga.").outputs(outputs())
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let results = self.steps.iter().map(|step| Input::optional(step, Kind::Any, ""));
        // No step is called so: its id would have a colon.
        let account = Input::optional(&account_input(), Kind::Map, "");
        let inputs = [account].into_iter().chain(results).collect();
        setup.ports = Ports { inputs, ..setup.ports.clone() };
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let steps: Vec<Text> = self.steps.iter().map(Text::from).collect();
        let on_failure = self.on_failure;
        Ok(Body::inline(move |mut inputs, _| {
            if let Some(account) = inputs.take(0) {
                return compensated(&from_value(&account)?, on_failure).map(Into::into);
            }
            Ok(Outputs::one(results(&steps, &mut inputs)).into())
        }))
    }
}

/// The name of the input for the account of a saga that was taken back.
pub(super) fn account_input() -> String {
    format!(":{ACCOUNT}")
}

/// The outputs of a saga.
pub(super) fn outputs() -> [Output; 2] {
    [
        Output::new(
            COMPLETED,
            Kind::Map,
            "Where every step was done: for each step by id the outputs of its action by name, null for one that was skipped.",
        ),
        Output::new(
            COMPENSATED,
            Kind::Map,
            "Where a step failed and `on_failure` is branch: `failed_step`, its `error` (`kind`, `code`, `message`, `node`) \
             and `compensated`, the ids of the steps taken back, in that order.",
        ),
    ]
}

fn results(steps: &[Text], inputs: &mut Inputs) -> Map {
    let results = (1..).zip(steps).map(|(at, step)| (step.clone(), inputs.take(at).unwrap_or_default()));
    results.collect()
}

/// Whether an action that failed with `code` may have acted all the same: nobody knows, or it was a saga that stands in
/// part.
fn may_have_acted(code: &str) -> bool {
    code.ends_with(".in_doubt") || code == "saga.compensation_failed"
}

fn compensated(account: &Account, on_failure: OnFailure) -> Result<Outputs> {
    let Account { failed_step, error, compensated, failed_compensations } = account;
    let why = format!("step `{failed_step}` failed: {} [{}]", field(error, "message"), field(error, "code"));
    let done = if compensated.is_empty() { "none".to_owned() } else { compensated.join(", ") };
    let may_stand = may_have_acted(field(error, "code"));
    if !failed_compensations.is_empty() {
        let not: Vec<String> = failed_compensations
            .iter()
            .map(|failed| {
                format!(
                    "{} ({} [{}])",
                    failed.step,
                    field(&failed.error, "message"),
                    field(&failed.error, "code")
                )
            })
            .collect();
        let message = format!("{why}; compensated: {done}; not compensated: {}", not.join(", "));
        let ids: Vec<&str> = failed_compensations.iter().map(|failed| failed.step.as_str()).collect();
        let mut hint = format!("take back by hand what was done by: {}", ids.join(", "));
        if may_stand {
            hint.push_str(&format!("; look whether `{failed_step}` acted"));
        }
        return Err(Error::node("saga.compensation_failed", message)
            .with_retry(Retry::Never)
            .with_hint(hint));
    }
    if may_stand {
        let message = format!("{why}; it may have acted, and is not taken back; compensated: {done}");
        return Err(Error::node("saga.in_doubt", message)
            .with_retry(Retry::Never)
            .with_hint(format!("look whether `{failed_step}` acted, and take it back by hand if it did")));
    }
    if on_failure == OnFailure::Fail {
        let kind = error.get("kind").and_then(|kind| from_value(kind).ok()).unwrap_or(ErrorKind::Node);
        let error = Error::new(kind, "saga.failed", format!("{why}; compensated: {done}"));
        return Err(error
            .with_retry(Retry::Never)
            .with_hint("`on_failure: branch` makes this the output `compensated` instead"));
    }
    let compensated: Value = compensated.iter().cloned().map(Value::from).collect();
    let mut outputs = Outputs::none(2);
    outputs.set(
        1,
        value!({"failed_step": (failed_step.clone()), "error": (error.clone()), "compensated": compensated}),
    );
    Ok(outputs)
}

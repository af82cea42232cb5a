//! Leads a value to one of several outputs.
//!
//! ```text
//!                          ┌─ true_output           ┌─ case_a
//! input_data ─> condition ─┤           or, by cases ┼─ case_b
//!                          └─ false_output          └─ default
//! ```
//! A branch that is not taken is an output without a value: what hangs only on it is not run.

mod cases;
mod decide;

use std::sync::Arc;

use cases::Cases;
use decide::{Checked, Decision};
use kailash_core::{
    Error, Kind, Result, Value,
    expr::Expr,
    node::{Body, BuildContext, Input, Inputs, Lift, NodeType, Output, Outputs, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::compare::Operator;

const INPUT: usize = 0;
const FIELD: usize = 1;
const OPERATOR: usize = 2;
const VALUE: usize = 3;

/// Leads a value to `true_output` or `false_output`, or with `cases` to the output of the case that matches.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The cases, each with an output of its own: `case_` and the case as Python prints it, with `_` for blanks and
    /// hyphens and without other signs. What matches none goes to the output `default`.
    #[serde(default)]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    cases: Option<Vec<Value>>,
    /// What the names of the outputs of cases begin with.
    #[serde(default = "case_prefix")]
    case_prefix: String,
    /// The name of the output for what matches no case.
    #[serde(default = "default_field")]
    default_field: String,
    /// Whether there is an output `condition_result`: whether the condition holds, or the case that matched last.
    #[serde(default = "yes")]
    pass_condition_result: bool,
    /// Whether only the first case that matches is taken.
    #[serde(default = "yes")]
    break_after_first_match: bool,
    /// A condition in place of `condition_field`, `operator` and `value`: an expression that sees `input_data`, and its
    /// entries by name if it is a map. With `cases` it gives the value to compare.
    #[serde(default)]
    expression: Option<String>,
    #[serde(skip)]
    compiled: Option<Arc<Expr>>,
}

fn case_prefix() -> String {
    "case_".into()
}

fn default_field() -> String {
    "default".into()
}

fn yes() -> bool {
    true
}

fn output(name: &str, doc: &str) -> Output {
    Output::new(name, Kind::Any, doc).streaming()
}

fn result_output() -> Output {
    output("condition_result", "whether the condition holds; with cases, the case that matched last, or null")
}

impl Switch {
    fn cases(&self) -> Option<Cases> {
        let cases = self.cases.clone()?;
        Some(Cases {
            names: cases.iter().map(|case| cases::output_name(&self.case_prefix, case)).collect(),
            cases,
            first_only: self.break_after_first_match,
        })
    }

    fn ports(&self) -> Result<Vec<Output>> {
        let mut outputs: Vec<Output> = match self.cases() {
            None => vec![
                output("true_output", "the input, if the condition holds"),
                output("false_output", "the input, if the condition does not hold"),
            ],
            Some(cases) => {
                let doc = "the input, if it matches this case";
                let matched = cases.names.iter().map(|name| output(name, doc));
                matched.chain([output(&self.default_field, "the input, if it matches no case")]).collect()
            }
        };
        if self.pass_condition_result {
            outputs.push(result_output());
        }
        for (index, output) in outputs.iter().enumerate() {
            if outputs[..index].iter().any(|other| other.name == output.name) {
                let message = format!("two outputs would be called `{}`", output.name);
                return Err(Error::invalid("switch.outputs", message)
                    .at("cases")
                    .with_hint("cases must differ in letters or digits, and from `default_field`"));
            }
        }
        Ok(outputs)
    }
}

impl NodeType for Switch {
    fn spec() -> Spec {
        Spec::new("Switch", "logic", "Leads a value to one of several outputs, by a condition or by cases.")
            .inputs([
                Input::required("input_data", Kind::Any, "The value to lead on; a list with condition_field, item by item.")
                    .streaming(),
                Input::optional(
                    "condition_field",
                    Kind::Text,
                    "The field of a map, or dot path into it, to check instead of the value itself.",
                ),
                Input::with_default(
                    "operator",
                    Kind::Text,
                    "==",
                    "how to compare: == != > < >= <= contains in not_in starts_with ends_with is_null not_null",
                ),
                Input::optional("value", Kind::Any, "What to compare with, where there are no cases."),
            ])
            .outputs([
                output("true_output", "the input, if the condition holds; absent where there are cases"),
                output("false_output", "the input, if the condition does not hold; absent where there are cases"),
                result_output(),
            ])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if let Some(name) = setup.config.get("operator").and_then(Value::as_str) {
            name.parse::<Operator>().map_err(|error| error.at("operator"))?;
        }
        if let Some(source) = &self.expression {
            if setup.config.get("condition_field").is_some_and(|field| !field.is_null()) {
                return Err(Error::invalid(
                    "switch.condition",
                    "`expression` and `condition_field` exclude each other",
                ));
            }
            self.compiled = Some(Arc::new(Expr::compile(source).map_err(|error| error.at("expression"))?));
        }
        if self.cases.as_ref().is_some_and(Vec::is_empty) {
            self.cases = None;
        }
        setup.ports.outputs = self.ports()?.into();
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let (cases, expression) = (self.cases(), self.compiled.clone());
        let passes_result = self.pass_condition_result;
        let body = Body::compute(move |mut inputs: Inputs, _| {
            let operator = match inputs.get(OPERATOR).and_then(Value::as_str) {
                Some(name) => name.parse()?,
                None => Operator::default(),
            };
            let field = inputs.get(FIELD).and_then(Value::as_str).filter(|field| !field.is_empty());
            let checked = match (&expression, field) {
                (Some(expression), _) => Checked::Expression(Arc::clone(expression)),
                (None, Some(field)) => Checked::Field(field.into()),
                (None, None) => Checked::Whole,
            };
            let against = inputs.take(VALUE).unwrap_or_default();
            let decision = Decision { checked, operator };
            let (branches, result) = decision.branches(inputs.value(INPUT)?, cases.as_ref(), &against)?;
            let result = passes_result.then_some(Some(result));
            Ok(branches.into_iter().chain(result).collect::<Outputs>().into())
        });
        Ok(body.with_lift(Lift::PerItem))
    }
}

#[cfg(test)]
mod tests;

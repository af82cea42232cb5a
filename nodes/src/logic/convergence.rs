//! Says whether a value that is computed over and over has converged.
//!
//! Nodes keep nothing between the turns of a cycle: what a mode needs of earlier turns is the input `history`, which a
//! cycle feeds from the output `history`.

use std::sync::Arc;

use kailash_core::{
    Error, Kind, Map, Result, Value,
    expr::Expr,
    node::{Body, BuildContext, Input, Inputs, NodeType, Output, Outputs, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

const VALUE: usize = 0;
const THRESHOLD: usize = 1;
const MODE: usize = 2;
const HISTORY: usize = 3;
const STABILITY_WINDOW: usize = 4;
const MIN_VARIANCE: usize = 5;
const IMPROVEMENT_WINDOW: usize = 6;
const MIN_IMPROVEMENT: usize = 7;
const DATA: usize = 8;

/// Says whether a value has converged: reached a threshold, become stable, ceased to improve, or met a condition.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConvergenceChecker {
    /// The condition of mode expression; it sees `value`, `threshold`, `history` (this value last) and `data`.
    #[serde(default)]
    expression: Option<String>,
    #[serde(skip)]
    compiled: Option<Arc<Expr>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Threshold,
    Stability,
    Improvement,
    Combined,
    Expression,
}

impl std::str::FromStr for Mode {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Ok(match name {
            "threshold" => Self::Threshold,
            "stability" => Self::Stability,
            "improvement" => Self::Improvement,
            "combined" => Self::Combined,
            "expression" | "custom" => Self::Expression,
            other => {
                return Err(Error::invalid("convergence.mode", format!("unknown mode `{other}`"))
                    .with_hint("one of: threshold stability improvement combined expression"));
            }
        })
    }
}

impl NodeType for ConvergenceChecker {
    fn spec() -> Spec {
        Spec::new("ConvergenceChecker", "logic", "Says whether a value that a cycle computes has converged.")
            .inputs([
                Input::required("value", Kind::Number, "The value of this turn."),
                Input::with_default("threshold", Kind::Number, 0.8, "mode threshold: converged when the value is at least this"),
                Input::with_default(
                    "mode",
                    Kind::Text,
                    "threshold",
                    "threshold, stability, improvement, combined (threshold and stability) or expression (also: custom)",
                ),
                Input::optional("history", Kind::List, "The values of earlier turns: feed it from the output `history`."),
                Input::with_default("stability_window", Kind::Int, 3_i64, "how many of the last values must be stable, from 2"),
                Input::with_default("min_variance", Kind::Number, 0.001, "mode stability: the largest variance that is stable"),
                Input::with_default("improvement_window", Kind::Int, 5_i64, "over how many of the last values change is measured, from 2"),
                Input::with_default(
                    "min_improvement",
                    Kind::Number,
                    0.01,
                    "mode improvement: converged when first and last value of the window differ by less",
                ),
                Input::optional("data", Kind::Any, "Anything to pass on."),
            ])
            .outputs([
                Output::new("converged", Kind::Bool, "Whether the value has converged."),
                Output::new("reason", Kind::Text, "Why, for people."),
                Output::new("value", Kind::Number, "The value of this turn."),
                Output::new("history", Kind::List, "The last values, this one last; as many as the larger window."),
                Output::new("data", Kind::Any, "What came in as `data`, or null."),
            ])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if let Some(source) = &self.expression {
            self.compiled = Some(Arc::new(Expr::compile(source).map_err(|error| error.at("expression"))?));
        }
        if let Some(mode) = setup.config.get("mode").and_then(Value::as_str) {
            let mode = mode.parse::<Mode>().map_err(|error| error.at("mode"))?;
            if mode == Mode::Expression && self.compiled.is_none() {
                return Err(without_expression());
            }
        }
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let expression = self.compiled.clone();
        Ok(Body::compute(move |inputs: Inputs, _| {
            let mut turn = Turn::read(&inputs)?;
            let (converged, reason) = turn.check(expression.as_deref())?;
            let keep = turn.stability_window.max(turn.improvement_window);
            let history = turn.history.split_off(turn.history.len().saturating_sub(keep));
            let outputs = [
                Value::Bool(converged),
                reason.into(),
                inputs.get(VALUE).cloned().unwrap_or_default(),
                history.into_iter().map(Value::from).collect(),
                turn.data,
            ];
            Ok(outputs.into_iter().map(Some).collect::<Outputs>().into())
        }))
    }
}

/// What one turn knows.
struct Turn {
    value: f64,
    threshold: f64,
    mode: Mode,
    /// The values so far, this one last.
    history: Vec<f64>,
    stability_window: usize,
    min_variance: f64,
    improvement_window: usize,
    min_improvement: f64,
    data: Value,
}

impl Turn {
    fn read(inputs: &Inputs) -> Result<Self> {
        let number = |index, default| Ok::<_, Error>(inputs.number(index)?.unwrap_or(default));
        let window = |index, name: &str, default| {
            let given = inputs.int(index)?.unwrap_or(default);
            usize::try_from(given).ok().filter(|window| (2..=10_000).contains(window)).ok_or_else(|| {
                Error::invalid("convergence.window", format!("{name} is {given}, but must be 2 to 10000"))
            })
        };
        let value =
            inputs.number(VALUE)?.ok_or_else(|| Error::missing("input.absent", "there is no value"))?;
        let mut history = match inputs.get(HISTORY) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(array)) => {
                (0..array.len()).filter_map(|i| array.numbers().get(i)?.as_f64()).collect()
            }
            Some(list) => {
                let items = list.as_list().unwrap_or_default().iter().map(Value::as_f64);
                items
                    .collect::<Option<Vec<f64>>>()
                    .ok_or_else(|| Error::invalid("input.kind", "history must be a list of numbers"))?
            }
        };
        history.push(value);
        Ok(Self {
            value,
            threshold: number(THRESHOLD, 0.8)?,
            mode: inputs.get(MODE).and_then(Value::as_str).map_or(Ok(Mode::Threshold), str::parse)?,
            history,
            stability_window: window(STABILITY_WINDOW, "stability_window", 3)?,
            min_variance: number(MIN_VARIANCE, 0.001)?,
            improvement_window: window(IMPROVEMENT_WINDOW, "improvement_window", 5)?,
            min_improvement: number(MIN_IMPROVEMENT, 0.01)?,
            data: inputs.get(DATA).cloned().unwrap_or_default(),
        })
    }

    fn check(&self, expression: Option<&Expr>) -> Result<(bool, String)> {
        Ok(match self.mode {
            Mode::Threshold => self.threshold(),
            Mode::Stability => self.stability(),
            Mode::Improvement => self.improvement(),
            Mode::Combined => {
                let ((reached, first), (stable, second)) = (self.threshold(), self.stability());
                (reached && stable, format!("{first}; {second}"))
            }
            Mode::Expression => {
                let expression = expression.ok_or_else(without_expression)?;
                let mut variables = Map::new();
                variables.insert("value", self.value);
                variables.insert("threshold", self.threshold);
                variables.insert("history", self.history.iter().copied().map(Value::from).collect::<Value>());
                variables.insert("data", self.data.clone());
                let holds = expression.holds(variables)?;
                (
                    holds,
                    format!("`{}` {}", expression.source(), if holds { "holds" } else { "does not hold" }),
                )
            }
        })
    }

    fn threshold(&self) -> (bool, String) {
        let reached = self.value >= self.threshold;
        let sign = if reached { ">=" } else { "<" };
        (reached, format!("value {} {sign} threshold {}", self.value, self.threshold))
    }

    fn stability(&self) -> (bool, String) {
        let Some(window) = self.window(self.stability_window) else {
            return (false, self.too_few(self.stability_window));
        };
        #[expect(clippy::cast_precision_loss, reason = "a window has at most 10000 values")]
        let count = window.len() as f64;
        let mean = window.iter().sum::<f64>() / count;
        let variance = window.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
        let stable = variance <= self.min_variance;
        let sign = if stable { "<=" } else { ">" };
        (stable, format!("variance {variance} {sign} {} over {} values", self.min_variance, window.len()))
    }

    fn improvement(&self) -> (bool, String) {
        let Some([first, .., last]) = self.window(self.improvement_window) else {
            return (false, self.too_few(self.improvement_window));
        };
        let change = (last - first).abs();
        let ceased = change < self.min_improvement;
        let sign = if ceased { "<" } else { ">=" };
        (
            ceased,
            format!(
                "change {change} {sign} {} over {} values",
                self.min_improvement, self.improvement_window
            ),
        )
    }

    fn window(&self, length: usize) -> Option<&[f64]> {
        self.history.len().checked_sub(length).map(|start| &self.history[start..])
    }

    fn too_few(&self, wanted: usize) -> String {
        format!("{} of {wanted} values so far", self.history.len())
    }
}

fn without_expression() -> Error {
    Error::invalid("convergence.expression", "mode expression needs `expression`")
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;

    async fn run(config: Value, given: Value) -> Result<Map> {
        NodeTest::new::<ConvergenceChecker>(config, &Services::default())?.run(given).await
    }

    /// Feeds `values` one by one as a cycle would, and says at which the node converged.
    async fn cycle(config: Value, values: &[f64]) -> Option<usize> {
        let node = NodeTest::new::<ConvergenceChecker>(config, &Services::default()).unwrap();
        let mut history = value!([]);
        for (turn, value) in values.iter().enumerate() {
            let outputs = node.run(value!({"value": (*value), "history": history})).await.unwrap();
            history = outputs.get("history").cloned().unwrap();
            if outputs.get("converged") == Some(&value!(true)) {
                return Some(turn);
            }
        }
        None
    }

    #[tokio::test]
    async fn a_value_at_the_threshold_has_converged() {
        let outputs = run(value!({}), value!({"value": 0.8, "data": [1]})).await.unwrap();
        assert_eq!(outputs.get("converged"), Some(&value!(true)));
        assert_eq!(outputs.get("data"), Some(&value!([1])));
        assert_eq!(outputs.get("reason"), Some(&value!("value 0.8 >= threshold 0.8")));
        let outputs = run(value!({"threshold": 2}), value!({"value": 1})).await.unwrap();
        assert_eq!(outputs.get("converged"), Some(&value!(false)));
    }

    #[tokio::test]
    async fn a_value_that_stands_still_becomes_stable_over_a_cycle() {
        let config = value!({"mode": "stability"});
        assert_eq!(cycle(config.clone(), &[1.0, 0.5, 0.25, 0.25, 0.25]).await, Some(4));
        assert_eq!(cycle(config, &[1.0, 1.0]).await, None, "two values are too few");
    }

    #[tokio::test]
    async fn a_value_that_ceases_to_improve_has_converged() {
        let config = value!({"mode": "improvement", "improvement_window": 2});
        assert_eq!(cycle(config, &[1.0, 0.5, 0.3, 0.299]).await, Some(3));
    }

    #[tokio::test]
    async fn history_is_no_longer_than_the_larger_window() {
        let given = value!({"value": 9, "history": [1, 2, 3, 4, 5, 6, 7, 8]});
        let outputs = run(value!({}), given).await.unwrap();
        assert_eq!(outputs.get("history"), Some(&value!([5.0, 6.0, 7.0, 8.0, 9.0])));
    }

    #[tokio::test]
    async fn an_expression_decides() {
        let config = value!({"mode": "expression", "expression": "value < 0.1 and history|length > 1"});
        assert_eq!(cycle(config, &[0.05, 0.05]).await, Some(1));
        let error = run(value!({"mode": "custom"}), value!({"value": 1})).await.unwrap_err();
        assert!(error.message().contains("convergence.expression"), "{error}");
    }

    #[tokio::test]
    async fn an_unknown_mode_or_a_window_of_one_is_refused() {
        let error = run(value!({"mode": "magic"}), value!({"value": 1})).await.unwrap_err();
        assert!(error.message().contains("convergence.mode"), "{error}");
        let error = run(value!({"stability_window": 1}), value!({"value": 1})).await.unwrap_err();
        assert_eq!(error.code(), "convergence.window");
    }
}

//! Applies a list of Python transformations to a value, one after another.

use kailash_core::{
    Error, Kind, Result,
    node::{Body, BuildContext, Input, NodeType, Output, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    SandboxMode,
    python::{Mode, PythonPool},
    script::{SERVICE, Script, time_limit},
};

/// Applies Python lambdas, expressions or statements to `data`, each to what the one before it gave.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataTransformer {
    /// The sources, in order. A lambda of one parameter is applied to each item of a list; another expression sees the
    /// value so far as `data` and `x`; statements set `result`.
    #[serde(default)]
    transformations: Vec<String>,
    /// How far the code is trusted. Restricted code has no files, sockets or processes.
    #[serde(default)]
    sandbox_mode: SandboxMode,
    /// Seconds one run may take; the default is that of the host's Python pool, 30.
    #[serde(default)]
    timeout: Option<f64>,
}

impl NodeType for DataTransformer {
    fn spec() -> Spec {
        Spec::new(
            "DataTransformer",
            "code",
            "Applies Python lambdas or statements to a value, one after another.",
        )
        .inputs([Input::optional("data", Kind::Any, "The value that the first transformation gets.")])
        .open_inputs()
        .outputs([Output::new("result", Kind::Any, "What the last transformation gave.")])
        .requires::<PythonPool>(SERVICE)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.effect = self.sandbox_mode.effect();
        time_limit(self.timeout, setup);
        match self.transformations.iter().position(|source| source.trim().is_empty()) {
            Some(index) => {
                Err(Error::invalid("python.empty", "there is no code")
                    .at(format!("transformations[{index}]")))
            }
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let code = serde_json::to_string(&self.transformations)
            .map_err(|error| Error::internal(format!("transformations as JSON: {error}")))?;
        let timeout = self.timeout.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
        Script { code: code.into(), mode: Mode::Transform, sandbox: self.sandbox_mode, timeout }.body(cx)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, Value, testing::NodeTest, value};

    use super::*;
    use crate::code::python::PythonSettings;

    async fn run(transformations: Value) -> Result<Value> {
        let services = Services::builder().with(PythonPool::new(PythonSettings::default())).unwrap().build();
        let config = value!({"transformations": transformations, "data": [1, 2, 3]});
        let node = NodeTest::new::<DataTransformer>(config, &services)?;
        Ok(node.run(value!({})).await?.remove("result").unwrap())
    }

    #[tokio::test]
    async fn a_lambda_is_applied_to_each_item() {
        assert_eq!(run(value!(["lambda x: x*2"])).await.unwrap(), value!([2, 4, 6]));
    }

    #[tokio::test]
    async fn transformations_follow_each_other() {
        assert_eq!(
            run(value!(["lambda x: x*2", "sum(data)", "result = {'sum': data}"])).await.unwrap(),
            value!({"sum": 12})
        );
    }

    #[tokio::test]
    async fn none_gives_the_data_as_it_was() {
        assert_eq!(run(value!([])).await.unwrap(), value!([1, 2, 3]));
    }

    #[tokio::test]
    async fn an_empty_source_is_refused_with_its_position() {
        let error = run(value!(["x", " "])).await.unwrap_err();
        assert!(error.message().contains("there is no code"), "{error}");
    }
}

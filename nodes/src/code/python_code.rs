//! Runs Python source with the node's inputs as its variables.

use kailash_core::{
    Result,
    node::{Body, BuildContext, NodeType, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    SandboxMode,
    python::Mode,
    script::{self, Script, check_source, time_limit},
};

/// Runs Python statements; what they assign to `result` is the output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonCode {
    /// The Python statements. Every input is a variable of its name; an input that is absent is not defined.
    code: String,
    /// A label for people.
    #[serde(default)]
    #[expect(dead_code, reason = "for people: it stands in the document")]
    name: Option<String>,
    /// What the code is for, for people.
    #[serde(default)]
    #[expect(dead_code, reason = "for people: it stands in the document")]
    description: Option<String>,
    /// How far the code is trusted. Restricted code has no files, sockets or processes.
    #[serde(default)]
    sandbox_mode: SandboxMode,
    /// Seconds one run may take; the default is that of the host's Python pool, 30.
    #[serde(default)]
    timeout: Option<f64>,
    /// Longer code is reported with a warning.
    #[serde(default)]
    max_code_lines: Option<usize>,
    /// Has no effect: the sandbox that `sandbox_mode` names is always on, whatever the code says.
    #[serde(default)]
    #[expect(dead_code, reason = "accepted so that exports can be read; the sandbox is always on")]
    validate_security: bool,
    #[serde(default)]
    #[schemars(skip)]
    function: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    class_type: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    process_method: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    input_types: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    output_type: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    input_schema: Option<Json>,
    #[serde(default)]
    #[schemars(skip)]
    output_schema: Option<Json>,
}

impl PythonCode {
    /// Parameters that name Python objects, which no document can carry.
    fn unsupported(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("function", &self.function),
            ("class_type", &self.class_type),
            ("process_method", &self.process_method),
            ("input_types", &self.input_types),
            ("output_type", &self.output_type),
            ("input_schema", &self.input_schema),
            ("output_schema", &self.output_schema),
        ];
        given.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name)
    }
}

impl NodeType for PythonCode {
    fn spec() -> Spec {
        let summary = "runs Python statements and gives what they assign to `result`";
        script::spec("PythonCode", summary)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.effect = self.sandbox_mode.effect();
        time_limit(self.timeout, setup);
        check_source(&self.code, self.max_code_lines, setup);
        for name in self.unsupported() {
            let issue = Issue::error("python.unsupported", format!("PythonCode has no `{name}`"));
            setup.issues.push(issue.at(format!("config.{name}")).hint("put the source into `code`"));
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let timeout = self.timeout.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
        let code = self.code.as_str().into();
        Script { code, mode: Mode::Exec, sandbox: self.sandbox_mode, timeout }.body(cx)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{
        Error, ErrorKind, Registry, Services, Value,
        node::Effect,
        testing::NodeTest,
        validate::{Issues, Severity},
        value,
    };

    use super::*;
    use crate::code::python::{PythonPool, PythonSettings};

    fn services() -> Services {
        Services::builder().with(PythonPool::new(PythonSettings::default())).unwrap().build()
    }

    async fn run(config: Value, given: Value) -> Result<Value> {
        let mut registry = Registry::new();
        registry.register::<PythonCode>()?;
        let names: Vec<String> = given.as_map().unwrap().keys().map(ToString::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let node = NodeTest::from_registry(&registry, "PythonCodeNode", config, &services(), &names)?;
        Ok(node.run(given).await?.get("result").cloned().unwrap())
    }

    #[tokio::test]
    async fn inputs_are_variables_and_result_is_the_output() {
        let result =
            run(value!({"code": "result = {'out': [x * 2 for x in xs]}"}), value!({"xs": [1, 2, 3]})).await;
        assert_eq!(result.unwrap(), value!({"out": [2, 4, 6]}));
    }

    #[tokio::test]
    async fn bytes_go_to_python_and_back() {
        let given = value!({"data": (Value::bytes(vec![1_u8, 2, 255]))});
        assert_eq!(
            run(value!({"code": "result = data[::-1]"}), given).await.unwrap(),
            Value::bytes(vec![255_u8, 2, 1])
        );
    }

    #[tokio::test]
    async fn an_exception_is_a_node_error_with_its_line() {
        let error = run(value!({"code": "x = 1\nresult = x / 0"}), value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Node, "python.raised"));
        assert_eq!(error.place(), Some("code line 2"));
        assert!(error.message().contains("division by zero"), "{error}");
    }

    #[tokio::test]
    async fn an_absent_input_is_undefined_and_the_hint_says_how_to_give_it() {
        let error = run(value!({"code": "result = nothing"}), value!({})).await.unwrap_err();
        assert_eq!(error.code(), "python.raised");
        assert!(error.hint().unwrap().contains("`nothing`"), "{error:?}");
    }

    #[tokio::test]
    async fn restricted_code_is_denied_files() {
        let code = "result = open('/etc/hostname').read()";
        let error = run(value!({"code": code}), value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Denied, "python.denied"), "{error:?}");
    }

    #[tokio::test]
    async fn trusted_code_reads_files() {
        let code = "result = open('/proc/self/comm').read() != ''";
        let result = run(value!({"code": code, "sandbox_mode": "trusted"}), value!({})).await;
        assert_eq!(result.unwrap(), value!(true));
    }

    #[tokio::test]
    async fn code_that_runs_too_long_times_out() {
        let config = value!({"code": "while True: pass", "timeout": 0.2});
        let error = run(config, value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "python.timeout"));
    }

    #[tokio::test]
    async fn syntax_errors_and_a_missing_result_are_invalid() {
        let error = run(value!({"code": "result = = 1"}), value!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "python.syntax"));
        let error = run(value!({"code": "x = 1"}), value!({})).await.unwrap_err();
        assert_eq!(error.code(), "python.no_result");
    }

    #[tokio::test]
    async fn an_input_without_a_json_form_is_named() {
        let error = run(value!({"code": "result = 1"}), value!({"x": (f64::NAN)})).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("python.value", Some("input x")));
    }

    #[test]
    fn a_host_without_a_pool_is_told_so() {
        let error = NodeTest::new::<PythonCode>(value!({"code": "result = 1"}), &Services::default()).err();
        assert_eq!(error.as_ref().map(Error::code), Some("service.missing"));
    }

    #[test]
    fn trusted_code_is_effectful_and_long_code_is_warned_of() {
        let mut registry = Registry::new();
        registry.register::<PythonCode>().unwrap();
        let configure = |config: Value| {
            registry.get("PythonCode").unwrap().configure(
                &config.into_map().unwrap(),
                &registry,
                &kailash_core::validate::Nesting::default(),
            )
        };
        let node = configure(value!({"code": "a = 1\nresult = a", "max_code_lines": 1})).unwrap();
        assert_eq!((node.effect, node.warnings[0].severity), (Effect::Pure, Severity::Warning));
        let node = configure(value!({"code": "result = 1", "sandbox_mode": "trusted"})).unwrap();
        assert_eq!(node.effect, Effect::Effectful);
    }

    #[test]
    fn parameters_that_name_python_objects_are_refused_all_at_once() {
        let mut registry = Registry::new();
        registry.register::<PythonCode>().unwrap();
        let config =
            value!({"code": "", "function": "f", "output_schema": {}, "timeout": (-1), "class_type": null});
        let issues = registry
            .get("PythonCode")
            .unwrap()
            .configure(config.as_map().unwrap(), &registry, &kailash_core::validate::Nesting::default())
            .unwrap_err();
        let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
        assert_eq!(codes, ["config.timeout", "python.empty", "python.unsupported", "python.unsupported"]);
        assert!(Error::from(Issues(issues)).message().contains("`function`"));
    }
}

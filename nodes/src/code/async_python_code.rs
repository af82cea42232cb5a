//! Runs Python source that may await.

use kailash_core::{
    Result,
    node::{Body, BuildContext, NodeType, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    SandboxMode,
    python::Mode,
    script::{self, Script, check_source, time_limit},
};

/// Runs Python statements in an event loop; what they assign to `result` is the output.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AsyncPythonCode {
    /// The Python statements, which may use `await`. Every input is a variable of its name; an input that is absent is
    /// not defined.
    code: String,
    /// What the code is for, for people.
    #[serde(default)]
    #[expect(dead_code, reason = "for people: it stands in the document")]
    description: Option<String>,
    /// How far the code is trusted. Restricted code has no files, sockets or processes.
    #[serde(default)]
    sandbox_mode: SandboxMode,
    /// Seconds one run may take.
    #[serde(default = "default_timeout")]
    timeout: f64,
    /// Has no effect: the code starts its own tasks. Another value than the default 10 is reported with a warning.
    #[serde(default = "default_tasks")]
    max_concurrent_tasks: u32,
    /// Longer code is reported with a warning.
    #[serde(default)]
    max_code_lines: Option<usize>,
    /// Has no effect: the sandbox that `sandbox_mode` names is always on, whatever the code says.
    #[serde(default)]
    #[expect(dead_code, reason = "accepted so that exports can be read; the sandbox is always on")]
    validate_security: bool,
}

fn default_timeout() -> f64 {
    30.0
}

fn default_tasks() -> u32 {
    10
}

impl NodeType for AsyncPythonCode {
    fn spec() -> Spec {
        let summary = "runs Python statements that may await, and gives what they assign to `result`";
        script::spec("AsyncPythonCode", summary)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.effect = self.sandbox_mode.effect();
        time_limit(Some(self.timeout), setup);
        check_source(&self.code, self.max_code_lines, setup);
        if self.max_concurrent_tasks != default_tasks() {
            let issue = Issue::warning("python.no_effect", "`max_concurrent_tasks` has no effect here");
            setup.issues.push(
                issue
                    .at("config.max_concurrent_tasks")
                    .hint("limit the tasks in the code with asyncio.Semaphore"),
            );
        }
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let timeout = std::time::Duration::try_from_secs_f64(self.timeout).ok();
        let code = self.code.as_str().into();
        Script { code, mode: Mode::AsyncExec, sandbox: self.sandbox_mode, timeout }.body(cx)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{Services, testing::NodeTest, value};

    use super::*;
    use crate::code::python::{PythonPool, PythonSettings};

    #[tokio::test]
    async fn code_may_await() {
        let services = Services::builder().with(PythonPool::new(PythonSettings::default())).unwrap().build();
        let code = "import asyncio\nawait asyncio.sleep(0.01)\nresult = {'ok':1}";
        let config = value!({"code": code, "timeout": 30, "max_concurrent_tasks": 10});
        let node = NodeTest::new::<AsyncPythonCode>(config, &services).unwrap();
        assert_eq!(node.run(value!({})).await.unwrap().get("result"), Some(&value!({"ok": 1})));
    }
}

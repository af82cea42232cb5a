//! What the nodes that run Python share: from inputs to a call, from a reply or a failure to Kailash's terms.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Error, ErrorKind, Kind, Map, Result, Retry, Services, Text, Value,
    node::{Body, BuildContext, Context, Effect, Inputs, Output, Outputs, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::python::{Call, Mode, PythonError, PythonPool, Sandbox};
use crate::logic::variables;

/// The name of the pool's service in messages.
pub(super) const SERVICE: &str = "python";

/// What every type that runs Python statements declares.
pub(super) fn spec(name: &'static str, summary: &'static str) -> Spec {
    let result = "The value of the variable `result` after the last statement.";
    Spec::new(name, "code", summary)
        .open_inputs()
        .outputs([Output::new("result", Kind::Any, result)])
        .requires::<PythonPool>(SERVICE)
}

/// How far user code is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SandboxMode {
    /// The kernel keeps the code from files, sockets and processes.
    #[default]
    Restricted,
    /// The code may do what this process may do.
    Trusted,
}

impl SandboxMode {
    /// What running code in this mode does to the world: confined code can change nothing.
    pub(super) fn effect(self) -> Effect {
        match self {
            Self::Restricted => Effect::Pure,
            Self::Trusted => Effect::Effectful,
        }
    }

    fn sandbox(self) -> Sandbox {
        match self {
            Self::Restricted => Sandbox::Restricted,
            Self::Trusted => Sandbox::Trusted,
        }
    }
}

/// Python source with what it takes to run it.
#[derive(Clone)]
pub(crate) struct Script {
    pub(crate) code: Arc<str>,
    pub(crate) mode: Mode,
    pub(crate) sandbox: SandboxMode,
    pub(crate) timeout: Option<Duration>,
}

impl Script {
    /// The body that runs the script with all inputs that are present.
    pub(super) fn body(self, cx: &BuildContext<'_>) -> Result<Body> {
        let pool = pool(cx.services)?.clone();
        let names: Arc<[Text]> = cx.inputs.into();
        let script = Arc::new(self);
        Ok(Body::future(move |inputs: Inputs, cx| {
            let (pool, names, script) = (pool.clone(), Arc::clone(&names), Arc::clone(&script));
            async move {
                let given = variables::of(&names, &inputs);
                drop(inputs);
                Ok(Outputs::one(script.run(&pool, &given, &cx).await?).into())
            }
        }))
    }

    /// Runs the script with the variables of `given`.
    ///
    /// # Errors
    /// What the script or its worker fails with.
    pub(crate) async fn run(&self, pool: &PythonPool, given: &Map, cx: &Context) -> Result<Value> {
        cx.check()?;
        let reply = pool.call(self.call(given)?).await.map_err(|error| self.error(error))?;
        if !reply.printed.is_empty() {
            tracing::info!(target: "kailash::python", unit = %cx.unit(), "{}", reply.printed.trim_end());
        }
        Value::from_json_slice(&reply.value).map_err(|error| {
            let message = format!("the result is no value: {}", error.message());
            Error::invalid("python.value", message).at("result")
        })
    }

    fn call(&self, given: &Map) -> Result<Call> {
        let inputs = serde_json::to_vec(given).map_err(|error| {
            let wrong = given.iter().find(|(_, value)| value.to_json().is_err());
            let error = Error::invalid("python.value", format!("an input cannot go to python: {error}"));
            match wrong {
                Some((name, _)) => error.at(format!("input {name}")),
                None => error,
            }
        })?;
        let code = Arc::clone(&self.code);
        Ok(Call { code, mode: self.mode, inputs, sandbox: self.sandbox.sandbox(), timeout: self.timeout })
    }

    /// What `error` means for the node.
    fn error(&self, error: PythonError) -> Error {
        let message = error.to_string();
        let new = |kind, code| Error::new(kind, code, message.clone());
        let fixed = |kind, code| new(kind, code).with_retry(Retry::Never);
        let described = match &error {
            PythonError::NoInterpreter { hint } => {
                fixed(ErrorKind::Unavailable, "python.missing").with_hint(hint.clone())
            }
            PythonError::SandboxUnavailable { .. } => fixed(ErrorKind::Unavailable, "python.sandbox")
                .with_hint(
                    "set `sandbox_mode` to trusted if you trust the code, or run it on a newer Linux kernel",
                ),
            PythonError::Syntax { line, .. } => at_line(fixed(ErrorKind::Invalid, "python.syntax"), *line),
            PythonError::Raised { exception, message, line, .. } => {
                at_line(self.raised(exception, message, &new), *line)
            }
            PythonError::Timeout { .. } => new(ErrorKind::Timeout, "python.timeout")
                .with_hint("give the node a larger `timeout`, in seconds"),
            PythonError::MemoryLimit => fixed(ErrorKind::Limit, "python.memory"),
            PythonError::OutputLimit { .. } => fixed(ErrorKind::Limit, "python.output"),
            PythonError::NoResult => fixed(ErrorKind::Invalid, "python.no_result")
                .with_hint("assign the node's output to the variable `result`"),
            PythonError::NotJson { .. } => fixed(ErrorKind::Invalid, "python.value"),
            PythonError::WorkerDied { .. } => new(ErrorKind::Node, "python.died"),
            PythonError::Closed => fixed(ErrorKind::Unavailable, "python.closed"),
            PythonError::Io(_) => new(ErrorKind::Unavailable, "python.io"),
        };
        described.with_source(error)
    }

    fn raised(
        &self,
        exception: &str,
        message: &str,
        new: &dyn Fn(ErrorKind, &'static str) -> Error,
    ) -> Error {
        match exception {
            "PermissionError" if self.sandbox == SandboxMode::Restricted => {
                new(ErrorKind::Denied, "python.denied")
                    .with_retry(Retry::Never)
                    .with_hint("the sandbox forbids it; set `sandbox_mode` to trusted if you trust the code")
            }
            "NameError" => {
                let name = message.split('\'').nth(1).unwrap_or("it");
                new(ErrorKind::Node, "python.raised")
                    .with_retry(Retry::Never)
                    .with_hint(format!("connect an input called `{name}`, or give it as a run parameter"))
            }
            _ => new(ErrorKind::Node, "python.raised"),
        }
    }
}

fn at_line(error: Error, line: Option<u32>) -> Error {
    match line {
        Some(line) => error.at(format!("code line {line}")),
        None => error,
    }
}

fn pool(services: &Services) -> Result<&PythonPool> {
    services.require::<PythonPool>(SERVICE)
}

/// The time limit of `seconds`; a limit that is none is reported as one of the parameter `timeout`.
pub(super) fn time_limit(seconds: Option<f64>, setup: &mut Setup<'_>) -> Option<Duration> {
    let seconds = seconds?;
    let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
    if limit.is_none() {
        let message = format!("timeout is {seconds}, but must be a positive number of seconds");
        setup.issues.push(Issue::error("config.timeout", message).at("config.timeout"));
    }
    limit
}

/// Reports source that is empty, or longer than its author allows.
pub(super) fn check_source(code: &str, max_lines: Option<usize>, setup: &mut Setup<'_>) {
    if code.trim().is_empty() {
        setup.issues.push(Issue::error("python.empty", "there is no code").at("config.code"));
    }
    let lines = code.lines().count();
    if let Some(max_lines) = max_lines.filter(|max_lines| lines > *max_lines) {
        let message = format!("the code has {lines} lines, more than `max_code_lines` = {max_lines}");
        setup.issues.push(Issue::warning("python.long", message).at("config.code"));
    }
}

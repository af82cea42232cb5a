//! The function of an update: an expression, or Python in a confined worker.

use std::sync::Arc;

use kailash_core::{Error, Map, Result, Value, expr::Expr, node::Context};

use crate::code::{
    SandboxMode,
    python::{Mode, PythonPool},
    script::Script,
};

/// What an update does to a value.
pub(super) enum Update {
    Expression(Expr),
    Python(Script),
}

impl Update {
    /// Reads a function: `lambda x: ...`, a `def` with one parameter, or an expression of `value`.
    ///
    /// # Errors
    /// A syntax error of an expression; those of Python are found when it is called.
    pub(super) fn read(source: &str) -> Result<Self> {
        let source = source.trim();
        let code = if source.starts_with("lambda") {
            format!("result = ({source})(value)")
        } else if let Some(name) = source.strip_prefix("def ").and_then(|rest| rest.split('(').next()) {
            format!("{source}\nresult = {}(value)", name.trim())
        } else {
            return Expr::compile(source).map(Self::Expression).map_err(|error| error.at("update_fn"));
        };
        let (mode, sandbox) = (Mode::Exec, SandboxMode::Restricted);
        Ok(Self::Python(Script { code: Arc::from(code), mode, sandbox, timeout: None }))
    }

    /// The new value for `value`.
    ///
    /// # Errors
    /// What the function fails with; kind `Missing`, code `state.python`, where there are no Python workers.
    pub(super) async fn apply(&self, value: Value, pool: Option<&PythonPool>, cx: &Context) -> Result<Value> {
        let given: Map = [("value".into(), value)].into_iter().collect();
        match self {
            Self::Expression(expression) => expression.eval(given).map_err(|error| error.at("update_fn")),
            Self::Python(script) => {
                let pool =
                    pool.ok_or_else(|| Error::missing("state.python", "there are no Python workers here"))?;
                script.run(pool, &given, cx).await.map_err(|error| error.at("update_fn"))
            }
        }
    }
}

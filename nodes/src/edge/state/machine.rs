//! `EdgeStateMachine`: state with one owner for each id, kept by the whole cluster.

use kailash_core::{
    Kind, Result, Value,
    node::{Body, BuildContext, Effect, Input, NodeType, Outcome, Output, Setup, Spec},
};
use kailash_edge::coordinate::Coordination;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{super::update::Update, work::Work};
use crate::{code::python::PythonPool, operation};

/// Keeps state in the cluster of the host: values by key under an id, with versions, locks and a lifecycle.
///
/// One host owns an id and carries out its operations; another host passes them on, and the result says who served them. The
/// state is on the disks of a majority of the cluster's members before an operation succeeds.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeStateMachine {
    /// Taken for compatibility: state is always kept on disks.
    enable_persistence: bool,
    /// Taken for compatibility: state is always kept by a majority of the members.
    enable_replication: bool,
}

impl Default for EdgeStateMachine {
    fn default() -> Self {
        Self { enable_persistence: true, enable_replication: true }
    }
}

impl NodeType for EdgeStateMachine {
    fn spec() -> Spec {
        let told = |name: &'static str, kind, doc: &'static str| Output::new(name, kind, doc);
        Spec::new("EdgeStateMachine", "edge", "Keeps values, locks and a lifecycle under an id, in the whole cluster.")
            .inputs([
                Input::required("state_id", Kind::Text, "The id of the state."),
                Input::with_default(
                    "operation",
                    Kind::Text,
                    "get",
                    "One of get, set, update, delete, increment, append, lock, unlock and transition.",
                ),
                Input::optional("key", Kind::Text, "The value's key; get without one gives the whole state."),
                Input::optional("value", Kind::Any, "The value; for set and append."),
                Input::optional(
                    "update_fn",
                    Kind::Text,
                    "What becomes of the value, for update: an expression of `value`, or Python (`lambda x: ...` or a `def` with \
                     one parameter), which runs confined.",
                ),
                Input::with_default("increment", Kind::Any, 1, "The number that is added; for increment."),
                Input::optional("lock_name", Kind::Text, "The lock; for lock and unlock."),
                Input::with_default("timeout_ms", Kind::Int, 30_000, "How long lock waits for it, in milliseconds."),
                Input::with_default(
                    "lease_duration_ms",
                    Kind::Int,
                    30_000,
                    "How long a lock lasts that is not unlocked, in milliseconds.",
                ),
                Input::optional("signal", Kind::Text, "What the lifecycle is told, for transition: warm, ready, drain, drained or fail."),
            ])
            .open_inputs()
            .outputs([
                told("success", Kind::Bool, "Whether it was done."),
                told("key", Kind::Text, "The key."),
                told("value", Kind::Any, "The value, null if there is none; for get and set."),
                told("exists", Kind::Bool, "Whether the key has a value; for get."),
                told("metadata", Kind::Map, "Version of the entry and log indices of its first and last change; for get."),
                told("state", Kind::Any, "All values by key, for get without a key; where the lifecycle stands, for transition."),
                told("old_value", Kind::Any, "The value before; for set, update and increment."),
                told("new_value", Kind::Any, "The value now; for set, update and increment."),
                told("version", Kind::Int, "How often the value was changed; for what changes it."),
                told("deleted", Kind::Bool, "Whether there was a value; for delete."),
                told("list_size", Kind::Int, "How long the list is now; for append."),
                told("appended_value", Kind::Any, "What was added; for append."),
                told("lock_name", Kind::Text, "The lock; for lock and unlock."),
                told("timeout_ms", Kind::Int, "How long it was waited for at most; for lock."),
                told("holder", Kind::Text, "The run that holds the lock; for lock."),
                told("token", Kind::Int, "The fencing token of the lock, larger than all before it; for lock."),
                told("released", Kind::Bool, "Whether the run held the lock; for unlock."),
                told("served_by", Kind::Text, "The host that owns the state and has carried it out."),
                told("redirect", Kind::Bool, "True if the owner cannot be reached."),
                told("primary_edge", Kind::Text, "The host that owns the state, where it cannot be reached."),
                told("message", Kind::Text, "Why it was not done."),
            ])
            .effect(Effect::Effectful)
            .requires::<Coordination>("coordination")
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let text = |name: &str| setup.config.get(name).and_then(Value::as_str);
        operation::check_configured(setup, check_operation)?;
        // What only looks or overwrites may be done again.
        if matches!(text("operation"), Some("get" | "set" | "delete")) {
            setup.effect = Effect::Idempotent;
        }
        text("update_fn").map_or(Ok(()), |source| Update::read(source).map(drop))
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let coordination = cx.services.require::<Coordination>("coordination")?.clone();
        let pool = cx.services.get::<PythonPool>().cloned();
        Ok(Body::future(move |inputs, cx| {
            let (coordination, pool) = (coordination.clone(), pool.clone());
            async move {
                let coordinator = coordination.coordinator().await?;
                let work = Work { coordinator, pool: pool.as_ref(), cx: &cx };
                work.run(inputs).await.map(Outcome::from)
            }
        }))
    }
}

/// The names of the operations.
const OPERATIONS: &str = "get set update delete increment append lock unlock transition";

/// Refuses what is no operation.
pub(super) fn check_operation(name: &str) -> Result<()> {
    if OPERATIONS.split(' ').any(|known| known == name) {
        return Ok(());
    }
    Err(operation::unknown("state.operation", name, OPERATIONS))
}

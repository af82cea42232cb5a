//! The world that the steps of sagas act on, and the node type that does.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use kailash::{
    Error, Kind, Registry, Result, Services, Value, Workflow, WorkflowBuilder,
    node::{Body, BuildContext, Effect, Input, NodeType, Output, Outputs, Setup, Spec},
    value,
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What was done, with the key it was done under, in order.
#[derive(Clone, Default)]
pub(crate) struct World {
    deeds: Arc<Mutex<Vec<(String, String)>>>,
    /// Decides for those who act on a whim.
    whims: Arc<AtomicU32>,
}

impl World {
    fn act(&self, what: &str, key: String) {
        self.deeds.lock().expect("no panic").push((what.to_owned(), key));
    }

    /// Whether something was done under `key`.
    fn knows(&self, key: &str) -> bool {
        self.deeds.lock().expect("no panic").iter().any(|(_, known)| known == key)
    }

    /// What was done, in order, each as often as it was asked for.
    pub(crate) fn deeds(&self) -> Vec<String> {
        self.deeds.lock().expect("no panic").iter().map(|(what, _)| what.clone()).collect()
    }

    /// What was done, in the order in which each was asked for first, with how many keys it was asked for under.
    pub(crate) fn counted(&self) -> Vec<(String, usize)> {
        let deeds = self.deeds.lock().expect("no panic");
        let mut counted: Vec<(String, Vec<&str>)> = Vec::new();
        for (what, key) in deeds.iter() {
            let at = counted.iter().position(|(known, _)| known == what).unwrap_or(counted.len());
            if at == counted.len() {
                counted.push((what.clone(), Vec::new()));
            }
            if !counted[at].1.contains(&key.as_str()) {
                counted[at].1.push(key);
            }
        }
        counted.into_iter().map(|(what, keys)| (what, keys.len())).collect()
    }

    pub(crate) fn services(&self) -> Services {
        Services::builder().with(self.clone()).expect("one service").build()
    }
}

/// Acts on the world under its key, and gives what it did and what it was given.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Deed {
    /// What it does.
    what: String,
    /// How many attempts fail, from the first.
    #[serde(default)]
    fails: u32,
    /// Whether it fails every second time, whoever asks; but what was done under a key stays done.
    #[serde(default)]
    whim: bool,
    /// Whether the world is known to remember its key.
    #[serde(default = "remembered")]
    keyed: bool,
}

fn remembered() -> bool {
    true
}

impl NodeType for Deed {
    fn spec() -> Spec {
        Spec::new("Deed", "test", "Acts on the world.")
            .inputs([Input::optional("of", Kind::Any, "What it is done with.")])
            .outputs([
                Output::new("done", Kind::Text, "What it did."),
                Output::new("of", Kind::Any, "What with."),
            ])
            .requires::<World>("world")
            .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.keyed;
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let world = cx.services.require::<World>("world")?.clone();
        let (what, fails, whim) = (self.what.clone(), self.fails, self.whim);
        Ok(Body::future(move |mut inputs, cx| {
            let (world, what) = (world.clone(), what.clone());
            async move {
                let given = inputs.take(0).unwrap_or_default();
                let told = if given.is_null() { what.clone() } else { format!("{what} of {given:?}") };
                let whim = whim && !world.knows(&cx.idempotency_key());
                let whim = whim && world.whims.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
                if whim || cx.attempt() <= fails {
                    return Err(Error::node("deed.refused", format!("{what} is refused")));
                }
                world.act(&told, cx.idempotency_key());
                tokio::task::yield_now().await;
                Ok([Some(Value::from(what)), Some(given)].into_iter().collect::<Outputs>().into())
            }
        }))
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    kailash::register_all(&mut registry).expect("the catalog registers");
    registry.register::<Deed>().expect("its name is free");
    registry
}

/// The config of a deed.
pub(crate) fn deed(what: &str) -> Value {
    value!({"type": "Deed", "config": {"what": what}})
}

/// A deed that fails whenever it is tried.
pub(crate) fn refused(what: &str) -> Value {
    value!({"type": "Deed", "config": {"what": what, "fails": 1000000}})
}

/// A step that books `what`, and is taken back with what its action did.
pub(crate) fn booking(what: &str) -> Value {
    let undo = value!({"type": "Deed", "config": {"what": "cancel"}, "inputs": {"of": "action.done"}});
    value!({"id": what, "action": (deed(what)), "compensation": undo})
}

/// A saga of `steps`; what it gives goes on to a node of its own each.
pub(crate) fn saga(steps: Vec<Value>, on_failure: &str) -> Workflow {
    let mut builder = WorkflowBuilder::new("trip");
    let config = value!({"steps": (Value::list(steps)), "on_failure": on_failure});
    builder.add_node("SagaCoordinator", "saga", config);
    builder.add_node("Expression", "well", value!({"expression": "x"}));
    builder.add_node("Expression", "ill", value!({"expression": "x"}));
    builder.connect("saga.completed", "well.x").connect("saga.compensated", "ill.x");
    builder.build(&registry()).unwrap_or_else(|issues| panic!("the saga is sound: {issues}"))
}

//! What the tests' nodes act on, and the nodes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use kailash_core::{
    Error, Registry, Result, Services,
    exec::MemoryBlobStore,
    log::{LogSettings, SegmentRunLog},
    node::{
        Body, BuildContext, Context, Effect, Input, Inputs, NodeType, Outcome, Output, Outputs, Spec, Wake,
        Woken,
    },
    testing::SimulatedDisk,
};
use kailash_runtime::{Journal, LocalRuntime, ParallelRuntime, Runtime, Settings};
use schemars::JsonSchema;
use serde::Deserialize;

/// How many power losses a test wants to see in each runtime.
pub(crate) const WANTED: u32 = 60;

/// The world that nodes act on: how often each was run, and which requests it saw by their keys.
#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    calls: BTreeMap<String, u32>,
    keys: BTreeMap<String, u32>,
}

impl World {
    pub(crate) fn call(&self, cx: &Context) -> u32 {
        let mut seen = self.0.lock().expect("no panic");
        let calls = seen.calls.entry(cx.unit().to_string()).or_default();
        *calls += 1;
        *calls
    }

    pub(crate) fn request(&self, cx: &Context) {
        *self.0.lock().expect("no panic").keys.entry(cx.idempotency_key()).or_default() += 1;
    }

    pub(crate) fn calls(&self) -> BTreeMap<String, u32> {
        self.0.lock().expect("no panic").calls.clone()
    }

    pub(crate) fn keys(&self) -> usize {
        self.0.lock().expect("no panic").keys.len()
    }
}

macro_rules! node {
    ($type:ident, $effect:expr, $keyed:literal, |$world:ident, $inputs:ident, $cx:ident| $body:expr) => {
        #[derive(Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        struct $type {}

        impl NodeType for $type {
            fn spec() -> Spec {
                let spec = Spec::new(stringify!($type), "test", "")
                    .inputs([Input::optional("x", kailash_core::Kind::Any, "")])
                    .outputs([Output::new("out", kailash_core::Kind::Any, "")])
                    .requires::<World>("world")
                    .effect($effect);
                Spec { honours_key: $keyed, ..spec }
            }

            fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
                let $world = cx.services.require::<World>("world")?.clone();
                Ok(Body::future(move |$inputs: Inputs, $cx: Context| {
                    let $world = $world.clone();
                    async move { $body }
                }))
            }
        }
    };
}

fn plus(inputs: &Inputs) -> Result<Outcome> {
    Ok(Outputs::one(inputs.int(0)?.unwrap_or(0) + 1).into())
}

node!(Count, Effect::Pure, false, |world, inputs, cx| {
    world.call(&cx);
    tokio::task::yield_now().await;
    plus(&inputs)
});
node!(Send, Effect::Effectful, false, |world, inputs, cx| {
    world.call(&cx);
    tokio::task::yield_now().await;
    plus(&inputs)
});
node!(Keyed, Effect::Effectful, true, |world, inputs, cx| {
    world.request(&cx);
    world.call(&cx);
    tokio::task::yield_now().await;
    plus(&inputs)
});
node!(Broken, Effect::Pure, false, |world, _inputs, cx| {
    world.call(&cx);
    Err(Error::invalid("test.broken", "it is broken").with_hint("mend it"))
});

node!(Large, Effect::Pure, false, |_world, _inputs, _cx| {
    Ok(Outputs::one(kailash_core::Value::bytes(vec![7_u8; 1 << 20])).into())
});

/// Waits for the signal `go` and gives its value; then it acts on the world, under its key.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Pause {}

impl NodeType for Pause {
    fn spec() -> Spec {
        let spec = Spec::new("Pause", "test", "")
            .inputs([Input::optional("x", kailash_core::Kind::Any, "")])
            .outputs([Output::new("out", kailash_core::Kind::Any, "")])
            .requires::<World>("world")
            .effect(Effect::Effectful);
        Spec { honours_key: true, ..spec }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let world = cx.services.require::<World>("world")?.clone();
        let body = Body::future(move |inputs: Inputs, cx: Context| {
            let world = world.clone();
            async move {
                let Some(Woken::Signal(value)) = inputs.woken() else {
                    return Ok(Outcome::Suspend(Wake::Signal("go".into())));
                };
                world.request(&cx);
                tokio::task::yield_now().await;
                Ok(Outputs::one(value.clone()).into())
            }
        });
        Ok(body.suspending())
    }
}

pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    let mut register = || {
        registry.register::<Count>()?;
        registry.register::<Send>()?;
        registry.register::<Keyed>()?;
        registry.register::<Broken>()?;
        registry.register::<Large>()?;
        registry.register::<Pause>()
    };
    register().expect("names are distinct");
    registry
}

pub(crate) fn journal(disk: &SimulatedDisk) -> Journal {
    let log = SegmentRunLog::open(disk.clone(), LogSettings::default()).expect("the disk is sound");
    Journal::new(Arc::new(log), Arc::new(MemoryBlobStore::default()))
}

/// Both runtimes, with the journal; `park` says whether runs are put aside while they wait.
pub(crate) fn runtimes(world: &World, journal: &Journal, park: bool) -> [Arc<dyn Runtime>; 2] {
    let services = Services::builder().with(world.clone()).expect("one service").build();
    let settings = || Settings { journal: Some(journal.clone()), park, ..Settings::default() };
    [
        Arc::new(LocalRuntime::with_settings(services.clone(), settings()).expect("settings")),
        Arc::new(ParallelRuntime::with_settings(services, settings()).expect("settings")),
    ]
}

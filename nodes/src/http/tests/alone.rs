//! The source of a node by itself, to be pulled by hand.

use std::sync::Arc;

use kailash_core::{
    Registry, Result, RunId, Services, Step, UnitId, Value,
    event::What,
    exec::{Clock, SystemClock},
    node::{BuildContext, Context, Inputs, NodeType, RunScope, Source, Streaming, UnitKey},
    validate::Nesting,
};

struct Alone(SystemClock);

impl RunScope for Alone {
    fn unit_id(&self, _: UnitKey) -> UnitId {
        UnitId { run: RunId::from_u128(7), path: vec![Step { node: "node".into(), iteration: 0, item: 0 }] }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn clock(&self) -> &dyn Clock {
        &self.0
    }

    fn emit(&self, _: UnitKey, _: u32, _: What) {}

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        std::thread::spawn(job);
    }
}

/// The context of a run with one node.
pub(in crate::http) fn context() -> Context {
    Context::new(Arc::new(Alone(SystemClock::default())), UnitKey::default(), 1, None)
}

/// The source of a node of type `T`, whose inputs all come from `config`.
pub(in crate::http) fn source<T: NodeType>(config: &Value, cx: &Context) -> Result<Box<dyn Source>> {
    let mut registry = Registry::new();
    registry.register::<T>()?;
    let node = registry.get(T::spec().name)?;
    let node = node.configure(config.as_map().unwrap(), &registry, &Nesting::default());
    let node = node.map_err(kailash_core::validate::Issues)?;
    let (given, ports) = (node.inputs.iter(), node.ports.inputs.iter());
    let inputs: Inputs =
        given.zip(ports).map(|(given, port)| given.clone().or(port.default.clone())).collect();
    let services = Services::default();
    let body = node.build(&BuildContext { services: &services, node: &"node".into(), inputs: &[] })?;
    match body.streaming {
        Some(Streaming::Source(factory)) => factory.open(inputs, cx),
        _ => panic!("the node is no source"),
    }
}

//! Running one node by itself.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Error, Map, Registry, Result, RunId, Services, Step, Text, UnitId, Value,
    event::What,
    exec::{Clock, SystemClock},
    node::{
        Body, BuildContext, Context, Emit, Inputs, NodeType, Outcome, Outputs, Ports, Progress, RunScope,
        Streaming, UnitKey, Whole, Woken,
    },
};

/// One node of type `T`, configured and built, to be run without a workflow.
pub struct NodeTest {
    body: Body,
    ports: Ports,
    names: Vec<Text>,
    config_inputs: Vec<Option<Value>>,
    context: Context,
}

/// What a streaming body emitted and gave.
#[derive(Debug, Default)]
pub struct Collected {
    /// The items by output port.
    pub items: Vec<Vec<Value>>,
    /// The whole-value outputs by name.
    pub outputs: Map,
}

impl NodeTest {
    /// Configures and builds a node as a document with `config` would.
    ///
    /// # Errors
    /// The problems of the config.
    pub fn new<T: NodeType>(config: Value, services: &Services) -> Result<Self> {
        let mut registry = Registry::new();
        registry.register::<T>()?;
        Self::from_registry(&registry, T::spec().name, config, services, &[])
    }

    /// Like [`NodeTest::new`] for a type of `registry`; `open` are connected inputs beyond those of the ports.
    ///
    /// # Errors
    /// An unknown type or the problems of the config.
    pub fn from_registry(
        registry: &Registry,
        type_name: &str,
        config: Value,
        services: &Services,
        open: &[&str],
    ) -> Result<Self> {
        let config =
            config.into_map().map_err(|_| Error::invalid("config.invalid", "config must be a map"))?;
        let node =
            registry.get(type_name)?.configure(&config, registry, &crate::validate::Nesting::default());
        let node = node.map_err(|issues| Error::from(crate::validate::Issues(issues)))?;
        let names = node.ports.inputs.iter().map(|input| input.name.clone());
        let names: Vec<Text> = names.chain(open.iter().map(|name| Text::from(*name))).collect();
        let body = node.build(&BuildContext { services, node: &Text::from("node"), inputs: &names })?;
        let scope: Arc<dyn RunScope> = Arc::new(LoneRun(SystemClock::default()));
        let context = Context::new(scope, UnitKey::default(), 1, None);
        Ok(Self { body, ports: node.ports, names, config_inputs: node.inputs, context })
    }

    /// Runs the whole form with `given` input values and returns the outputs by name; branches not taken are absent.
    ///
    /// # Errors
    /// What the body fails with; a missing required input.
    pub async fn run(&self, given: Value) -> Result<Map> {
        match self.outcome(given, None).await? {
            Outcome::Done(outputs) => Ok(self.named(outputs)),
            Outcome::Suspend(wake) => Err(Error::internal(format!("suspended: {wake:?}"))),
        }
    }

    /// Runs the whole form with `given` input values, as after `woken` if it was suspended before.
    ///
    /// # Errors
    /// What the body fails with; a missing required input.
    pub async fn outcome(&self, given: Value, woken: Option<Woken>) -> Result<Outcome> {
        let mut inputs = self.inputs(given)?;
        if let Some(woken) = woken {
            inputs.set_woken(woken);
        }
        let cx = self.context.clone();
        match &self.body.whole {
            Some(Whole::Inline(body) | Whole::Compute(body)) => body.run(inputs, &cx),
            Some(Whole::Future(body)) => body.run(inputs, cx).await,
            _ => Err(Error::internal("this node has no whole form to run")),
        }
    }

    /// Runs the streaming form: a source to its end, a stage over `batches` given to input port 0.
    ///
    /// # Errors
    /// What the body fails with.
    pub async fn stream(&self, given: Value, batches: Vec<Vec<Value>>) -> Result<Collected> {
        let inputs = self.inputs(given)?;
        let cx = &self.context;
        let mut sink = Sink(vec![Vec::new(); self.ports.outputs.len()]);
        let outputs = match &self.body.streaming {
            Some(Streaming::Source(factory)) => {
                let mut source = factory.open(inputs, cx)?;
                while source.pull(cx, &mut sink).await? == Progress::More {}
                source.finish(cx).await?
            }
            Some(Streaming::Stage(factory)) => {
                let mut stage = factory.open(inputs, cx)?;
                for batch in batches {
                    stage.process(0, batch, cx, &mut sink).await?;
                }
                stage.finish(cx, &mut sink).await?
            }
            None => return Err(Error::internal("this node has no streaming form")),
        };
        Ok(Collected { items: sink.0, outputs: self.named(outputs) })
    }

    fn inputs(&self, given: Value) -> Result<Inputs> {
        let mut given =
            given.into_map().map_err(|_| Error::invalid("input.invalid", "inputs must be a map"))?;
        let mut inputs = Inputs::new();
        for (index, name) in self.names.iter().enumerate() {
            let declared = self.ports.inputs.get(index);
            let value = given
                .remove(name)
                .or_else(|| self.config_inputs.get(index).cloned().flatten())
                .or_else(|| declared.and_then(|input| input.default.clone()));
            if let (Some(value), Some(input)) = (&value, declared)
                && !input.kind.accepts(value)
            {
                return Err(Error::invalid("input.kind", format!("`{name}` wants {}", input.kind)));
            }
            inputs.push(value);
        }
        Ok(inputs)
    }

    fn named(&self, outputs: Outputs) -> Map {
        let names = self.ports.outputs.iter().map(|output| output.name.clone());
        names.zip(outputs).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

struct Sink(Vec<Vec<Value>>);

#[async_trait]
impl Emit for Sink {
    async fn emit(&mut self, port: usize, items: Vec<Value>) -> Result<()> {
        self.0[port].extend(items);
        Ok(())
    }
}

struct LoneRun(SystemClock);

impl RunScope for LoneRun {
    fn unit_id(&self, _: UnitKey) -> UnitId {
        UnitId { run: RunId::from_u128(0), path: vec![Step { node: "node".into(), iteration: 0, item: 0 }] }
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

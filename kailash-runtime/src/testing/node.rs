//! A node whose ports come from its config and whose body from the check that uses it.

use std::collections::{BTreeMap, HashMap};

use kailash_core::{
    Kind, Map, Result, Text, Value,
    exec::{NodeOptions, RetryPolicy},
    node::{
        Body, BuildContext, Context, Input, Inputs, Lift, NodeType, Outcome, Output, Outputs, Ports, Setup,
        SourceFactory, Spec, StageFactory,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, de::IgnoredAny};

use super::lab::Bodies;

/// The node type of every node in the suite.
#[derive(Deserialize, JsonSchema)]
#[serde(default)]
#[derive(Default)]
pub(super) struct Do {
    /// Inputs that must be given.
    needs: Vec<String>,
    /// Inputs that may be absent.
    takes: Vec<String>,
    /// Outputs.
    gives: Vec<String>,
    /// Whether any other input may be connected or given.
    open: bool,
    /// Kinds of inputs; the others take anything.
    #[schemars(with = "BTreeMap<String, String>")]
    kinds: BTreeMap<String, Kind>,
    /// Defaults of inputs.
    #[schemars(with = "BTreeMap<String, String>")]
    defaults: BTreeMap<String, Value>,
    #[serde(flatten)]
    #[schemars(skip)]
    #[expect(dead_code, reason = "lets the values of inputs pass, which only the config's reader sees")]
    rest: BTreeMap<String, IgnoredAny>,
}

impl NodeType for Do {
    fn spec() -> Spec {
        Spec::new("Do", "testing", "does what the check says").requires::<Bodies>("bodies")
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let input = |name: &String, required: bool| {
            let kind = self.kinds.get(name).copied().unwrap_or_default();
            let default = self.defaults.get(name).cloned();
            Input { required, default, ..Input::optional(name, kind, "").streaming() }
        };
        let inputs = self
            .needs
            .iter()
            .map(|name| input(name, true))
            .chain(self.takes.iter().map(|name| input(name, false)));
        let outputs = self.gives.iter().map(|name| Output::new(name, Kind::Any, "").streaming());
        setup.ports = Ports { inputs: inputs.collect(), outputs: outputs.collect(), open_inputs: self.open };
        Ok(())
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        cx.services.require::<Bodies>("bodies")?.of(cx.node)
    }
}

/// A node as a check describes it: by default it takes nothing and gives `out`.
pub struct Node {
    pub(super) body: Body,
    /// The bodies of the nodes inside, for one that holds a workflow.
    pub(super) within: HashMap<Text, Body>,
    pub(super) config: Map,
    pub(super) options: NodeOptions,
}

/// Where a synchronous body runs.
#[derive(Clone, Copy, Debug)]
pub enum Flavour {
    /// On the dispatcher.
    Inline,
    /// As compute.
    Compute,
    /// As a future that is ready at once.
    Future,
    /// As a future that is pending at first.
    Later,
}

/// Every flavour.
pub const FLAVOURS: [Flavour; 4] = [Flavour::Inline, Flavour::Compute, Flavour::Future, Flavour::Later];

impl Node {
    /// A node with `body`.
    pub fn of(body: Body) -> Self {
        let mut config = Map::new();
        config.insert("gives", Value::list(vec!["out".into()]));
        Self { body, within: HashMap::new(), config, options: NodeOptions::default() }
    }

    /// A node that does `run` inline.
    pub fn inline(run: impl Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync + 'static) -> Self {
        Self::of(Body::inline(run))
    }

    /// A node that does `run` as compute.
    pub fn compute(run: impl Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync + 'static) -> Self {
        Self::of(Body::compute(run))
    }

    /// A node that does `run` as a future.
    pub fn future<F, Fut>(run: F) -> Self
    where
        F: Fn(Inputs, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome>> + Send + 'static,
    {
        Self::of(Body::future(run))
    }

    /// A node that does `run` as `flavour` says.
    pub fn with(
        flavour: Flavour,
        run: impl Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync + Clone + 'static,
    ) -> Self {
        match flavour {
            Flavour::Inline => Self::inline(run),
            Flavour::Compute => Self::compute(run),
            Flavour::Future => Self::future(move |inputs, cx| {
                let run = run.clone();
                async move { run(inputs, &cx) }
            }),
            Flavour::Later => Self::future(move |inputs, cx| {
                let run = run.clone();
                async move {
                    tokio::task::yield_now().await;
                    run(inputs, &cx)
                }
            }),
        }
    }

    /// A node that gives `value`.
    pub fn give(value: impl Into<Value>) -> Self {
        let value = value.into();
        Self::inline(move |_, _| one(value.clone()))
    }

    /// A node that gives its one input `x`.
    pub fn pass() -> Self {
        Self::inline(|mut inputs, _| one(inputs.value(0)?)).needs(&["x"])
    }

    /// A node that gives the sum of its inputs `a` and `b`; what is absent counts as 0.
    pub fn add() -> Self {
        Self::inline(|inputs, _| one(inputs.int(0)?.unwrap_or(0) + inputs.int(1)?.unwrap_or(0)))
            .takes(&["a", "b"])
    }

    /// A node that fails with code `code`.
    pub fn fail(code: &'static str) -> Self {
        Self::inline(move |_, _| Err(kailash_core::Error::node(code, "it was told to fail"))).takes(&["x"])
    }

    /// A node that only makes items.
    pub fn source(factory: impl SourceFactory + 'static) -> Self {
        Self::of(Body::source(factory))
    }

    /// A node that only takes items.
    pub fn stage(factory: impl StageFactory + 'static) -> Self {
        Self::of(Body::stage(factory)).takes(&["items"])
    }

    /// The same node, whose body may serve as a stage.
    pub fn lifted(mut self, lift: Lift) -> Self {
        self.body = self.body.with_lift(lift);
        self
    }

    /// The same node, whose body may be suspended.
    pub fn suspending(mut self) -> Self {
        self.body = self.body.suspending();
        self
    }

    /// Its inputs that must be given; those of [`Node::takes`] come behind them.
    pub fn needs(self, names: &[&str]) -> Self {
        self.set("needs", names.iter().map(|name| Value::from(*name)).collect::<Value>())
    }

    /// Its inputs that may be absent.
    pub fn takes(self, names: &[&str]) -> Self {
        self.set("takes", names.iter().map(|name| Value::from(*name)).collect::<Value>())
    }

    /// Its outputs.
    pub fn gives(self, names: &[&str]) -> Self {
        self.set("gives", names.iter().map(|name| Value::from(*name)).collect::<Value>())
    }

    /// Any other input may be connected or given too.
    pub fn open(self) -> Self {
        self.set("open", true)
    }

    /// Sets a value of its config.
    pub fn set(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.config.insert(name, value);
        self
    }

    /// Retries it.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.options.retry = Some(retry);
        self
    }

    /// Limits the time of an attempt.
    pub fn timeout_ms(mut self, ms: u64) -> Self {
        self.options.timeout_ms = Some(ms);
        self
    }

    /// Sets its options.
    pub fn options(mut self, options: NodeOptions) -> Self {
        self.options = options;
        self
    }
}

/// One output.
///
/// # Errors
/// Never; for use at the end of bodies.
pub fn one(value: impl Into<Value>) -> Result<Outcome> {
    Ok(Outputs::one(value).into())
}

/// A value at one output port only: the branches of the others are not taken.
///
/// # Errors
/// Never; for use at the end of bodies.
pub fn only(port: usize, value: impl Into<Value>) -> Result<Outcome> {
    let mut outputs = Outputs::none(port + 1);
    outputs.set(port, value);
    Ok(outputs.into())
}

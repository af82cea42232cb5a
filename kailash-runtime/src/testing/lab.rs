//! Workflows of a check, and the runtime it tries them on.

use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use kailash_core::{
    Error, Path, Registry, Result, Services, Text, Value, Workflow, WorkflowBuilder,
    node::{Body, Feed, OnItemError, Repeat, Scope, Tap},
    validate::{Issues, Nesting},
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    node::{Do, Node},
};
use crate::{Outcome, Results, RunError, Runtime, Settings, Unfinished};

/// The bodies of nodes, by id: the service that the suite's nodes get theirs from.
#[derive(Clone)]
pub(super) struct Bodies(Arc<HashMap<Text, Body>>);

impl Bodies {
    pub(super) fn of(&self, node: &Text) -> Result<Body> {
        self.0.get(node).cloned().ok_or_else(|| Error::internal(format!("no body for `{node}`")))
    }
}

/// The registry that knows the suite's nodes.
pub fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.register::<Do>().expect("one type has no namesake");
    registry
}

/// A workflow under construction, with the bodies of its nodes.
#[derive(Default)]
pub struct Flow {
    /// The builder, for what [`Flow`] has no words for.
    pub builder: WorkflowBuilder,
    bodies: HashMap<Text, Body>,
}

impl Flow {
    /// A workflow without nodes.
    pub fn new() -> Self {
        Self { builder: WorkflowBuilder::new("check"), bodies: HashMap::new() }
    }

    /// Adds a node. Ids are unique over nested workflows too.
    pub fn node(&mut self, id: &str, node: Node) -> &mut Self {
        let Node { body, within, config, options } = node;
        let inner = within.into_iter().chain([(Text::from(id), body)]);
        for (id, body) in inner {
            assert!(self.bodies.insert(id.clone(), body).is_none(), "two nodes are called `{id}`");
        }
        self.builder.add_node("Do", id, config).options(options);
        self
    }

    /// Connects `from` to `to`, both as `node.port`.
    pub fn wire(&mut self, from: &str, to: &str) -> &mut Self {
        self.builder.connect(from, to);
        self
    }

    /// Connects `from` back to `to`.
    pub fn back(&mut self, from: &str, to: &str, cycle: CycleDraft) -> &mut Self {
        self.builder.connect(from, to).cycle(cycle);
        self
    }

    /// Lets items flow from `from` to `to`.
    pub fn stream(&mut self, from: &str, to: &str) -> &mut Self {
        self.builder.connect(from, to).stream();
        self
    }

    /// The workflow.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn build(&self) -> Result<Workflow, Issues> {
        self.builder.build(&registry())
    }

    /// The workflow, which has no problems.
    pub fn workflow(&self) -> Workflow {
        self.build().unwrap_or_else(|issues| panic!("the check's workflow is sound: {issues}"))
    }

    /// The services that know the workflow's bodies.
    pub fn services(&self) -> Services {
        let bodies = Bodies(Arc::new(self.bodies.clone()));
        Services::builder().with(bodies).expect("one service has no namesake").build()
    }

    /// A scope around this workflow: `feeds` as (outer position, `node.input`), `taps` as `node.output.path`.
    fn scope(&self, feeds: &[(usize, &str)], taps: &[&str], repeat: Repeat) -> Scope {
        let end = |end: &str| {
            end.split_once('.').map(|(node, port)| (Text::from(node), Text::from(port))).expect("node.port")
        };
        let fed: Vec<_> = feeds.iter().map(|(_, at)| end(at)).collect();
        let workflow = self.builder.build_inner(&registry(), &Nesting::default().inner(), &fed);
        let workflow = workflow.unwrap_or_else(|issues| panic!("the inner workflow is sound: {issues}"));
        let tap = |at: &&str| {
            let (node, port) = end(at);
            let (name, path) = match port.split_once('.') {
                Some((name, path)) => (Text::from(name), Some(Path::new(path.split('.')))),
                None => (port, None),
            };
            let described = &workflow.nodes()[workflow.position(&node).expect("the tapped node is there")];
            let output = described.config.ports.output(&name).expect("the tapped output is there");
            Tap { node, output, path }
        };
        let taps = taps.iter().map(tap).collect();
        let feeds =
            feeds.iter().zip(fed).map(|((outer, _), (node, input))| Feed { outer: *outer, node, input });
        Scope { feeds: feeds.collect(), taps, repeat, workflow: workflow.clone() }
    }

    /// A node that runs this workflow once.
    pub fn nested(self, feeds: &[(usize, &str)], taps: &[&str], results_at: Option<usize>) -> Node {
        let scope = self.scope(feeds, taps, Repeat::Once { results_at, error_at: None });
        Node { within: self.bodies, ..Node::of(Body::scope(scope)) }
    }

    /// A node that runs this workflow once and gives `tap` as `out`, or else the failure within as `error`.
    pub fn tried(self, feeds: &[(usize, &str)], tap: &str) -> Node {
        let scope = self.scope(feeds, &[tap], Repeat::Once { results_at: None, error_at: Some(1) });
        Node { within: self.bodies, ..Node::of(Body::scope(scope)) }.gives(&["out", "error"])
    }

    /// A node that runs this workflow for each item of its input `items`; `out` is the list of results.
    pub fn each(
        self,
        feeds: &[(usize, &str)],
        tap: &str,
        max_concurrency: usize,
        on_error: OnItemError,
    ) -> Node {
        let scope = self.scope(feeds, &[tap], Repeat::ForEach { items: 0, max_concurrency, on_error });
        Node { within: self.bodies, ..Node::of(Body::scope(scope)) }.needs(&["items"])
    }
}

/// A workflow and the runtime it is tried on.
pub struct Lab {
    flow: Flow,
    /// The runtime's settings.
    pub settings: Settings,
    make: Make,
}

impl Lab {
    /// A workflow without nodes, for a runtime of `make` with default settings.
    pub fn new(make: &Make) -> Self {
        Self { flow: Flow::new(), settings: Settings::default(), make: Arc::clone(make) }
    }

    /// A runtime that knows the workflow's bodies.
    pub fn runtime(&self) -> Arc<dyn Runtime> {
        (self.make)(self.flow.services(), self.settings.clone())
    }

    /// The runtime and the workflow.
    pub fn ready(&self) -> (Arc<dyn Runtime>, Workflow) {
        (self.runtime(), self.flow.workflow())
    }

    /// Runs the workflow with `params`.
    ///
    /// # Errors
    /// What the run fails with.
    pub async fn run_with(&self, params: Params) -> Outcome {
        let (runtime, workflow) = self.ready();
        runtime.execute_async(&workflow, params).await
    }

    /// Runs the workflow, which completes.
    pub async fn ok(&self) -> Results {
        self.run_with(Params::new()).await.unwrap_or_else(|error| panic!("the run completes: {error}")).0
    }

    /// Runs the workflow, which begins and does not complete.
    pub async fn unfinished(&self) -> Unfinished {
        unfinished(self.run_with(Params::new()).await)
    }

    /// Tries to run the workflow with `params`, which is refused; the codes of why.
    pub async fn refused(&self, params: Params) -> Issues {
        match self.run_with(params).await {
            Err(RunError::Refused(issues)) => issues,
            Err(error) => panic!("the run is refused before it begins, but: {error}"),
            Ok((results, _)) => panic!("the run is refused, but gave {results:?}"),
        }
    }
}

impl Deref for Lab {
    type Target = Flow;

    fn deref(&self) -> &Flow {
        &self.flow
    }
}

impl DerefMut for Lab {
    fn deref_mut(&mut self) -> &mut Flow {
        &mut self.flow
    }
}

/// The end of a run that began and did not complete.
pub(super) fn unfinished(outcome: Outcome) -> Unfinished {
    match outcome {
        Err(RunError::Unfinished(unfinished)) => *unfinished,
        Err(error) => panic!("the run begins and does not complete, but: {error}"),
        Ok((results, _)) => panic!("the run does not complete, but gave {results:?}"),
    }
}

/// The codes of `issues`, in order.
pub(super) fn codes(issues: &Issues) -> Vec<&str> {
    issues.0.iter().map(|issue| issue.code.as_str()).collect()
}

/// Output `out` of `node`.
pub(super) fn out<'r>(results: &'r Results, node: &str) -> &'r Value {
    results.get(node, "out").unwrap_or_else(|| panic!("`{node}` gives `out`: {results:?}"))
}

/// The ids of the nodes that did not run, in the document's order.
pub(super) fn skipped(results: &Results) -> Vec<&str> {
    results.skipped().map(Text::as_str).collect()
}

/// The failed units with their codes, in order of their names.
pub(super) fn failures(unfinished: &Unfinished) -> Vec<(&str, &str)> {
    let mut failures: Vec<_> =
        unfinished.errors.iter().map(|failure| (failure.node.as_str(), failure.error.code())).collect();
    failures.sort_unstable();
    failures
}

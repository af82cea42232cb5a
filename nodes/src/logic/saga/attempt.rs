//! An action or a compensation: a scope around its node, which tells a failure as a value.

use kailash_core::{
    Error, Kind, Result, Text, Workflow, WorkflowBuilder,
    node::{Body, BuildContext, Feed, Input, NodeType, Output, Ports, Repeat, Scope, Setup, Spec, Tap},
    to_value,
    validate::Issue,
    value,
    workflow::{ConnectionDraft, Document, NodeDraft},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::inner::{self, Inside, Mapped},
    act::Act,
};

/// The output with the outputs of the node, by its name.
pub(super) const DONE: &str = ":done";
/// The output with the error.
pub(super) const ERROR: &str = ":error";
/// The inner node that follows dot paths.
const PICK: &str = "pick";

/// An action or a compensation.
///
/// Its inputs are the gates, without which it is skipped, then those that are fed, then those that are picked. Its outputs
/// are [`DONE`], [`ERROR`], then those of the node.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Attempt {
    /// What the node inside is called: action or compensation.
    pub(super) name: String,
    /// What the node does.
    pub(super) act: Act,
    /// Inputs that must have a value, and that the node does not see.
    pub(super) gates: Vec<String>,
    /// Inputs of the node that have the value of an input of the saga, as if the config had it.
    pub(super) fed: Vec<String>,
    /// Inputs of the node that have a value from elsewhere, or one inside another.
    pub(super) picked: Vec<Picked>,
    #[serde(skip)]
    #[schemars(skip)]
    pub(super) scope: Option<Scope>,
}

/// An input of the node that gets what is at a dot path.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Picked {
    /// The input.
    pub(super) name: String,
    /// The way into the value.
    pub(super) path: Vec<String>,
    /// Whether there must be a value.
    pub(super) required: bool,
}

impl Attempt {
    /// The node of this in the workflow of the saga.
    pub(super) fn draft(&self, id: &Text) -> Result<NodeDraft> {
        let config = to_value(self)?.into_map().unwrap_or_default();
        Ok(NodeDraft { id: id.clone(), type_name: Self::spec().name.into(), config, ..NodeDraft::default() })
    }

    fn document(&self) -> Document {
        let node = self.act.node(&self.name);
        let mut document =
            Document { name: node.type_name.clone(), nodes: vec![node], ..Document::default() };
        if self.picked.is_empty() {
            return document;
        }
        let picks: Vec<_> = self.picked.iter().map(|picked| (&picked.name, &picked.path)).collect();
        let config = to_value(&picks)
            .map(|picks| value!({"picks": picks}))
            .and_then(|config| config.into_map().map_err(|_| Error::internal("a map is a map")));
        document.nodes.push(NodeDraft {
            id: PICK.into(),
            type_name: super::pick::Pick::spec().name.into(),
            config: config.unwrap_or_default(),
            ..NodeDraft::default()
        });
        document.connections = self
            .picked
            .iter()
            .map(|picked| ConnectionDraft {
                from: PICK.into(),
                output: Text::from(&picked.name),
                to: Text::from(&self.name),
                input: Text::from(&picked.name),
                ..ConnectionDraft::default()
            })
            .collect();
        document
    }

    /// The same problem at its place in the act.
    fn report(&self, mut issue: Issue, setup: &mut Setup<'_>) {
        issue.node = None;
        let place = issue.place.take().unwrap_or_default();
        let node = format!("nodes.{}", self.name);
        issue.place = match place.strip_prefix(&node) {
            Some(rest) => rest.strip_prefix('.').map(|rest| self.act.place(rest)),
            None => {
                let index = place.strip_prefix("connections[").and_then(|rest| rest.strip_suffix(']'));
                let picked = index.and_then(|index| self.picked.get(index.parse::<usize>().ok()?));
                Some(picked.map_or_else(|| "inputs".to_owned(), |picked| format!("inputs.{}", picked.name)))
            }
        };
        setup.issues.push(issue);
    }

    /// Inputs of the node without which it could never run.
    fn check_given(&self, workflow: &Workflow, inside: &Inside<'_>, setup: &mut Setup<'_>) {
        let Some(at) = workflow.position(&self.name) else { return };
        let node = &workflow.nodes()[at];
        for (index, name) in node.inputs.iter().enumerate() {
            if inside.wanting(at, index) && !self.fed.iter().any(|fed| *name == **fed) {
                let what = node.registered.spec().name;
                let issue = Issue::error("input.missing", format!("{what} needs `{name}`"));
                let hint = "give it in `config`, or say in `inputs` where its value comes from";
                setup.issues.push(issue.hint(hint).at(format!("inputs.{name}")));
            }
        }
    }
}

impl NodeType for Attempt {
    fn spec() -> Spec {
        Spec::new("saga:attempt", "logic", "An action or a compensation of a saga.").config_ports()
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let node = Text::from(&self.name);
        let fed: Vec<_> = self.fed.iter().map(|name| (node.clone(), Text::from(name))).collect();
        let nesting = setup.nesting.inner();
        let built = WorkflowBuilder::from(self.document()).build_inner(setup.registry, &nesting, &fed);
        let workflow = match built {
            Ok(workflow) => workflow,
            Err(issues) => {
                issues.0.into_iter().for_each(|issue| self.report(issue, setup));
                return Ok(());
            }
        };
        workflow.warnings().iter().for_each(|warning| self.report(warning.clone(), setup));
        let inside = Inside::new(&workflow);
        let mut inputs: Vec<Input> =
            self.gates.iter().map(|gate| Input::required(gate, Kind::Any, "")).collect();
        let mut feeds = Vec::new();
        for (_, name) in fed {
            let place = format!("inputs.{name}");
            let mapped = Mapped { ends: vec![(node.clone(), name.clone())], name };
            let (input, feed) = inner::input(&inside, &mapped, inputs.len(), &place, setup);
            inputs.push(input);
            feeds.extend(feed);
        }
        for Picked { name, required, .. } in &self.picked {
            feeds.push(Feed { outer: inputs.len(), node: PICK.into(), input: name.into() });
            inputs.push(Input { required: *required, ..Input::optional(name, Kind::Any, "") });
        }
        self.check_given(&workflow, &inside, setup);
        let own =
            workflow.nodes().iter().find(|inner| inner.id == node).map(|node| &node.config.ports.outputs);
        let own = own.into_iter().flat_map(|outputs| outputs.iter());
        let taps = own.clone().enumerate().map(|(output, _)| Tap { node: node.clone(), output, path: None });
        let taps = taps.collect();
        let first = [Output::new(DONE, Kind::Map, ""), Output::new(ERROR, Kind::Map, "")];
        let outputs = first.into_iter().chain(own.map(|output| Output { streams: false, ..output.clone() }));
        setup.ports = Ports { inputs: inputs.into(), outputs: outputs.collect(), open_inputs: false };
        setup.effect = inner::effect(&workflow);
        let repeat = Repeat::Once { results_at: Some(0), error_at: Some(1) };
        self.scope = Some(Scope { workflow, feeds, taps, repeat });
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let scope = self.scope.clone();
        scope.map(Body::scope).ok_or_else(|| Error::internal("a step was not configured"))
    }
}

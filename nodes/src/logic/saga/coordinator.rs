//! The node type of sagas: its config, its ports and its scope.

use kailash_core::{
    Error, Kind, Registry, Result, Value, Workflow, WorkflowBuilder,
    node::{Body, BuildContext, Feed, Input, NodeType, Ports, Repeat, Scope, Setup, Spec, Tap},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::inner::{self, Inside, Mapped, Rest},
    attempt::Attempt,
    draft::{Draft, OUTCOME},
    outcome::{self, Outcome},
    pick::Pick,
    ran::Ran,
    step::{self, StepConfig},
    unwind::Unwind,
};

const STATICS: [&str; 2] = ["steps", "on_failure"];

/// Runs steps one after another, and takes them back in reverse order when one fails.
///
/// A step has an action and perhaps a compensation, each a node of some type or a workflow. When an action has failed, and
/// nothing is left to try, the compensations of the steps before it run, the last first. A step whose action was skipped,
/// because all it gets comes from branches not taken, is not compensated, nor is one without compensation, nor the step that
/// failed. A compensation that fails does not keep the others from running. One that is skipped although its action ran,
/// because what it gets has no value, counts as failed, with code `saga.compensation_skipped`.
///
/// With a journal a saga that was cut off goes on where it was. An action of which nobody knows whether it acted, because it
/// was under way and does not send its idempotency key, counts as failed, with code `node.in_doubt`; so does such a
/// compensation. After an action whose code says that it may have acted (`node.in_doubt`, `http.in_doubt`, `mqtt.in_doubt`)
/// the steps before it are compensated, and the saga fails with `saga.in_doubt`, whatever `on_failure` says: what that action
/// did is not taken back. Nothing is compensated when the run ends for another reason:
/// when it is cancelled, at its time limit, or when a node elsewhere fails under the policy `fail_fast`.
#[derive(Deserialize, JsonSchema)]
pub struct SagaCoordinator {
    /// The steps, in the order in which they run: maps of `id`, `action` and perhaps `compensation`. An action or
    /// compensation is a map of `type` and `config`, or of `workflow`; of `inputs`, each with where its value comes from
    /// (`inputs.NAME`, `STEP.OUTPUT`; in a compensation also `action.OUTPUT` and `failure`); and of `retry`, `breaker` and
    /// `timeout_ms`.
    #[schemars(with = "Vec<StepConfig>")]
    steps: Vec<Value>,
    /// What a saga does that was taken back: fail fails the node with `saga.failed`, so that the run is not taken for
    /// completed; branch gives the output `compensated`. A saga that could not be taken back as a whole always fails, with
    /// `saga.compensation_failed`, and so does one of which nobody knows, with `saga.in_doubt`.
    #[serde(default)]
    on_failure: OnFailure,
    #[serde(flatten)]
    #[schemars(skip)]
    rest: Rest,
    #[serde(skip)]
    scope: Option<Scope>,
}

/// What a saga does that was taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnFailure {
    /// The node fails.
    #[default]
    Fail,
    /// The node gives the output `compensated`.
    Branch,
}

impl NodeType for SagaCoordinator {
    fn spec() -> Spec {
        Spec::new(
            "SagaCoordinator",
            "logic",
            "Runs steps one after another, and takes them back in reverse order when one fails.",
        )
        .outputs(outcome::outputs())
        .config_ports()
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if self.steps.is_empty() {
            let issue = Issue::error("saga.steps", "a saga has at least one step");
            setup.issues.push(issue.at("config.steps"));
            return Ok(());
        }
        let before = setup.issues.len();
        let steps = step::read(&self.steps, &mut setup.issues);
        let sound = setup.issues.len() == before;
        let draft = Draft::of(&steps, self.on_failure, &mut setup.issues)?;
        let Some(workflow) = build(&draft, setup)? else { return Ok(()) };
        if !sound {
            return Ok(());
        }
        let (inputs, feeds) = inputs(&draft, &workflow, setup);
        inner::check_names(self.rest.keys(), &inputs, &STATICS, setup);
        let taps = (0..2).map(|output| Tap { node: OUTCOME.into(), output, path: None }).collect();
        setup.effect = inner::effect(&workflow);
        let outputs = setup.ports.outputs.clone();
        setup.ports = Ports { inputs: inputs.into(), outputs, open_inputs: false };
        let repeat = Repeat::Once { results_at: None, error_at: None };
        self.scope = Some(Scope { workflow, feeds, taps, repeat });
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let scope = self.scope.clone();
        scope.map(Body::scope).ok_or_else(|| Error::internal("a saga was not configured"))
    }
}

/// Validates the workflow of the saga; problems and warnings go to `setup`, at their places in the config.
fn build(draft: &Draft, setup: &mut Setup<'_>) -> Result<Option<Workflow>> {
    let registry = with_parts(setup.registry)?;
    let builder = WorkflowBuilder::from(draft.document.clone());
    let (workflow, issues) = match builder.build_inner(&registry, &setup.nesting.inner(), &[]) {
        Ok(workflow) => {
            let warnings = workflow.warnings().to_vec();
            (Some(workflow), warnings)
        }
        Err(issues) => (None, issues.0),
    };
    setup.issues.extend(issues.into_iter().filter_map(|issue| draft.place(issue)));
    if workflow.is_none() && !setup.issues.iter().any(Issue::is_error) {
        return Err(Error::internal("the workflow of a saga is not sound"));
    }
    Ok(workflow)
}

/// The registry with the types that only the workflow of a saga is made of.
fn with_parts(registry: &Registry) -> Result<Registry> {
    let mut registry = registry.clone();
    // A saga inside a saga finds them there.
    if registry.get(Attempt::spec().name).is_err() {
        registry.register::<Attempt>()?;
        registry.register::<Pick>()?;
        registry.register::<Ran>()?;
        registry.register::<Unwind>()?;
        registry.register::<Outcome>()?;
    }
    Ok(registry)
}

/// The inputs of the saga, and what they feed.
fn inputs(draft: &Draft, workflow: &Workflow, setup: &mut Setup<'_>) -> (Vec<Input>, Vec<Feed>) {
    let inside = Inside::new(workflow);
    let (mut inputs, mut feeds) = (Vec::new(), Vec::new());
    for (outer, (name, ends)) in draft.inputs.iter().enumerate() {
        let place = ends.first().map_or("config.steps", |(_, place)| place);
        let mapped = Mapped { name: name.clone(), ends: ends.iter().map(|(end, _)| end.clone()).collect() };
        let (mut input, fed) = inner::input(&inside, &mapped, outer, place, setup);
        let kinds: Vec<Kind> = fed.iter().filter_map(|feed| kind(workflow, feed)).collect();
        match narrowest(&kinds) {
            Some(kind) => input.kind = kind,
            None => {
                let kinds: Vec<String> = kinds.iter().map(ToString::to_string).collect();
                let message =
                    format!("no value of `inputs.{name}` fits all that it goes to: {}", kinds.join(", "));
                setup.issues.push(Issue::error("saga.input.kind", message).at(place));
            }
        }
        inputs.push(input);
        feeds.extend(fed);
    }
    (inputs, feeds)
}

fn kind(workflow: &Workflow, feed: &Feed) -> Option<Kind> {
    let ports = &workflow.nodes()[workflow.position(&feed.node)?].config.ports;
    Some(ports.inputs.get(ports.input(&feed.input)?)?.kind)
}

/// The kind whose values all of `kinds` take.
fn narrowest(kinds: &[Kind]) -> Option<Kind> {
    let mut given = kinds.iter().filter(|kind| **kind != Kind::Any);
    if given.clone().next().is_none() {
        return Some(Kind::Any);
    }
    given.find(|kind| kinds.iter().all(|other| other.accepts_kind(**kind))).copied()
}

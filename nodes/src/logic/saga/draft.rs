//! The workflow that a saga is: a chain of actions, and a chain of compensations that runs the other way.
//!
//! ```text
//! a ──done──> b ──done──> c ──done──────────────────────> outcome
//!  └error┐     └error┐     └error┐                           ^
//!        v           v           v                           │
//!    unwound a <─ unwound b <─ unwound c      account of a ──┘
//!        ^ ^         ^ │
//!        │ └ undo b ─┘ │      undo b runs where b ran and the account of c is open
//!        └── undo a <──┘
//! ```
//! Whatever is not on the way that a run takes is skipped, as in any workflow. Each action and each compensation is a unit
//! by itself, so that a journal knows what need not be done again.

use std::collections::BTreeMap;

use kailash_core::{
    Map, Result, Text,
    node::NodeType,
    validate::Issue,
    value,
    workflow::{ConnectionDraft, Document, NodeDraft},
};

use super::{
    super::mapping::End,
    act::Act,
    attempt::{self, Attempt, Picked},
    coordinator::OnFailure,
    origin::{ACTION, Origin, Root},
    outcome::{self, Outcome},
    ran::Ran,
    step::Step,
    unwind::{self, Unwind},
};

/// The node that ends the saga.
pub(super) const OUTCOME: &str = ":outcome";

const COMPENSATION: &str = "compensation";
const AFTER: &str = ":after";
const OWN: &str = ":own";
const FAILED: &str = ":failed";

/// The workflow of a saga, with where its parts stand in the config.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) document: Document,
    /// The inputs of the saga, each with the inputs inside that have its value and where these stand.
    pub(super) inputs: BTreeMap<Text, Vec<(End, String)>>,
    /// Where the action or compensation of a node stands, and its step.
    nodes: BTreeMap<Text, (String, Text)>,
    /// For a connection that the config names, where it does, and the step and output that are meant.
    connections: BTreeMap<usize, (String, Text, Text)>,
}

/// The id of a node that belongs to a step.
fn of(step: &Text, what: &str) -> Text {
    Text::from(format!("{step}:{what}"))
}

impl Draft {
    /// The workflow of `steps`; problems go to `issues`.
    pub(super) fn of(steps: &[Step], on_failure: OnFailure, issues: &mut Vec<Issue>) -> Result<Self> {
        let mut draft = Self::default();
        draft.document.name = "saga".into();
        let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        for (at, step) in steps.iter().enumerate() {
            let id = &step.id;
            if at > 0 {
                draft.connect(&steps[at - 1].id, attempt::DONE, id, AFTER);
            }
            if let Some(action) = &step.action {
                let gates = if at > 0 { vec![AFTER] } else { Vec::new() };
                let place = format!("{}.{ACTION}", step.place);
                draft.act(
                    id,
                    Part { step, act: action, place, gates, before: &ids[..at], later: None },
                    issues,
                )?;
            }
            let unwound = of(id, "unwound");
            let config = value!({"step": (id.clone())}).into_map().unwrap_or_default();
            draft.node(&unwound, Unwind::spec().name, config);
            draft.connect(id, attempt::ERROR, &unwound, unwind::ERROR);
            // Nothing comes after the last step that could fail: its compensation is checked, and never run.
            let later = steps.get(at + 1).map(|later| of(&later.id, "unwound"));
            if let Some(later) = &later {
                draft.connect(later, unwind::ACCOUNT, &unwound, unwind::LATER);
            }
            if let Some(compensation) = &step.compensation {
                draft.compensation(step, compensation, &ids[..at], later.as_ref(), issues)?;
            }
        }
        draft.outcome(steps, on_failure)?;
        Ok(draft)
    }

    fn compensation(
        &mut self,
        step: &Step,
        act: &Act,
        before: &[&str],
        later: Option<&Text>,
        issues: &mut Vec<Issue>,
    ) -> Result<()> {
        let (undo, unwound) = (of(&step.id, "undo"), of(&step.id, "unwound"));
        let place = format!("{}.{COMPENSATION}", step.place);
        self.act(&undo, Part { step, act, place, gates: vec![OWN, FAILED], before, later }, issues)?;
        self.connect_ran(&step.id, &undo, OWN);
        if let Some(later) = later {
            self.connect(later, unwind::ACCOUNT, &undo, FAILED);
        }
        self.connect(&undo, &format!("{}.{COMPENSATION}", attempt::DONE), &unwound, unwind::DONE);
        self.connect(&undo, attempt::ERROR, &unwound, unwind::UNDO_ERROR);
        Ok(())
    }

    fn outcome(&mut self, steps: &[Step], on_failure: OnFailure) -> Result<()> {
        let ids: kailash_core::Value = steps.iter().map(|step| step.id.clone().into()).collect();
        let mut config = Map::new();
        config.insert("steps", ids);
        config.insert("on_failure", kailash_core::to_value(&on_failure)?);
        self.node(&OUTCOME.into(), Outcome::spec().name, config);
        for step in steps {
            self.connect(&step.id, &format!("{}.{ACTION}", attempt::DONE), &OUTCOME.into(), &step.id);
        }
        if let Some(first) = steps.first() {
            let unwound = of(&first.id, "unwound");
            self.connect(&unwound, unwind::ACCOUNT, &OUTCOME.into(), &outcome::account_input());
        }
        Ok(())
    }

    /// Adds an action or a compensation with the connections that its config names.
    fn act(&mut self, id: &Text, part: Part<'_>, issues: &mut Vec<Issue>) -> Result<()> {
        let Part { step, act, place, gates, before, later } = part;
        let own = (*id != step.id).then_some(step.id.as_str());
        let (mut fed, mut picked) = (Vec::new(), Vec::new());
        for (name, origin) in act.inputs() {
            let here = format!("{place}.inputs.{name}");
            let Origin { root, path } = match Origin::parse(origin, before, own) {
                Ok(origin) => origin,
                Err(issue) => {
                    issues.push(named(&step.id, issue).at(here));
                    continue;
                }
            };
            let is_input = matches!(root, Root::Input(_));
            match root {
                Root::Input(input) => {
                    let end = (id.clone(), Text::from(name));
                    self.inputs.entry(input).or_default().push((end, here));
                }
                Root::Output { step, output: Some(output) } => {
                    let at = self.document.connections.len();
                    self.connect(&step, &output, id, name);
                    self.connections.insert(at, (here, step, output));
                }
                Root::Output { step, output: None } => self.connect_ran(&step, id, name),
                Root::Failure => {
                    if let Some(later) = later {
                        self.connect(later, unwind::ACCOUNT, id, name);
                    }
                }
            }
            if is_input && path.is_empty() {
                fed.push(name.to_owned());
            } else {
                let path = path.iter().map(ToString::to_string).collect();
                picked.push(Picked { name: name.to_owned(), path, required: is_input });
            }
        }
        let name = if own.is_some() { COMPENSATION } else { ACTION };
        let gates = gates.into_iter().map(str::to_owned).collect();
        let attempt = Attempt { name: name.into(), act: act.clone(), gates, fed, picked, scope: None };
        self.nodes.insert(id.clone(), (place, step.id.clone()));
        self.document.nodes.push(attempt.draft(id)?);
        Ok(())
    }

    fn node(&mut self, id: &Text, type_name: &str, config: Map) {
        let (id, type_name) = (id.clone(), type_name.into());
        self.document.nodes.push(NodeDraft { id, type_name, config, ..NodeDraft::default() });
    }

    /// Leads all outputs of the action of `step`, as a map, to an input that is on a branch not taken if the action was
    /// skipped.
    fn connect_ran(&mut self, step: &Text, to: &Text, input: &str) {
        let ran = of(step, "ran");
        if !self.document.nodes.iter().any(|node| node.id == ran) {
            self.node(&ran, Ran::spec().name, Map::new());
            self.connect(step, &format!("{}.{ACTION}", attempt::DONE), &ran, "outputs");
        }
        self.connect(&ran, "ran", to, input);
    }

    fn connect(&mut self, from: &Text, output: &str, to: &Text, input: &str) {
        self.document.connections.push(ConnectionDraft {
            from: from.clone(),
            output: output.into(),
            to: to.clone(),
            input: input.into(),
            ..ConnectionDraft::default()
        });
    }

    /// A problem of the workflow as one of the config; none for what only follows from a problem told already.
    pub(super) fn place(&self, mut issue: Issue) -> Option<Issue> {
        let place = issue.place.take().unwrap_or_default();
        if issue.code.starts_with("node.id.") {
            return None;
        }
        if let Some(node) = issue.node.take() {
            let (act, step) = self.nodes.get(&node)?;
            let rest = place.strip_prefix(&format!("nodes.{node}")).unwrap_or_default();
            return Some(named(step, issue).at(format!("{act}{rest}")));
        }
        let Some(rest) = place.strip_prefix("connections[") else { return Some(issue.at("config.steps")) };
        let index: usize = rest.trim_end_matches(']').parse().ok()?;
        let (here, step, output) = self.connections.get(&index)?;
        if issue.code != "connection.output.unknown" {
            return None;
        }
        let known = issue.hint.unwrap_or_default();
        let own = format!("it has: {}, {}, ", attempt::DONE, attempt::ERROR);
        let message = format!("the action of step `{step}` has no output `{output}`");
        let issue = Issue::error("saga.origin", message).at(here.clone());
        Some(match known.strip_prefix(&own) {
            Some(known) => issue.hint(format!("it has: {known}")),
            None => issue.hint("it has no outputs"),
        })
    }
}

/// An action or a compensation on its way into the workflow.
struct Part<'s> {
    step: &'s Step,
    act: &'s Act,
    place: String,
    gates: Vec<&'static str>,
    /// The steps whose actions have ended.
    before: &'s [&'s str],
    /// For a compensation, the account of the step behind.
    later: Option<&'s Text>,
}

/// The same problem with its step in the message.
fn named(step: &str, issue: Issue) -> Issue {
    Issue { message: format!("step `{step}`: {}", issue.message), ..issue }
}

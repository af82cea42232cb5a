//! One run that is watched: its nodes, and how it stands. Pure.

use std::collections::HashMap;

use kailash_core::{Event, RunId, RunStatus, Text, event::What, exec::Timestamp};

use super::{
    client::Past,
    node::{Node, State, place},
};

/// The most nodes of a run that are kept apart.
const MAX_NODES: usize = 10_000;

/// A run.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    /// Empty as long as it is not known.
    pub(super) workflow: Text,
    pub(super) status: RunStatus,
    pub(super) began: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// How many nodes it has.
    pub(super) size: Option<usize>,
    /// Whether something may have happened in it that was not heard.
    pub(super) partial: bool,
    /// In the order in which they began.
    pub(super) nodes: Vec<Node>,
    /// What it waits for.
    pub(super) waits: Option<String>,
    places: HashMap<Text, usize>,
}

impl Run {
    /// A run of which nothing is known yet; it is partial if it may have begun before.
    pub(super) fn new(id: RunId, partial: bool) -> Self {
        Self {
            id,
            workflow: Text::default(),
            status: RunStatus::Running,
            began: None,
            ended: None,
            size: None,
            partial,
            nodes: Vec::new(),
            waits: None,
            places: HashMap::new(),
        }
    }

    /// How many nodes stand so.
    pub(super) fn count(&self, state: State) -> usize {
        self.nodes.iter().filter(|node| node.state == state).count()
    }

    /// The node that began last of those under way, and how many others are.
    pub(super) fn current(&self) -> Option<(&Node, usize)> {
        let open = || self.nodes.iter().filter(|node| node.state.is_open());
        let last = open().max_by_key(|node| node.since)?;
        Some((last, open().count() - 1))
    }

    pub(super) fn hear(&mut self, event: &Event) {
        match &event.what {
            What::RunStarted { workflow, nodes } | What::RunResumed { workflow, nodes } => {
                (self.workflow, self.size, self.status) =
                    (workflow.clone(), Some(*nodes), RunStatus::Running);
                (self.ended, self.waits) = (None, None);
                if matches!(event.what, What::RunStarted { .. }) {
                    // Hosts of older releases tell the beginning again when a run goes on.
                    self.began.get_or_insert(event.at);
                }
            }
            What::RunFinished { status, .. } => self.end(*status, Some(event.at)),
            What::RunSuspended { until, signals } => {
                self.status = RunStatus::Suspended;
                let signals = (!signals.is_empty()).then(|| format!("for {}", signals.join(", ")));
                let until = until.map(|until| format!("until {until}"));
                self.waits = Some([signals, until].into_iter().flatten().collect::<Vec<_>>().join(", "));
            }
            what => {
                let Some(unit) = &event.unit else { return };
                let (id, turn, inside) = place(unit);
                let Some(node) = self.node(id) else { return };
                match what {
                    What::NodeFinished { .. } if inside => node.inside += 1,
                    _ if inside => {}
                    _ => node.hear(event, turn),
                }
            }
        }
    }

    /// Takes what the journal knows, where no event said more.
    pub(super) fn recall(&mut self, past: &[Past]) {
        for past in past {
            let Some(unit) = &past.unit else { continue };
            let (id, _, inside) = place(unit);
            let fresh = !self.places.contains_key(id);
            let Some(node) = self.node(id) else { continue };
            match past.what.as_str() {
                _ if inside => {}
                "done" => (node.state, node.said) = (State::Done, None),
                "failed" => node.fail(past.code.as_ref(), None),
                "suspended" => node.sleep(None, past.at, past.signal.as_ref()),
                "started" | "woken" if fresh || node.state == State::Suspended => node.state = State::Running,
                _ => {}
            }
        }
        self.partial = false;
    }

    /// The run has ended: nothing in it is under way.
    pub(super) fn end(&mut self, status: RunStatus, at: Option<Timestamp>) {
        (self.status, self.ended, self.waits) = (status, at.or(self.ended), None);
        // Of a run that completed the ends of some nodes were missed.
        let over = if status == RunStatus::Completed { State::Done } else { State::GivenUp };
        for node in self.nodes.iter_mut().filter(|node| node.state.is_open()) {
            node.state = over;
        }
    }

    fn node(&mut self, id: &str) -> Option<&mut Node> {
        let at = match self.places.get(id) {
            Some(at) => *at,
            None if self.nodes.len() == MAX_NODES => return None,
            None => {
                self.nodes.push(Node::new(id.into()));
                self.places.insert(id.into(), self.nodes.len() - 1);
                self.nodes.len() - 1
            }
        };
        self.nodes.get_mut(at)
    }
}

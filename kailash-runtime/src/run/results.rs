//! What a run gave, by node and output.

use std::{fmt, sync::Arc};

use kailash_core::{Map, Text, Value, workflow::Node};

use crate::{plan::Plan, schedule::Status};

/// How a node stood at the end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeStatus {
    /// It gave its outputs.
    Done,
    /// It did not run: no branch led to it, what it needs failed, or the run ended before its turn.
    Skipped,
    /// It failed.
    Failed,
}

/// The outputs of a run's nodes. Cloning shares them.
#[derive(Clone)]
pub struct Results(Arc<Inner>);

struct Inner {
    plan: Arc<Plan>,
    slots: Vec<Option<Value>>,
    status: Vec<Status>,
}

impl Results {
    pub(crate) fn new(plan: Arc<Plan>, slots: Vec<Option<Value>>, status: Vec<Status>) -> Self {
        Self(Arc::new(Inner { plan, slots, status }))
    }

    /// Output `output` of node `node`; none if the node did not run, did not take that branch, or its value was
    /// dropped by [`Keep`](crate::Keep).
    #[must_use]
    pub fn get(&self, node: &str, output: &str) -> Option<&Value> {
        let (member, described) = self.member(node)?;
        let output = described.config.ports.output(output)?;
        self.0.slots.get(self.slots_of(member).start + output)?.as_ref()
    }

    /// All outputs of node `node` by name; none if it did not run.
    #[must_use]
    pub fn node(&self, node: &str) -> Option<Map> {
        let (member, described) = self.member(node)?;
        (self.0.status.get(member) == Some(&Status::Done)).then(|| collect(self.outputs(member, described)))
    }

    /// How node `node` stood at the end.
    #[must_use]
    pub fn status(&self, node: &str) -> Option<NodeStatus> {
        let (member, _) = self.member(node)?;
        self.0.status.get(member).map(|status| public(*status))
    }

    /// The outputs of every node that ran, by id, in the document's order.
    #[must_use]
    pub fn to_map(&self) -> Map {
        self.done().map(|(id, outputs)| (id.clone(), Value::from(collect(outputs)))).collect()
    }

    /// Every node that ran, in the document's order, with its outputs by name.
    pub fn done(&self) -> impl Iterator<Item = (&Text, impl Iterator<Item = (&Text, &Value)>)> {
        let members = self.members().filter(|(_, _, status)| *status == NodeStatus::Done);
        members.map(|(member, node, _)| (&node.id, self.outputs(member, node)))
    }

    /// The ids of the nodes that did not run, in the document's order.
    pub fn skipped(&self) -> impl Iterator<Item = &Text> {
        self.members().filter(|(_, _, status)| *status == NodeStatus::Skipped).map(|(_, node, _)| &node.id)
    }

    fn outputs<'r>(&'r self, member: usize, node: &'r Node) -> impl Iterator<Item = (&'r Text, &'r Value)> {
        let values = self.0.slots.get(self.slots_of(member)).unwrap_or_default();
        let named = node.config.ports.outputs.iter().zip(values);
        named.filter_map(|(output, value)| Some((&output.name, value.as_ref()?)))
    }

    /// Every node of the workflow with its position among the plan's members, in the document's order.
    fn members(&self) -> impl Iterator<Item = (usize, &Node, NodeStatus)> {
        let (members, order) = (&self.0.plan.scopes[0].members, &self.0.plan.document_order);
        let known = self.0.status.len();
        order.iter().map(|member| *member as usize).filter(move |member| *member < known).map(|member| {
            let node = &self.0.plan.workflow.nodes()[members[member].node as usize];
            (member, node, public(self.0.status[member]))
        })
    }

    fn member(&self, id: &str) -> Option<(usize, &Node)> {
        let scope = &self.0.plan.scopes[0];
        let member = scope.members.iter().position(|member| member.id == id)?;
        Some((member, &self.0.plan.workflow.nodes()[scope.members[member].node as usize]))
    }

    fn slots_of(&self, member: usize) -> std::ops::Range<usize> {
        let slots = &self.0.plan.scopes[0].members[member].slots;
        slots.start as usize..slots.end as usize
    }
}

fn collect<'r>(outputs: impl Iterator<Item = (&'r Text, &'r Value)>) -> Map {
    outputs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn public(status: Status) -> NodeStatus {
    match status {
        Status::Done => NodeStatus::Done,
        Status::Failed => NodeStatus::Failed,
        Status::Skipped | Status::Pending => NodeStatus::Skipped,
    }
}

impl fmt::Debug for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_map(), f)
    }
}

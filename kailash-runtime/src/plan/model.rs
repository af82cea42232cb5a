//! The data of a plan.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use kailash_core::{
    Kind, Path, Text, Value, Workflow,
    exec::NodeOptions,
    expr::Expr,
    node::{Effect, Lift, OnItemError, Run, RunAsync, Streaming},
};

use super::{bind::Extra, cost::Cost, versions::Versions};

/// A workflow resolved against its types and a host's services, ready to run any number of times.
pub struct Plan {
    /// The workflow.
    pub(crate) workflow: Workflow,
    /// The scopes; the workflow itself is the first.
    pub(crate) scopes: Vec<ScopePlan>,
    /// What config and defaults give to each input of the whole plan.
    pub(crate) template: Arc<[Option<Value>]>,
    /// The document's own run parameters for nodes with open inputs.
    pub(crate) extra: Extra,
    /// For each node of the workflow, the position of its first input in `template`.
    pub(crate) bound_at: Vec<u32>,
    /// Required inputs of the workflow that nothing but a run parameter can give, as (node, input).
    pub(crate) unsupplied: Vec<(u32, u32)>,
    /// The members of the first scope in the document's order.
    pub(crate) document_order: Vec<u32>,
    /// The versions of its node types, also of those in workflows within.
    pub(crate) versions: Versions,
    /// The workflow's document as journals keep it, once one did.
    pub(crate) packed: OnceLock<Bytes>,
}

/// The nodes of one workflow or of one cycle, in an order in which none comes before what it needs.
#[derive(Default)]
pub(crate) struct ScopePlan {
    /// Whether its nodes are those of the outermost workflow.
    pub(crate) outermost: bool,
    pub(crate) units: Vec<Unit>,
    /// The ids of the nodes in the order of their slots.
    pub(crate) members: Vec<Member>,
    pub(crate) inputs: Vec<InputPlan>,
    /// The connections into inputs that have several.
    pub(crate) wires: Vec<Wire>,
    /// The names of the inputs, for messages; apart, because a run reads `inputs` at every unit.
    pub(crate) input_names: Vec<Text>,
    /// Units that wait for a unit, by [`Unit::successors`].
    pub(crate) successors: Vec<u32>,
    /// How many units each unit waits for.
    pub(crate) waits: Vec<u32>,
    /// How many values its nodes give.
    pub(crate) slots: u32,
    /// How often each slot is read.
    pub(crate) reads: Vec<u32>,
}

/// A node and its slots.
pub(crate) struct Member {
    pub(crate) id: Text,
    /// The position in the workflow's nodes.
    pub(crate) node: u32,
    pub(crate) slots: Range<u32>,
}

/// What is scheduled as one: a node, a cycle, or nodes joined by streams.
pub(crate) struct Unit {
    pub(crate) work: Work,
    pub(crate) inputs: Range<u32>,
    pub(crate) slots: Range<u32>,
    pub(crate) members: Range<u32>,
    pub(crate) successors: Range<u32>,
    /// Whether a connection enters it that is a branch: without one alive it is skipped.
    pub(crate) wired: bool,
    /// Whether a branch not taken is null to it rather than absent, and run parameters may go by any name.
    pub(crate) open: bool,
    /// Whether each input has at most one connection, without a path, from a node of the same pass: nothing to decide.
    pub(crate) plain: bool,
    pub(crate) options: Option<Box<NodeOptions>>,
    /// What calling its body has cost lately; only of compute.
    pub(crate) cost: Cost,
    /// Whether its body may be suspended.
    pub(crate) suspends: bool,
    /// What running it does to the world.
    pub(crate) effect: Effect,
    /// Whether whoever it acts on remembers idempotency keys.
    pub(crate) keyed: bool,
}

/// What a unit does.
pub(crate) enum Work {
    Inline(Arc<dyn Run>),
    Compute(Arc<dyn Run>),
    Future(Arc<dyn RunAsync>),
    Cycle(Box<CyclePlan>),
    Nested(Box<NestedPlan>),
    Each(Box<EachPlan>),
    Pipeline(Arc<PipelinePlan>),
}

/// A cycle: its scope is run again until it converges.
pub(crate) struct CyclePlan {
    pub(crate) scope: u32,
    pub(crate) max_iterations: u32,
    pub(crate) checks: Vec<CycleCheck>,
    /// Each member's output names, for the conditions.
    pub(crate) names: Vec<Vec<Text>>,
    /// The members that the connections back leave: when all of them were skipped, the cycle ends.
    pub(crate) back_from: Vec<u32>,
    /// The slots that the next turn reads.
    pub(crate) back_slots: Vec<u32>,
}

/// The conditions of one cycle.
pub(crate) struct CycleCheck {
    pub(crate) convergence: Option<Arc<Expr>>,
    pub(crate) condition: Option<Arc<Expr>>,
    /// The members whose outputs are the variables: one for each connection that closes the cycle.
    pub(crate) members: Vec<u32>,
}

/// A workflow run once inside another.
pub(crate) struct NestedPlan {
    pub(crate) scope: u32,
    pub(crate) taps: Vec<TapPlan>,
    pub(crate) results_at: Option<u32>,
    /// The output that is the error of a failure within, which then is no failure of the node.
    pub(crate) error_at: Option<u32>,
    /// For the map of all results: each member's output names.
    pub(crate) names: Vec<Vec<Text>>,
}

/// A workflow run for each item of a list.
pub(crate) struct EachPlan {
    pub(crate) scope: u32,
    pub(crate) items: u32,
    pub(crate) tap: TapPlan,
    pub(crate) max_concurrency: u32,
    pub(crate) on_error: OnItemError,
}

/// A value that an inner scope hands outside.
pub(crate) struct TapPlan {
    pub(crate) slot: u32,
    pub(crate) path: Option<Path>,
}

/// Nodes joined by stream connections.
pub(crate) struct PipelinePlan {
    pub(crate) members: Vec<PipelineMember>,
    pub(crate) links: Vec<Link>,
}

/// A node of a pipeline.
pub(crate) struct PipelineMember {
    pub(crate) id: Text,
    pub(crate) form: Form,
    /// The position in the workflow's nodes, if it may get run parameters by any name.
    pub(crate) open: Option<u32>,
    /// Its inputs among those of the unit.
    pub(crate) inputs: Range<usize>,
    pub(crate) outputs: u32,
}

/// How a node works in a pipeline.
pub(crate) enum Form {
    Own(Streaming),
    /// The whole form, lifted; the port is the input that is streamed.
    Lifted {
        body: kailash_core::node::Whole,
        lift: Lift,
        port: usize,
    },
}

/// A stream connection within a pipeline.
#[derive(Clone, Copy)]
pub(crate) struct Link {
    pub(crate) from: usize,
    pub(crate) output: usize,
    pub(crate) to: usize,
    pub(crate) input: usize,
}

/// Where one input of a unit gets its value.
pub(crate) struct InputPlan {
    pub(crate) sources: Sources,
    /// The position in the bound values; `u32::MAX` for none.
    pub(crate) bound: u32,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

// A run of 10,000 nodes reads as many of these as it has connections: three fit a cache line, and must go on fitting.
const _: () = assert!(size_of::<InputPlan>() <= 24);

/// The connections into an input. Of several the last alive wins.
pub(crate) enum Sources {
    None,
    One(Wire),
    /// A part of [`ScopePlan::wires`].
    Many(Range<u32>),
}

impl Sources {
    /// Whether there is at most one, from a node of the same pass and without a path.
    pub(crate) fn are_plain(&self) -> bool {
        matches!(self, Self::None | Self::One(Wire { from: WireFrom::Slot(_), path: None }))
    }
}

/// One connection.
pub(crate) struct Wire {
    pub(crate) from: WireFrom,
    pub(crate) path: Option<Box<Path>>,
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireFrom {
    /// A slot of the same scope.
    Slot(u32),
    /// A slot of the scope's previous turn.
    Back(u32),
    /// A connection that entered when the scope was opened.
    Outer(u32),
    /// A connection that leads back in a scope around, and entered when this one was opened.
    OuterBack(u32),
    /// A value from the workflow around: an input like one from a config, and no branch.
    Fed(u32),
}

impl WireFrom {
    /// Whether a node without any such connection alive is on a branch not taken.
    pub(crate) fn is_branch(self) -> bool {
        matches!(self, Self::Slot(_) | Self::Outer(_))
    }
}

impl Plan {
    /// The workflow that was planned.
    #[must_use]
    pub fn workflow(&self) -> &Workflow {
        &self.workflow
    }

    /// How many units are scheduled for one pass through the outermost workflow.
    #[must_use]
    pub fn unit_count(&self) -> usize {
        self.scopes[0].units.len()
    }
}

impl ScopePlan {
    pub(crate) fn unit_inputs(&self, unit: &Unit) -> &[InputPlan] {
        &self.inputs[unit.inputs.start as usize..unit.inputs.end as usize]
    }

    pub(crate) fn wires(&self, several: &Range<u32>) -> &[Wire] {
        &self.wires[several.start as usize..several.end as usize]
    }

    pub(crate) fn unit_input_names(&self, unit: &Unit) -> &[Text] {
        &self.input_names[unit.inputs.start as usize..unit.inputs.end as usize]
    }

    pub(crate) fn unit_successors(&self, unit: &Unit) -> &[u32] {
        &self.successors[unit.successors.start as usize..unit.successors.end as usize]
    }

    /// The id of the node a unit is called by: its only one, or the first of several. Numbers from
    /// [`ScopePlan::member_number`] name one of several.
    pub(crate) fn unit_name(&self, unit: u32) -> &Text {
        let unit = unit as usize;
        let member = match unit.checked_sub(self.units.len()) {
            None => self.units[unit].members.start as usize,
            Some(member) => member,
        };
        &self.members[member].id
    }

    /// A number in place of a unit's for one member of a unit of several, so that each has an id of its own.
    pub(crate) fn member_number(&self, member: u32) -> u32 {
        u32::try_from(self.units.len()).unwrap_or(u32::MAX).saturating_add(member)
    }
}

//! One pass through a scope: the workflow itself, a turn of a cycle, an item of a foreach.

use std::sync::Mutex;

use kailash_core::{Error, RunId, Step, Text, UnitId, Value, node::UnitKey};

use crate::plan::{Plan, ScopePlan, Unit, Work};

/// How a node stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not started, or under way.
    #[default]
    Pending,
    /// It gave its outputs.
    Done,
    /// No branch led to it, or what it needs failed.
    Skipped,
    /// It failed.
    Failed,
}

/// One pass through a scope.
pub(crate) struct Frame {
    pub(crate) scope: u32,
    /// The unit that opened it.
    pub(crate) parent: Option<UnitKey>,
    pub(crate) iteration: u32,
    pub(crate) item: u32,
    /// Units that are not done.
    pub(crate) left: u32,
    /// For each unit, how many it still waits for.
    pub(crate) waits: Vec<u32>,
    pub(crate) slots: Vec<Option<Value>>,
    /// By member.
    pub(crate) status: Vec<Status>,
    /// Values handed in from the scope around.
    pub(crate) outer: Vec<Option<Value>>,
    /// The slots of the turn before.
    pub(crate) previous: Vec<Option<Value>>,
    /// For each slot, how many reads are still to come; empty if every value is kept.
    pub(crate) reads: Vec<u32>,
    /// Units that are skipped because what they need failed; empty while there are none.
    pub(crate) poisoned: Vec<bool>,
    pub(crate) failed: bool,
    /// Of the failures that are told as a value when the frame is through, the first by its unit's id.
    pub(crate) caught: Option<Box<Caught>>,
    /// The frames that its units opened.
    pub(crate) opened: Vec<u32>,
}

/// A failure that is told as a value.
pub(crate) struct Caught {
    /// The unit's id.
    pub(crate) unit: String,
    pub(crate) error: Error,
}

impl Frame {
    pub(crate) fn open(
        scope: u32,
        plan: &ScopePlan,
        parent: Option<UnitKey>,
        outer: Vec<Option<Value>>,
    ) -> Self {
        Self {
            scope,
            parent,
            iteration: 0,
            item: 0,
            left: u32::try_from(plan.units.len()).unwrap_or(u32::MAX),
            waits: plan.waits.clone(),
            slots: vec![None; plan.slots as usize],
            status: vec![Status::Pending; plan.members.len()],
            outer,
            previous: Vec::new(),
            reads: Vec::new(),
            poisoned: Vec::new(),
            failed: false,
            caught: None,
            opened: Vec::new(),
        }
    }
}

impl Frame {
    /// Whether the node that would have filled `slot` failed.
    pub(crate) fn gave_up(&self, plan: &ScopePlan, slot: u32) -> bool {
        let mut members = plan.members.iter().zip(&self.status);
        members.any(|(member, status)| *status == Status::Failed && member.slots.contains(&slot))
    }

    /// Marks units that wait for one that failed.
    pub(crate) fn poison(&mut self, units: &[u32]) {
        self.poisoned.resize(self.waits.len(), false);
        for unit in units {
            self.poisoned[*unit as usize] = true;
        }
    }

    /// Notes how the nodes of a unit stand that have not ended otherwise.
    #[inline]
    pub(crate) fn mark(&mut self, unit: &Unit, status: Status) {
        for member in &mut self.status[unit.members.start as usize..unit.members.end as usize] {
            if *member == Status::Pending {
                *member = status;
            }
        }
    }
}

/// Where each frame came from, for the ids of units. Kept apart from the schedule, because bodies ask while they run.
#[derive(Default)]
pub(crate) struct Lineage(Mutex<Vec<Origin>>);

#[derive(Clone, Copy)]
struct Origin {
    scope: u32,
    parent: Option<UnitKey>,
    iteration: u32,
    item: u32,
}

impl Lineage {
    /// Notes the frame numbered next.
    pub(crate) fn add(&self, frame: &Frame) {
        let Frame { scope, parent, iteration, item, .. } = *frame;
        self.lock().push(Origin { scope, parent, iteration, item });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Origin>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The scope of frame `number`.
    pub(crate) fn scope(&self, number: u32) -> Option<u32> {
        self.lock().get(number as usize).map(|origin| origin.scope)
    }

    /// The full id of a unit.
    pub(crate) fn unit_id(&self, run: RunId, plan: &Plan, unit: UnitKey) -> UnitId {
        let origins = self.lock();
        let mut path: Vec<Step> = Vec::new();
        let mut here = Some(unit);
        while let Some(unit) = here {
            let Some(origin) = origins.get(unit.frame as usize) else { break };
            let scope = &plan.scopes[origin.scope as usize];
            let node: Text = scope.unit_name(unit.node).clone();
            let step = Step { node, iteration: origin.iteration, item: origin.item };
            // A cycle is no node: what is in it stands in the same item, and its own step is kept only for a turn around.
            let cycle =
                scope.units.get(unit.node as usize).is_some_and(|unit| matches!(unit.work, Work::Cycle(_)));
            match path.last_mut() {
                Some(inside) if cycle && step.iteration == 0 => inside.item = step.item,
                _ => path.push(step),
            }
            here = origin.parent;
        }
        path.reverse();
        UnitId { run, path }
    }
}

//! The scheduler's state and its calls: what is ready, what is done, what failed.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use kailash_core::{
    Error, Value,
    exec::FailurePolicy,
    node::{Inputs, Outputs, UnitKey},
};

use super::{
    frame::{Frame, Lineage, Status},
    gather::gather,
    scopes::{Catcher, EachState},
};
use crate::plan::{Bound, Plan, Unit, Work};

/// A unit that can run now.
pub(crate) struct Ready {
    pub(crate) unit: UnitKey,
    /// The scope of the unit's frame.
    pub(crate) scope: u32,
    pub(crate) inputs: Inputs,
}

/// A unit that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) unit: UnitKey,
    pub(crate) error: Error,
}

/// What happened inside the scheduler that listeners want to know.
#[derive(Clone, Debug)]
pub(crate) enum Note {
    /// A nested workflow or a foreach began.
    Opened(UnitKey),
    /// It gave its outputs.
    Closed(UnitKey),
    /// It failed because something in it did.
    FailedWithin(UnitKey),
    Failed(UnitKey, Error),
    Skipped(UnitKey),
    Turned {
        unit: UnitKey,
        iteration: u32,
        converged: bool,
    },
}

/// A body gave more outputs than its node declares.
pub(crate) fn too_many(given: usize, declared: usize) -> Error {
    Error::internal(format!("the body gave {given} outputs, but {declared} are declared"))
}

/// One run's state.
pub(crate) struct Schedule {
    pub(super) plan: Arc<Plan>,
    bound: Bound,
    pub(super) lineage: Arc<Lineage>,
    /// Boxed, because a long cycle leaves an empty place for each of its turns.
    pub(super) frames: Vec<Option<Box<Frame>>>,
    ready: VecDeque<UnitKey>,
    pub(super) each: HashMap<UnitKey, EachState>,
    policy: FailurePolicy,
    failures: Vec<Failure>,
    stopped: bool,
    /// Collected only while somebody listens.
    notes: Option<Vec<Note>>,
}

impl Schedule {
    /// A run that has not begun. `reads` says, for each slot of the workflow, after how many reads its value may be
    /// dropped; empty keeps them all.
    pub(crate) fn new(
        plan: Arc<Plan>,
        bound: Bound,
        lineage: Arc<Lineage>,
        policy: FailurePolicy,
        reads: Vec<u32>,
        listened: bool,
    ) -> Self {
        let mut root = Frame::open(0, &plan.scopes[0], None, Vec::new());
        root.reads = reads;
        let mut schedule = Self {
            plan,
            bound,
            lineage,
            frames: Vec::new(),
            ready: VecDeque::new(),
            each: HashMap::new(),
            policy,
            failures: Vec::new(),
            stopped: false,
            notes: listened.then(Vec::new),
        };
        schedule.enter(root);
        schedule
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_done(&self) -> bool {
        self.stopped || self.frames[0].as_ref().is_none_or(|root| root.left == 0)
    }

    /// Whether [`Schedule::next`] may find something.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Ends the run: nothing more becomes ready, and completions are ignored.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
        self.ready.clear();
    }

    /// The units that failed.
    pub(crate) fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// What happened since the last call.
    pub(crate) fn take_notes(&mut self) -> Vec<Note> {
        self.notes.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The values and states of the workflow's nodes, at the end of the run.
    pub(crate) fn take_root(&mut self) -> (Vec<Option<Value>>, Vec<Status>) {
        self.stop();
        self.frames[0].take().map(|root| (root.slots, root.status)).unwrap_or_default()
    }

    /// The next unit that can run. Skips those that no branch led to, and opens scopes on the way.
    pub(crate) fn next(&mut self) -> Option<Ready> {
        while let Some(unit) = self.ready.pop_front() {
            let Some(frame) = self.frames[unit.frame as usize].as_mut() else { continue };
            let scope = &self.plan.scopes[frame.scope as usize];
            let planned = &scope.units[unit.node as usize];
            if !frame.poisoned.is_empty() && frame.poisoned[unit.node as usize] {
                self.skip(unit, true);
                continue;
            }
            let mut inputs = Inputs::new();
            match gather(frame, scope, planned, &self.bound, &mut inputs) {
                Ok(true) => match planned.work {
                    Work::Inline(_) | Work::Compute(_) | Work::Future(_) | Work::Pipeline(_) => {
                        if planned.open && scope.outermost {
                            let node = scope.members[planned.members.start as usize].node;
                            if let Some(named) = self.bound.extra(node) {
                                inputs.set_extra(Arc::clone(named));
                            }
                        }
                        return Some(Ready { unit, scope: frame.scope, inputs });
                    }
                    Work::Cycle(_) | Work::Nested(_) | Work::Each(_) => self.open(unit, inputs),
                },
                Ok(false) => self.skip(unit, false),
                Err(error) => self.fail(unit, error),
            }
        }
        None
    }

    /// Takes the outputs of a unit, by slot. Ignored if the run has ended or the unit's frame is gone.
    #[inline]
    pub(crate) fn complete(&mut self, unit: UnitKey, mut outputs: Outputs) {
        let Some((frame, planned)) = self.live(unit) else { return };
        let declared = planned.slots.len();
        if outputs.len() > declared {
            return self.fail(unit, too_many(outputs.len(), declared));
        }
        for (at, slot) in planned.slots.clone().enumerate().take(outputs.len()) {
            let slot = slot as usize;
            if frame.reads.get(slot) != Some(&0) {
                frame.slots[slot] = outputs.take(at);
            }
        }
        self.advance(unit, Status::Done, false);
    }

    /// Takes the failure of a unit. Ignored if the run has ended or the unit's frame is gone.
    pub(crate) fn fail(&mut self, unit: UnitKey, error: Error) {
        if self.live(unit).is_none() {
            return;
        }
        self.note(|| Note::Failed(unit, error.clone()));
        match self.catcher(unit.frame) {
            Some(Catcher::Item { frame, each }) => return self.item_is_null(frame, each),
            Some(Catcher::Told { frame }) => self.keep_first(frame, unit, error),
            None => self.failures.push(Failure { unit, error }),
        }
        self.after_failure(unit);
    }

    /// A unit has failed and its error is noted: stops the run or goes on beside it, as the policy says. Where the failure
    /// is told as a value the run goes on, and the value must not depend on what came first.
    pub(super) fn after_failure(&mut self, unit: UnitKey) {
        let Some((frame, _)) = self.live(unit) else { return };
        frame.failed = true;
        let told = matches!(self.catcher(unit.frame), Some(Catcher::Told { .. }));
        match if told { FailurePolicy::SkipDependents } else { self.policy } {
            FailurePolicy::FailFast => {
                self.mark(unit, Status::Failed);
                self.fail_around(unit.frame);
                self.stop();
            }
            FailurePolicy::SkipDependents => self.advance(unit, Status::Failed, true),
            FailurePolicy::Continue => self.advance(unit, Status::Failed, false),
        }
    }

    fn skip(&mut self, unit: UnitKey, poisoned: bool) {
        self.note(|| Note::Skipped(unit));
        self.advance(unit, Status::Skipped, poisoned);
    }

    /// Whether the outcome of a unit is still wanted.
    pub(crate) fn is_live(&mut self, unit: UnitKey) -> bool {
        self.live(unit).is_some()
    }

    /// The frame and plan of a unit, unless the run has ended or the frame is gone.
    fn live(&mut self, unit: UnitKey) -> Option<(&mut Frame, &Unit)> {
        if self.stopped {
            return None;
        }
        let frame = self.frames[unit.frame as usize].as_mut()?;
        let planned = &self.plan.scopes[frame.scope as usize].units[unit.node as usize];
        Some((frame, planned))
    }

    pub(super) fn mark(&mut self, unit: UnitKey, status: Status) {
        if let Some((frame, planned)) = self.live(unit) {
            frame.mark(planned, status);
        }
    }

    /// Lets those go on that waited for a unit; `poison` skips them instead.
    #[inline]
    pub(super) fn advance(&mut self, unit: UnitKey, status: Status, poison: bool) {
        let Self { plan, frames, ready, .. } = self;
        let Some(frame) = frames[unit.frame as usize].as_mut() else { return };
        let scope = &plan.scopes[frame.scope as usize];
        let planned = &scope.units[unit.node as usize];
        if !self.stopped {
            frame.mark(planned, status);
        }
        let successors = scope.unit_successors(planned);
        if poison {
            frame.poison(successors);
        }
        for successor in successors {
            let waits = &mut frame.waits[*successor as usize];
            *waits -= 1;
            if *waits == 0 {
                ready.push_back(UnitKey { frame: unit.frame, node: *successor });
            }
        }
        frame.left -= 1;
        if frame.left == 0 && frame.parent.is_some() {
            self.close(unit.frame);
        }
    }

    /// Adds a frame and makes its first units ready.
    pub(super) fn enter(&mut self, frame: Frame) {
        let number = u32::try_from(self.frames.len()).unwrap_or(u32::MAX);
        self.lineage.add(&frame);
        if let Some(around) = frame.parent.and_then(|unit| self.frames[unit.frame as usize].as_mut()) {
            around.opened.push(number);
        }
        let first = (0_u32..).zip(&frame.waits).filter(|(_, waits)| **waits == 0);
        self.ready.extend(first.map(|(node, _)| UnitKey { frame: number, node }));
        self.frames.push(Some(Box::new(frame)));
    }

    pub(super) fn note(&mut self, note: impl FnOnce() -> Note) {
        if let Some(notes) = &mut self.notes {
            notes.push(note());
        }
    }

    /// The run parameters that go by name to node `node` of the workflow.
    pub(crate) fn extra(&self, node: u32) -> Option<Arc<[(kailash_core::Text, Value)]>> {
        self.bound.extra(node).map(Arc::clone)
    }
}

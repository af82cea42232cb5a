//! What the bodies of one run may reach through their context.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use kailash_core::{
    RunId, Text, UnitId,
    event::What,
    exec::{Clock, Timestamp},
    node::{RunScope, UnitKey},
};
use tokio::{runtime::Handle, sync::Notify};

use super::events::EventHub;
use crate::{
    journal::{Before, UnitPath},
    plan::{Plan, Unit},
    schedule::Lineage,
};

/// The part of a run that its bodies share.
pub(crate) struct Shared {
    pub(crate) run: RunId,
    /// What it was before, if it goes on.
    pub(crate) before: Option<Before>,
    /// When it began and ended, as its journal says; nothing without one.
    pub(crate) began: Option<Timestamp>,
    pub(crate) ended: OnceLock<Timestamp>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) lineage: Arc<Lineage>,
    pub(crate) cancelled: AtomicBool,
    /// Whether nothing more is to begin, because the run is to be put aside.
    pub(crate) winding_down: AtomicBool,
    /// Told when the run was cancelled.
    pub(crate) cancel: Notify,
    pub(crate) clock: Arc<dyn Clock>,
    /// Absent while nobody listens.
    pub(crate) events: Option<EventHub>,
    pub(crate) tokio: Handle,
}

impl Shared {
    /// Asks the run to stop.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Release);
        self.cancel.notify_one();
    }

    /// Tells no more than one last event from now on: the number that comes after it.
    pub(crate) fn seal(&self) -> u64 {
        match &self.events {
            Some(events) => events.seal(),
            None => self.before.map_or(0, |before| before.events),
        }
    }

    /// Tells listeners of one unit.
    pub(crate) fn tell(&self, unit: UnitKey, attempt: Option<u32>, what: What) {
        if let Some(events) = &self.events {
            events.emit(Some(self.unit_name(unit)), attempt, what);
        }
    }

    /// What a unit is called in events.
    fn unit_name(&self, unit: UnitKey) -> Text {
        // Of the workflow itself a unit is called by its node alone.
        match unit.frame {
            0 => self.plan.scopes[0].unit_name(unit.node).clone(),
            _ => self.unit_id(unit).to_string().into(),
        }
    }

    /// Tells listeners of every node of a unit.
    pub(crate) fn tell_each(&self, unit: UnitKey, attempt: Option<u32>, what: &What) {
        if self.events.is_some() {
            for member in self.members(unit) {
                self.tell(member, attempt, what.clone());
            }
        }
    }

    /// The id of the node a unit is called by.
    pub(crate) fn node_of(&self, unit: UnitKey) -> Option<Text> {
        let scope = self.lineage.scope(unit.frame)?;
        Some(self.plan.scopes[scope as usize].unit_name(unit.node).clone())
    }

    /// What the plan says of a unit.
    pub(crate) fn planned(&self, unit: UnitKey) -> Option<&Unit> {
        let scope = self.lineage.scope(unit.frame)?;
        self.plan.scopes[scope as usize].units.get(unit.node as usize)
    }

    /// The nodes of a unit, as units with an id of their own.
    pub(crate) fn members(&self, unit: UnitKey) -> Vec<UnitKey> {
        let scope = self.lineage.scope(unit.frame).map(|scope| &self.plan.scopes[scope as usize]);
        match scope.and_then(|scope| Some((scope, scope.units.get(unit.node as usize)?))) {
            Some((scope, planned)) if planned.members.len() > 1 => {
                let members = planned.members.clone();
                members.map(|member| UnitKey { node: scope.member_number(member), ..unit }).collect()
            }
            _ => vec![unit],
        }
    }
}

impl Shared {
    /// The way to a unit.
    pub(crate) fn unit_path(&self, unit: UnitKey) -> UnitPath {
        self.unit_id(unit).path
    }
}

impl RunScope for Shared {
    fn unit_id(&self, unit: UnitKey) -> UnitId {
        self.lineage.unit_id(self.run, &self.plan, unit)
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn emit(&self, unit: UnitKey, attempt: u32, what: What) {
        self.tell(unit, Some(attempt), what);
    }

    fn spawn_blocking(&self, job: Box<dyn FnOnce() + Send>) {
        drop(self.tokio.spawn_blocking(job));
    }
}

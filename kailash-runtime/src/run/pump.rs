//! What runs under the lock of a run, on the driver or on a pool thread.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::stream::FuturesUnordered;
use kailash_core::{
    Error, Result,
    event::What,
    node::{Context, Inputs, Outcome, Run as NodeRun, UnitKey},
};

use super::{
    attempt::finished,
    body,
    drive::{BUDGET, Run, State},
    engine::Compute,
    flying::Flying,
};
use crate::{
    plan::{Unit, Work},
    schedule::Ready,
};

/// How long a pool thread works for one run before others have their turn.
const SHARE: Duration = Duration::from_millis(50);

impl Run {
    /// Runs what is ready and may run here, sorts the rest, and says whether the budget ran out before the work.
    ///
    /// The driver hands in its `flying`: async bodies are polled for the first time here while no pool thread waits for
    /// the lock.
    pub(super) fn pump(
        &self,
        state: &mut State,
        cx: &mut Context,
        mut flying: Option<&mut FuturesUnordered<Flying>>,
    ) -> bool {
        let plan = &*self.shared.plan;
        let here = matches!(self.engine.compute, Compute::Here);
        for _ in 0..BUDGET {
            if self.shared.cancelled.load(Ordering::Relaxed) {
                return true;
            }
            let next = state.schedule.next();
            if self.shared.events.is_some() {
                self.tell_notes(state);
            }
            let Some(ready) = next else { return false };
            let planned = &plan.scopes[ready.scope as usize].units[ready.unit.node as usize];
            let ready = if state.scribe.is_none() {
                ready
            } else {
                let Some(ready) = self.admit(state, planned, ready) else { continue };
                ready
            };
            match &planned.work {
                _ if planned.options.is_some() => state.futures.push_back(ready),
                Work::Inline(run) => self.run_here(state, planned, &**run, ready, cx),
                Work::Future(body) if state.helpers == 0 && self.is_unattended(planned) => {
                    match flying.as_deref_mut() {
                        Some(flying) if flying.len() < self.engine.settings.max_concurrency => {
                            let Ready { unit, inputs, .. } = ready;
                            if let Some(outcome) = self.first_poll(&**body, unit, inputs, flying, cx) {
                                self.settle(state, unit, outcome);
                            }
                        }
                        _ => state.futures.push_back(ready),
                    }
                }
                Work::Compute(_) if self.deadline.is_some() => state.futures.push_back(ready),
                Work::Compute(run) if here => self.run_here(state, planned, &**run, ready, cx),
                // Alone, and over before another thread had woken up.
                Work::Compute(run) if flying.is_some() && is_alone(state) && planned.cost.is_tiny() => {
                    self.run_here(state, planned, &**run, ready, cx);
                }
                Work::Compute(_) => state.compute.push_back(ready),
                _ => state.futures.push_back(ready),
            }
        }
        state.schedule.has_ready()
    }

    fn run_here(&self, state: &mut State, planned: &Unit, run: &dyn NodeRun, ready: Ready, cx: &mut Context) {
        let outcome = self.call(planned, run, &ready.unit, ready.inputs, cx);
        self.settle(state, ready.unit, outcome);
    }

    fn call(
        &self,
        planned: &Unit,
        run: &dyn NodeRun,
        unit: &UnitKey,
        inputs: Inputs,
        cx: &mut Context,
    ) -> Result<Outcome> {
        cx.turn_to(*unit, 1, self.deadline);
        let sampled = matches!(planned.work, Work::Compute(_)) && planned.cost.is_sampled();
        if self.shared.events.is_none() && !sampled {
            return body::guarded(|| run.run(inputs, cx));
        }
        let started = self.shared.clock.monotonic();
        self.shared.tell(*unit, Some(1), What::NodeStarted);
        let outcome = body::guarded(|| body::checked(run.run(inputs, cx)?, planned));
        if sampled {
            planned.cost.measured(started, self.shared.clock.monotonic());
        }
        if outcome.is_ok() {
            finished(self, *unit, 1, started);
        }
        outcome
    }

    #[inline]
    pub(super) fn settle(&self, state: &mut State, unit: UnitKey, outcome: Result<Outcome>) {
        if state.scribe.is_some() {
            self.note(state, unit, &outcome);
        }
        match outcome {
            Ok(Outcome::Done(outputs)) => state.schedule.complete(unit, outputs),
            Ok(Outcome::Suspend(wake)) => self.lay(state, unit, wake),
            Err(error) => state.schedule.fail(unit, error),
        }
    }

    /// Sends pool threads to the waiting compute units, as far as there are threads. Without any the units fail, and
    /// there is more to do.
    pub(super) fn call_helpers(self: &Arc<Self>, state: &mut State) -> bool {
        let Compute::Pool { threads, .. } = &self.engine.compute else { return true };
        let wanted = state.compute.len().min(threads.saturating_sub(state.helpers));
        for _ in 0..wanted {
            let run = Arc::clone(self);
            match self.engine.compute.spawn(move || run.help()) {
                Ok(()) => state.helpers += 1,
                Err(error) => {
                    while let Some(ready) = state.compute.pop_front() {
                        state.schedule.fail(ready.unit, error.clone());
                    }
                    return false;
                }
            }
        }
        true
    }

    /// A pool thread at work: runs compute units and what follows from them, until there is nothing for it or other runs
    /// must have their turn.
    fn help(self: Arc<Self>) {
        let mut cx = self.context();
        let mut done: Option<(UnitKey, Result<Outcome>)> = None;
        let until = self.shared.clock.monotonic().after(SHARE);
        loop {
            let mut lock = self.lock();
            let state = &mut *lock;
            if let Some((unit, outcome)) = done.take() {
                self.settle(state, unit, outcome);
            }
            let winding_down = self.is_winding_down();
            let busy = !winding_down && self.pump(state, &mut cx, None);
            if state.schedule.is_done() {
                state.compute.clear();
                state.futures.clear();
            }
            let over = self.shared.clock.monotonic() >= until;
            let next = if over || winding_down { None } else { state.compute.pop_front() };
            let Some(ready) = next else {
                // The driver calls the next one, behind those that wait for a thread.
                state.helpers -= 1;
                let left = !state.compute.is_empty() || !state.futures.is_empty() || !state.asleep.is_empty();
                let needed = busy || left || state.schedule.is_done();
                drop(lock);
                if needed {
                    self.wake.notify_one();
                }
                return;
            };
            let needed = !self.call_helpers(state) || busy || !state.futures.is_empty();
            drop(lock);
            if needed {
                self.wake.notify_one();
            }
            let planned = &self.shared.plan.scopes[ready.scope as usize].units[ready.unit.node as usize];
            done = Some(match &planned.work {
                Work::Compute(run) => {
                    (ready.unit, self.call(planned, &**run, &ready.unit, ready.inputs, &mut cx))
                }
                _ => (ready.unit, Err(Error::internal("only compute goes to the pool"))),
            });
        }
    }
}

/// Whether nothing else of the run is ready for a thread.
fn is_alone(state: &State) -> bool {
    state.helpers == 0 && state.compute.is_empty() && !state.schedule.has_ready()
}

//! The driver of one run: a thin loop between the scheduler and those who run its units.
//!
//! ```text
//!                 ┌────────────── pump (under the lock) ──────────────┐
//!   schedule ──next──> inline: run at once, complete, next            │
//!      ^               compute: queue ──> pool threads: run, complete, pump
//!      └──complete──── future: poll once; if pending, await it here or as a task
//! ```
//! Local and Parallel differ only in where compute and pending futures go.

use std::{
    collections::{HashMap, VecDeque},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    task::{Context as Task, Poll, Waker},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::Either, stream::FuturesUnordered};
use kailash_core::{
    Error, Result, Text,
    exec::Monotonic,
    node::{BoxFuture, Context, Inputs, Outcome, RunAsync, RunScope, UnitKey},
};
use tokio::{sync::Notify, task::JoinHandle};

use super::{
    NodeError,
    asleep::Asleep,
    attempt::attempts,
    body::{self, Flight},
    engine::{Compute, Engine},
    flying::Flying,
    shared::Shared,
    start::Permit,
};
use crate::{
    journal::{Scribe, Signals, Wait},
    plan::{Unit, Work},
    schedule::{Failure, Ready, Schedule},
};

/// Units run on one thread before others of the same executor get their turn.
pub(super) const BUDGET: u32 = 256;

/// One run.
pub(crate) struct Run {
    pub(crate) engine: Arc<Engine>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) deadline: Option<Monotonic>,
    state: Mutex<State>,
    /// Told when the driver has something to do.
    pub(super) wake: Notify,
    /// Told when the journal has something to write.
    pub(super) ink: Notify,
}

pub(super) struct State {
    pub(super) schedule: Schedule,
    /// Units for the pool.
    pub(super) compute: VecDeque<Ready>,
    /// Units for the driver.
    pub(super) futures: VecDeque<Ready>,
    /// Pool threads at work for this run.
    pub(super) helpers: usize,
    /// The nodes of pipelines that failed.
    pub(super) blamed: HashMap<UnitKey, Text>,
    /// The units that wait for time or a signal.
    pub(super) asleep: Asleep,
    /// The inputs of units that asked to be suspended and have not landed.
    pub(super) kept: HashMap<UnitKey, Ready>,
    /// When nested workflows began; kept only while somebody listens.
    pub(super) opened: HashMap<UnitKey, Monotonic>,
    /// What the journal is still to be told, if there is one.
    pub(super) scribe: Option<Scribe>,
    /// The task that carries what the journal is told, once there is one.
    pub(super) carrier: Option<JoinHandle<Result<()>>>,
    /// Why the journal takes nothing more.
    pub(super) broken: Option<Error>,
}

/// What a turn under the lock left to do.
struct Turn {
    /// Whether more is ready than was run.
    busy: bool,
    done: bool,
    /// Why the journal takes nothing more.
    broken: Option<Error>,
    /// When to look at the clock again for those who sleep.
    nap: Option<Duration>,
    /// What those who sleep wait for, if nothing else is left to do and the run is to be put aside.
    parked: Option<Wait>,
}

/// Why the driver stopped.
pub(crate) enum End {
    /// The schedule is through, or a failure stopped it.
    Through,
    /// Somebody asked for it.
    Cancelled,
    /// The run's time limit passed.
    TimedOut,
    /// Its journal takes nothing more.
    Broken(Error),
    /// Nothing is left but to wait for this, elsewhere.
    Parked(Wait),
}

impl Run {
    pub(crate) fn new(
        engine: Arc<Engine>,
        shared: Arc<Shared>,
        schedule: Schedule,
        deadline: Option<Monotonic>,
        scribe: Option<Scribe>,
        signals: Signals,
    ) -> Self {
        let state = State {
            schedule,
            compute: VecDeque::new(),
            futures: VecDeque::new(),
            helpers: 0,
            blamed: HashMap::new(),
            opened: HashMap::new(),
            asleep: Asleep::new(signals),
            kept: HashMap::new(),
            scribe,
            carrier: None,
            broken: None,
        };
        Self { engine, shared, deadline, state: Mutex::new(state), wake: Notify::new(), ink: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Looks at the schedule.
    pub(crate) fn with_schedule<T>(&self, look: impl FnOnce(&mut Schedule) -> T) -> T {
        look(&mut self.lock().schedule)
    }

    /// Notes which node of a pipeline failed.
    pub(crate) fn blame(&self, unit: UnitKey, node: &Text) {
        self.lock().blamed.insert(unit, node.clone());
    }

    /// The units that failed, by the names people know.
    pub(crate) fn errors(&self) -> Vec<NodeError> {
        let state = self.lock();
        let named = |failure: &Failure| {
            let mut id = self.shared.unit_id(failure.unit);
            if let (Some(node), Some(step)) = (state.blamed.get(&failure.unit), id.path.last_mut()) {
                step.node = node.clone();
            }
            NodeError::of(id, failure.error.clone())
        };
        state.schedule.failures().iter().map(named).collect()
    }

    pub(super) fn context(&self) -> Context {
        let scope: Arc<dyn RunScope> = Arc::clone(&self.shared) as _;
        Context::new(scope, UnitKey::default(), 1, self.deadline)
    }

    /// Waits for what lets the run begin, unless it is cancelled or put aside before.
    pub(crate) async fn admitted(
        self: &Arc<Self>,
        mut admission: BoxFuture<'static, Permit>,
    ) -> Option<Permit> {
        if let Poll::Ready(permit) = admission.poll_unpin(&mut Task::from_waker(Waker::noop())) {
            return Some(permit);
        }
        self.start_journal();
        while !self.is_winding_down() && !self.shared.is_cancelled() {
            tokio::select! {
                permit = &mut admission => return Some(permit),
                () = self.shared.cancel.notified() => {}
                () = self.wake.notified() => {}
            }
        }
        None
    }

    /// Whether compute keeps the driver's thread.
    pub(crate) fn computes_here(&self) -> bool {
        matches!(self.engine.compute, Compute::Here)
    }

    /// Runs the schedule to its end.
    pub(crate) async fn drive(self: &Arc<Self>) -> End {
        let mut cx = self.context();
        let mut flying: FuturesUnordered<Flying> = FuturesUnordered::new();
        let mut landed: Vec<(UnitKey, Result<Outcome>)> = Vec::new();
        let mut starting: Vec<Ready> = Vec::new();
        let mut turns = 0_u32;
        let left = self.deadline.map(|at| at.saturating_since(self.shared.clock.monotonic()));
        let mut limit = pin!(match left {
            Some(left) => Either::Left(tokio::time::sleep(left)),
            None => Either::Right(std::future::pending()),
        });
        loop {
            if self.shared.cancelled.load(Ordering::Acquire) {
                return self.stopped(End::Cancelled);
            }
            if self.deadline.is_some_and(|at| self.shared.clock.monotonic() >= at) {
                return self.stopped(End::TimedOut);
            }
            let Turn { busy, done, broken, nap, parked } =
                self.turn(&mut landed, &mut starting, &mut flying, &mut cx);
            if let Some(error) = broken {
                return self.stopped(End::Broken(error));
            }
            if done {
                return End::Through;
            }
            if let Some(wait) = parked {
                return self.stopped(End::Parked(wait));
            }
            for ready in starting.drain(..) {
                self.launch(ready, &mut flying, &mut landed, &cx);
            }
            if turns == 0 {
                self.start_journal();
            }
            turns += 1;
            // Also where something is always ready at once: others of the executor, such as who cancels, get their turn.
            if busy || turns.is_multiple_of(BUDGET) {
                tokio::task::yield_now().await;
            }
            if !busy && landed.is_empty() {
                tokio::select! {
                    biased;
                    () = self.shared.cancel.notified() => {}
                    () = &mut limit => return self.stopped(End::TimedOut),
                    Some(landing) = flying.next(), if !flying.is_empty() => landed.push(landing),
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(nap.unwrap_or_default()), if nap.is_some() => {}
                }
            }
            // Also while something is always ready: what was started must come to its end, and to its time limit.
            let mut task = Task::from_waker(Waker::noop());
            while let Poll::Ready(Some(landing)) = flying.poll_next_unpin(&mut task) {
                landed.push(landing);
            }
        }
    }

    /// Everything that happens under the lock: takes what landed, runs what may run here, hands out the rest.
    fn turn(
        self: &Arc<Self>,
        landed: &mut Vec<(UnitKey, Result<Outcome>)>,
        starting: &mut Vec<Ready>,
        flying: &mut FuturesUnordered<Flying>,
        cx: &mut Context,
    ) -> Turn {
        let mut lock = self.lock();
        let state = &mut *lock;
        for (unit, outcome) in landed.drain(..) {
            self.settle(state, unit, outcome);
        }
        let winding_down = self.is_winding_down();
        let mut busy = !winding_down && self.pump(state, cx, Some(flying));
        if !winding_down && !state.schedule.is_done() {
            self.rouse(state);
            let room = self.engine.settings.max_concurrency.saturating_sub(flying.len());
            let count = room.min(state.futures.len());
            starting.extend(state.futures.drain(..count));
            busy |= !self.call_helpers(state);
        }
        let idle = !busy && starting.is_empty() && flying.is_empty();
        let done = state.schedule.is_done();
        Turn {
            busy,
            done,
            broken: state.broken.take(),
            nap: self.nap(state),
            parked: if idle && !done { self.park(state) } else { None },
        }
    }

    fn stopped(&self, end: End) -> End {
        self.abandon();
        end
    }

    /// Ends the run: nothing more starts, and whoever still works for it is told so.
    pub(crate) fn abandon(&self) {
        self.shared.cancelled.store(true, Ordering::Release);
        let mut state = self.lock();
        state.schedule.stop();
        state.compute.clear();
        state.futures.clear();
    }

    /// Starts an async unit; one that is through at once never becomes a task.
    fn launch(
        self: &Arc<Self>,
        ready: Ready,
        flying: &mut FuturesUnordered<Flying>,
        landed: &mut Vec<(UnitKey, Result<Outcome>)>,
        cx: &Context,
    ) {
        let Ready { unit, scope, inputs } = ready;
        let planned = &self.shared.plan.scopes[scope as usize].units[unit.node as usize];
        let outcome = match &planned.work {
            Work::Future(body) if self.is_unattended(planned) => {
                self.first_poll(&**body, unit, inputs, flying, cx)
            }
            _ => self.poll_once(unit, Box::pin(attempts(Arc::clone(self), scope, unit, inputs)), flying),
        };
        landed.extend(outcome.map(|outcome| (unit, outcome)));
    }

    /// Whether an async unit is nothing but its body: no retries, no limits, nobody to tell.
    pub(super) fn is_unattended(&self, planned: &Unit) -> bool {
        planned.options.is_none() && self.shared.events.is_none()
    }

    /// Polls an async body for the first time; without an outcome it is under way.
    pub(super) fn first_poll(
        &self,
        body: &dyn RunAsync,
        unit: UnitKey,
        inputs: Inputs,
        flying: &mut FuturesUnordered<Flying>,
        cx: &Context,
    ) -> Option<Result<Outcome>> {
        let mut cx = cx.clone();
        cx.turn_to(unit, 1, self.deadline);
        match body::guarded(|| Ok(body.run(inputs, cx))) {
            Ok(future) => self.poll_once(unit, future, flying),
            Err(error) => Some(Err(error)),
        }
    }

    fn poll_once(
        &self,
        unit: UnitKey,
        mut future: BoxFuture<'static, Result<Outcome>>,
        flying: &mut FuturesUnordered<Flying>,
    ) -> Option<Result<Outcome>> {
        let mut task = Task::from_waker(Waker::noop());
        if let Poll::Ready(outcome) = body::poll_guarded(&mut future, &mut task) {
            return Some(outcome);
        }
        let flight = Flight::new(unit, future);
        flying.push(match self.engine.compute {
            Compute::Here => Flying::Here(flight),
            Compute::Pool { .. } => Flying::Task { unit, handle: self.shared.tokio.spawn(flight) },
        });
        None
    }
}

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
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    task::{Context as Task, Poll, Waker},
};

use futures_util::{StreamExt, future::Either, stream::FuturesUnordered};
use kailash_core::{
    Error, Result, Text,
    event::What,
    exec::Monotonic,
    node::{Context, Inputs, Outcome, Run as NodeRun, RunScope, UnitKey},
};
use tokio::sync::Notify;

use super::{
    NodeError,
    attempt::{attempts, finished},
    body::{self, Flight},
    engine::{Compute, Engine},
    flying::Flying,
    shared::Shared,
};
use crate::{
    plan::{Unit, Work},
    schedule::{Failure, Ready, Schedule},
};

/// Units run on one thread before others of the same executor get their turn.
const BUDGET: u32 = 256;

/// One run.
pub(crate) struct Run {
    pub(crate) engine: Arc<Engine>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) deadline: Option<Monotonic>,
    state: Mutex<State>,
    /// Told by pool threads when the driver has something to do.
    wake: Notify,
}

pub(super) struct State {
    pub(super) schedule: Schedule,
    /// Units for the pool.
    compute: VecDeque<Ready>,
    /// Units for the driver.
    futures: VecDeque<Ready>,
    /// Pool threads at work for this run.
    helpers: usize,
    /// The nodes of pipelines that failed.
    pub(super) blamed: HashMap<UnitKey, Text>,
    /// When nested workflows began; kept only while somebody listens.
    pub(super) opened: HashMap<UnitKey, Monotonic>,
}

/// What a turn under the lock left to do.
struct Turn {
    /// Whether more is ready than was run.
    busy: bool,
    done: bool,
    /// Async units to start.
    batch: Vec<Ready>,
}

/// Why the driver stopped.
pub(crate) enum End {
    /// The schedule is through, or a failure stopped it.
    Through,
    /// Somebody asked for it.
    Cancelled,
    /// The run's time limit passed.
    TimedOut,
}

impl Run {
    pub(crate) fn new(
        engine: Arc<Engine>,
        shared: Arc<Shared>,
        schedule: Schedule,
        deadline: Option<Monotonic>,
    ) -> Self {
        let state = State {
            schedule,
            compute: VecDeque::new(),
            futures: VecDeque::new(),
            helpers: 0,
            blamed: HashMap::new(),
            opened: HashMap::new(),
        };
        Self { engine, shared, deadline, state: Mutex::new(state), wake: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
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
            NodeError { node: id.to_string().into(), error: failure.error.clone() }
        };
        state.schedule.failures().iter().map(named).collect()
    }

    fn context(&self) -> Context {
        let scope: Arc<dyn RunScope> = Arc::clone(&self.shared) as _;
        Context::new(scope, UnitKey::default(), 1, self.deadline)
    }

    /// Runs the schedule to its end.
    pub(crate) async fn drive(self: &Arc<Self>) -> End {
        let mut cx = self.context();
        let mut flying: FuturesUnordered<Flying> = FuturesUnordered::new();
        let mut landed: Vec<(UnitKey, Result<Outcome>)> = Vec::new();
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
            let Turn { busy, done, batch } = self.turn(&mut landed, flying.len(), &mut cx);
            if done {
                return End::Through;
            }
            for ready in batch {
                self.launch(ready, &mut flying, &mut landed);
            }
            turns += 1;
            // Also where something is always ready at once: others of the executor, such as who cancels, get their turn.
            if busy || turns.is_multiple_of(BUDGET) {
                tokio::task::yield_now().await;
            }
            if busy || !landed.is_empty() {
                continue;
            }
            tokio::select! {
                biased;
                () = self.shared.cancel.notified() => {}
                () = &mut limit => return self.stopped(End::TimedOut),
                Some(landing) = flying.next(), if !flying.is_empty() => landed.push(landing),
                () = self.wake.notified() => {}
            }
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
        flying: usize,
        cx: &mut Context,
    ) -> Turn {
        let mut lock = self.lock();
        let state = &mut *lock;
        for (unit, outcome) in landed.drain(..) {
            self.settle(&mut state.schedule, unit, outcome);
        }
        let busy = self.pump(state, cx);
        let done = state.schedule.is_done();
        if done {
            return Turn { busy, done, batch: Vec::new() };
        }
        let room = self.engine.settings.max_concurrency.saturating_sub(flying);
        let count = room.min(state.futures.len());
        let batch = state.futures.drain(..count).collect();
        self.call_helpers(state);
        Turn { busy, done, batch }
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

    /// Runs what is ready and may run here, sorts the rest, and says whether the budget ran out before the work.
    fn pump(&self, state: &mut State, cx: &mut Context) -> bool {
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
            match &planned.work {
                _ if planned.options.is_some() => state.futures.push_back(ready),
                Work::Inline(run) => self.run_here(&mut state.schedule, planned, &**run, ready, cx),
                Work::Compute(_) if self.deadline.is_some() => state.futures.push_back(ready),
                Work::Compute(run) if here => self.run_here(&mut state.schedule, planned, &**run, ready, cx),
                Work::Compute(_) => state.compute.push_back(ready),
                _ => state.futures.push_back(ready),
            }
        }
        state.schedule.has_ready()
    }

    fn run_here(
        &self,
        schedule: &mut Schedule,
        planned: &Unit,
        run: &dyn NodeRun,
        ready: Ready,
        cx: &mut Context,
    ) {
        let outcome = self.call(planned, run, &ready.unit, ready.inputs, cx);
        self.settle(schedule, ready.unit, outcome);
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
        if self.shared.events.is_none() {
            return body::guarded(|| run.run(inputs, cx));
        }
        let started = self.shared.clock.monotonic();
        self.shared.tell(*unit, Some(1), What::NodeStarted);
        let outcome = body::guarded(|| body::checked(run.run(inputs, cx)?, planned.slots.len()));
        if outcome.is_ok() {
            finished(self, *unit, 1, started);
        }
        outcome
    }

    fn settle(&self, schedule: &mut Schedule, unit: UnitKey, outcome: Result<Outcome>) {
        match outcome {
            Ok(Outcome::Done(outputs)) => schedule.complete(unit, outputs),
            Ok(Outcome::Suspend(_)) => schedule.fail(unit, body::no_suspension()),
            Err(error) => schedule.fail(unit, error),
        }
    }

    /// Starts an async unit; one that is through at once never becomes a task.
    fn launch(
        self: &Arc<Self>,
        ready: Ready,
        flying: &mut FuturesUnordered<Flying>,
        landed: &mut Vec<(UnitKey, Result<Outcome>)>,
    ) {
        let Ready { unit, scope, inputs } = ready;
        let planned = &self.shared.plan.scopes[scope as usize].units[unit.node as usize];
        let future = match &planned.work {
            Work::Future(future) if planned.options.is_none() && self.shared.events.is_none() => {
                let mut cx = self.context();
                cx.turn_to(unit, 1, self.deadline);
                match body::guarded(|| Ok(future.run(inputs, cx))) {
                    Ok(future) => future,
                    Err(error) => return landed.push((unit, Err(error))),
                }
            }
            _ => Box::pin(attempts(Arc::clone(self), scope, unit, inputs)),
        };
        let mut flight = Flight::new(unit, future);
        let mut task = Task::from_waker(Waker::noop());
        match std::pin::Pin::new(&mut flight).poll(&mut task) {
            Poll::Ready(landing) => landed.push(landing),
            Poll::Pending => flying.push(match self.engine.compute {
                Compute::Here => Flying::Here(flight),
                Compute::Pool { .. } => Flying::Task { unit, handle: self.shared.tokio.spawn(flight) },
            }),
        }
    }

    /// Sends pool threads to the waiting compute units, as far as there are threads.
    fn call_helpers(self: &Arc<Self>, state: &mut State) {
        let Compute::Pool { threads, .. } = &self.engine.compute else { return };
        let wanted = state.compute.len().min(threads.saturating_sub(state.helpers));
        for _ in 0..wanted {
            let run = Arc::clone(self);
            match self.engine.compute.spawn(move || run.help()) {
                Ok(()) => state.helpers += 1,
                Err(error) => {
                    while let Some(ready) = state.compute.pop_front() {
                        state.schedule.fail(ready.unit, error.clone());
                    }
                    return;
                }
            }
        }
    }

    /// A pool thread at work: runs compute units and what follows from them, until there is nothing for it.
    fn help(self: Arc<Self>) {
        let mut cx = self.context();
        let mut done: Option<(UnitKey, Result<Outcome>)> = None;
        loop {
            let mut lock = self.lock();
            let state = &mut *lock;
            if let Some((unit, outcome)) = done.take() {
                self.settle(&mut state.schedule, unit, outcome);
            }
            let busy = self.pump(state, &mut cx);
            if state.schedule.is_done() {
                state.compute.clear();
                state.futures.clear();
            }
            let Some(ready) = state.compute.pop_front() else {
                state.helpers -= 1;
                let needed = busy || !state.futures.is_empty() || state.schedule.is_done();
                drop(lock);
                if needed {
                    self.wake.notify_one();
                }
                return;
            };
            self.call_helpers(state);
            let needed = busy || !state.futures.is_empty();
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

//! From a workflow and its parameters to results: the life of one run.

use std::sync::{Arc, OnceLock, atomic::AtomicBool};

use bytes::Bytes;
use kailash_core::{
    Error, ErrorKind, Map, RunId, RunStatus, Workflow,
    event::What,
    exec::{Monotonic, Timestamp},
    format::write,
    node::BoxFuture,
    workflow::{Dialect, Params},
};
use tokio::{runtime::Handle, sync::Notify};

use super::{
    End, Engine, Events, Keep, Permit, Prepared, Results, Run, RunError, Start, Unfinished, events::EventHub,
    shared::Shared,
};
use crate::{
    journal::{Before, FORMAT, Past, Payload, Record, Scribe, Signals, Wait, ended},
    plan::Plan,
    schedule::Schedule,
};

/// How a run ended: its results and id, or what went wrong.
pub type Outcome = Result<(Results, RunId), RunError>;

/// Runs a workflow on the task that awaits this.
pub(crate) async fn execute(engine: &Arc<Engine>, workflow: &Workflow, params: Params) -> Outcome {
    let (run, _) = prepare(engine, workflow, &params, &Start::default(), None)?;
    conclude(&run, None).await
}

/// Runs a workflow on the calling thread, with an executor of its own.
pub(crate) fn execute_blocking(
    engine: &Arc<Engine>,
    workflow: &Workflow,
    params: Params,
    executor: fn() -> std::io::Result<tokio::runtime::Runtime>,
) -> Outcome {
    let block_on = || {
        let executor = executor().map_err(|error| Error::internal(format!("an executor: {error}")))?;
        let outcome = executor.block_on(execute(engine, workflow, params));
        executor.shutdown_background();
        outcome
    };
    if Handle::try_current().is_err() {
        return block_on();
    }
    // A thread that drives an executor cannot block on another one.
    std::thread::scope(|threads| {
        let thread = std::thread::Builder::new().name("kailash-run".into()).spawn_scoped(threads, block_on);
        let thread = thread.map_err(|error| Error::internal(format!("a thread for the run: {error}")))?;
        thread.join().unwrap_or_else(|_| Err(Error::internal("the run's thread panicked").into()))
    })
}

/// Makes a run ready to be driven.
pub(crate) fn begin(
    engine: &Arc<Engine>,
    workflow: &Workflow,
    params: &Params,
    start: Start,
) -> Result<Prepared, RunError> {
    let (run, events) = prepare(engine, workflow, params, &start, None)?;
    Ok(Prepared::new(run, events, start.admission))
}

/// Makes a run ready to go on from its journal.
pub(crate) fn resume(
    engine: &Arc<Engine>,
    workflow: &Workflow,
    past: Past,
    start: Start,
) -> Result<Prepared, RunError> {
    if engine.settings.journal.is_none() {
        return Err(Error::invalid("journal.none", "this runtime keeps no journal to go on with").into());
    }
    if past.end().is_some() {
        return Err(ended(past.run()).into());
    }
    past.versions().check(&engine.plan(workflow)?.versions)?;
    let (run, length, before) = (past.run(), past.length, past.before());
    let (params, units, signals) = past.into_parts();
    let awaited = start.signal.as_ref().is_some_and(|(name, _)| units.await_signal(name));
    let mut scribe = Scribe::resume(units, length);
    scribe.resumed(Record::Resumed { at: engine.settings.clock.now(), events: before.events });
    let resumed = Resumed { run, before, scribe, signals, awaited };
    let (run, events) = prepare(engine, workflow, &params, &start, Some(resumed))?;
    Ok(Prepared::new(run, events, start.admission))
}

/// A run that goes on.
struct Resumed {
    run: RunId,
    before: Before,
    scribe: Scribe,
    /// Signals that no unit has got.
    signals: Signals,
    /// Whether a unit waits for the signal that the run is resumed with.
    awaited: bool,
}

fn prepare(
    engine: &Arc<Engine>,
    workflow: &Workflow,
    params: &Params,
    start: &Start,
    resumed: Option<Resumed>,
) -> Result<(Arc<Run>, Option<Events>), RunError> {
    let tokio = Handle::try_current().map_err(|_| {
        Error::invalid("runtime.executor", "a run needs a tokio executor around it")
            .with_hint("call it from async code under tokio, or use `execute`")
    })?;
    let plan = engine.plan(workflow)?;
    let bound = plan.bind(params)?;
    let settings = &engine.settings;
    let before = resumed.as_ref().map(|resumed| resumed.before);
    let began = match before {
        Some(before) => Some(before.began),
        None => settings.journal.as_ref().map(|_| settings.clock.now()),
    };
    let (id, mut scribe, mut signals, awaited) = match resumed {
        Some(Resumed { run, scribe, signals, awaited, .. }) => (run, Some(scribe), signals, awaited),
        None => {
            let begun = began.map(|at| begun(&plan, params, at, &start.labels)).transpose()?;
            (start.id.unwrap_or_else(RunId::generate), begun.map(Scribe::begin), Signals::default(), false)
        }
    };
    if let Some((name, value)) = &start.signal {
        if awaited {
            signals.take_in(name.clone(), value.clone());
        } else {
            signals.keep(name.clone(), value.clone())?;
        }
        if let Some(scribe) = &mut scribe {
            scribe.signalled(name.clone(), value.clone());
        }
    }
    let heard = start.listened || !settings.hooks.is_empty();
    let (hub, events) = if heard {
        let (clock, hooks) = (Arc::clone(&settings.clock), settings.hooks.clone());
        let next = before.map_or(0, |before| before.events);
        let (hub, events) = EventHub::new(id, clock, hooks, start.listened, next);
        (Some(hub), events)
    } else {
        (None, None)
    };
    let document = workflow.document();
    let lineage = Arc::default();
    let policy = document.on_failure.unwrap_or(settings.on_failure);
    let reads = match settings.keep {
        Keep::All => Vec::new(),
        Keep::Leaves => plan.reads_until_dropped(),
    };
    let schedule = Schedule::new(Arc::clone(&plan), bound, Arc::clone(&lineage), policy, reads, heard);
    let limits = [document.timeout_ms.map(std::time::Duration::from_millis), settings.timeout];
    let limit = limits.into_iter().flatten().min();
    let clock = Arc::clone(&settings.clock);
    let deadline = limit.map(|limit| clock.monotonic().after(limit));
    let (cancelled, winding_down) = (AtomicBool::new(false), AtomicBool::new(false));
    let cancel = Notify::new();
    let shared = Arc::new(Shared {
        run: id,
        before,
        began,
        ended: OnceLock::new(),
        plan,
        lineage,
        cancelled,
        winding_down,
        cancel,
        clock,
        events: hub,
        tokio,
    });
    Ok((Arc::new(Run::new(Arc::clone(engine), shared, schedule, deadline, scribe, signals)), events))
}

/// The first record of a run.
fn begun(plan: &Plan, params: &Params, at: Timestamp, labels: &Map) -> Result<Record, Error> {
    let document = plan.packed_document()?;
    let nodes: Map = params.nodes().map(|(id, inputs)| (id.clone(), inputs.clone().into())).collect();
    Ok(Record::Begun {
        format: FORMAT,
        kailash: env!("CARGO_PKG_VERSION").into(),
        at,
        name: plan.workflow.name().clone(),
        document: Payload::Packed(document),
        nodes: Payload::Here(nodes.into()),
        everywhere: Payload::Here(params.everywhere().clone().into()),
        versions: plan.versions.clone(),
        labels: labels.clone(),
    })
}

pub(super) async fn conclude(run: &Arc<Run>, admission: Option<BoxFuture<'static, Permit>>) -> Outcome {
    let shared = &run.shared;
    if run.computes_here() {
        run.start_journal();
    }
    let _permit = match admission {
        Some(admission) => run.admitted(admission).await,
        None => None,
    };
    let over = Over { run, began: shared.clock.monotonic() };
    if let Some(events) = &shared.events {
        let (workflow, nodes) = (shared.plan.workflow.name().clone(), shared.plan.workflow.nodes().len());
        let first = if shared.before.is_some() {
            // Boxed, as below: most runs begin.
            Box::pin(run.numbered()).await;
            What::RunResumed { workflow, nodes }
        } else {
            What::RunStarted { workflow, nodes }
        };
        events.emit(None, None, first);
    }
    let end = run.drive().await;
    let errors = if matches!(end, End::Through) && run.with_schedule(|s| s.failures().is_empty()) {
        Vec::new()
    } else {
        run.errors()
    };
    let (slots, status) = run.with_schedule(Schedule::take_root);
    run.abandon();
    let results = Results::new(Arc::clone(&shared.plan), slots, status);
    let (status, error) = match end {
        End::Cancelled => {
            let error = Error::new(ErrorKind::Cancelled, "run.cancelled", "the run was cancelled");
            (RunStatus::Cancelled, Some(error))
        }
        End::TimedOut => {
            let error =
                Error::new(ErrorKind::Timeout, "run.timeout", "the run took longer than its time limit");
            (RunStatus::Failed, Some(error))
        }
        End::Broken(error) => (RunStatus::Failed, Some(error)),
        // Boxed, as what follows, because most runs never come here: a run's future is as large as its largest branch.
        End::Parked(wait) => return Box::pin(over.park(wait)).await,
        End::Through => match errors.first() {
            Some(first) => (RunStatus::Failed, Some(first.error.clone())),
            None => (RunStatus::Completed, None),
        },
    };
    // Written before anybody is told.
    let written = match run.is_journalled() {
        true => Box::pin(run.end_journal(status, error.as_ref())).await,
        false => Ok(()),
    };
    let (status, error) = match (written, error) {
        // What is not durable is not told: after a restart the run may go on.
        (Err(lost), _) => (RunStatus::Failed, Some(lost)),
        (Ok(()), error) => (status, error),
    };
    over.finish(status);
    match error {
        None => Ok((results, shared.run)),
        Some(error) => Err(RunError::Unfinished(Box::new(Unfinished {
            run: shared.run,
            status,
            error,
            errors,
            results,
        }))),
    }
}

/// The end of a run, also of one whose future was dropped: nothing more starts, and bodies still at work on other
/// threads are told to stop.
struct Over<'r> {
    run: &'r Arc<Run>,
    began: Monotonic,
}

impl Over<'_> {
    /// Puts the run aside.
    async fn park(self, wait: Wait) -> Outcome {
        let id = self.run.shared.run;
        if let Err(error) = self.run.park_journal(wait.clone()).await {
            return Err(RunError::Lost { run: id, error });
        }
        self.tell(What::RunSuspended { until: wait.until, signals: wait.signals.clone() });
        Err(RunError::Suspended { run: id, wait })
    }

    fn finish(&self, status: RunStatus) {
        let shared = &self.run.shared;
        let took = match shared.before {
            Some(before) => shared.clock.now().saturating_since(before.began),
            None => shared.clock.monotonic().saturating_since(self.began),
        };
        self.tell(What::RunFinished { status, duration_ms: took.as_secs_f64() * 1e3 });
    }

    /// Tells the last event.
    fn tell(&self, last: What) {
        if let Some(events) = &self.run.shared.events {
            events.end(last);
        }
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.run.abandon();
        self.run.close_journal(None);
        // Told already, unless the run's future was dropped on the way.
        self.finish(RunStatus::Cancelled);
    }
}

impl Plan {
    /// The workflow's document as journals keep it, encoded once.
    fn packed_document(&self) -> Result<Bytes, Error> {
        if let Some(packed) = self.packed.get() {
            return Ok(packed.clone());
        }
        let packed = Payload::packed(&write(self.workflow.document(), Dialect::Own)?)?;
        Ok(self.packed.get_or_init(|| packed).clone())
    }

    /// For each slot of the workflow, after how many reads its value may be dropped: never, where nothing reads it.
    fn reads_until_dropped(&self) -> Vec<u32> {
        let scope = &self.scopes[0];
        let mut reads = scope.reads.clone();
        for member in &scope.members {
            let slots = member.slots.start as usize..member.slots.end as usize;
            let leaf = reads[slots.clone()].iter().all(|count| *count == 0);
            if leaf {
                reads[slots].fill(u32::MAX);
            }
        }
        reads
    }
}

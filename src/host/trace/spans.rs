//! Makes a span of every run and, inside it, one of every attempt at a node, out of their events.
//!
//! A span begins when its event happens and ends when that of its end does, because hooks are called at once. If nobody
//! wants a run's span, nothing is kept of the run. Names, ids, codes and times are all that a span holds: a message may
//! quote a value, so it stays out.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use kailash_core::{ErrorKind, Event, RunId, RunStatus, Text, event::What};
use kailash_runtime::Hook;
use tracing::{Span, debug_span, field::Empty, level_filters::LevelFilter};

use super::TraceParent;

/// The target of spans of runs, at level DEBUG.
pub const RUNS: &str = "kailash::run";
/// The target of spans of nodes, at level DEBUG.
pub const NODES: &str = "kailash::node";

/// How many spans are open at a time at most; what begins beyond gets none.
const MAX_OPEN: usize = 65_536;

/// Makes spans. Cloning shares them.
#[derive(Clone)]
pub struct Spans(Arc<Inner>);

struct Inner {
    /// The spans that are open. While there are none, an event costs one look at this.
    open: AtomicUsize,
    limit: usize,
    /// Whether it was told that the limit is reached.
    told: AtomicBool,
    runs: Mutex<HashMap<RunId, Arc<Mutex<Run>>>>,
    /// Who asked for the runs that have not begun.
    parents: Mutex<HashMap<RunId, TraceParent>>,
}

/// The spans of a run.
struct Run {
    own: Timed,
    nodes: HashMap<Text, Timed>,
    skipped: u64,
    /// How many attempts got no span.
    missed: u64,
}

struct Timed {
    span: Span,
    began: Instant,
}

impl Timed {
    fn new(span: Span) -> Self {
        Self { span, began: Instant::now() }
    }

    /// Ends the span. `duration_ms` is what the event says, if it does.
    fn end(self, duration_ms: Option<f64>) {
        let took = || self.began.elapsed().as_secs_f64() * 1e3;
        self.span.record("duration_ms", duration_ms.unwrap_or_else(took));
    }
}

impl Default for Spans {
    fn default() -> Self {
        Self::with_limit(MAX_OPEN)
    }
}

impl Spans {
    pub(super) fn with_limit(limit: usize) -> Self {
        Self(Arc::new(Inner {
            open: AtomicUsize::new(0),
            limit,
            told: AtomicBool::new(false),
            runs: Mutex::default(),
            parents: Mutex::default(),
        }))
    }

    /// What a runtime calls with each event.
    pub fn hook(&self) -> Hook {
        let this = self.clone();
        Arc::new(move |event| this.hear(event))
    }

    /// Says who asked for a run that has not begun. Where nobody wants spans it is not kept.
    pub fn asked_for(&self, run: RunId, parent: TraceParent) {
        if LevelFilter::current() >= LevelFilter::DEBUG {
            lock(&self.0.parents).insert(run, parent);
        }
    }

    /// Says that a run will not begin.
    pub fn refused(&self, run: RunId) {
        lock(&self.0.parents).remove(&run);
    }

    fn hear(&self, event: &Event) {
        match &event.what {
            What::RunStarted { workflow, nodes } | What::RunResumed { workflow, nodes } => {
                self.run_began(event.run, workflow, *nodes);
            }
            _ if self.0.open.load(Ordering::Acquire) == 0 => {}
            What::RunFinished { status, duration_ms } => {
                self.run_ended(event.run, *status, Some(*duration_ms));
            }
            What::RunSuspended { .. } => self.run_ended(event.run, RunStatus::Suspended, None),
            _ => {
                let run = lock(&self.0.runs).get(&event.run).cloned();
                if let (Some(run), Some(unit)) = (run, &event.unit) {
                    self.node(&mut lock(&run), unit, event);
                }
            }
        }
    }

    fn run_began(&self, id: RunId, workflow: &Text, nodes: usize) {
        let parent = lock(&self.0.parents).remove(&id);
        if !self.take_place() {
            return;
        }
        let span = debug_span!(
            target: RUNS, parent: None, "run", otel.name = workflow.as_str(), run_id = %id,
            workflow = workflow.as_str(), nodes, status = Empty, skipped = Empty, duration_ms = Empty,
            trace_id = Empty, spans_missed = Empty, otel.status_code = Empty,
        );
        if span.is_disabled() {
            return self.give_place();
        }
        if let Some(parent) = parent {
            span.record("trace_id", format!("{:032x}", parent.trace));
            #[cfg(feature = "otlp")]
            super::export::adopt(&span, parent);
        }
        let run = Run { own: Timed::new(span), nodes: HashMap::new(), skipped: 0, missed: 0 };
        lock(&self.0.runs).insert(id, Arc::new(Mutex::new(run)));
    }

    fn run_ended(&self, id: RunId, status: RunStatus, duration_ms: Option<f64>) {
        let Some(run) = lock(&self.0.runs).remove(&id) else { return };
        let mut run = lock(&run);
        for (_, node) in run.nodes.drain() {
            node.span.record("outcome", "given_up");
            node.end(None);
            self.give_place();
        }
        let own = std::mem::replace(&mut run.own, Timed::new(Span::none()));
        own.span.record("status", status.as_str());
        for (name, count) in [("skipped", run.skipped), ("spans_missed", run.missed)] {
            if count > 0 {
                own.span.record(name, count);
            }
        }
        if status == RunStatus::Failed {
            own.span.record("otel.status_code", "ERROR");
        }
        own.end(duration_ms);
        self.give_place();
    }

    fn node(&self, run: &mut Run, unit: &Text, event: &Event) {
        match &event.what {
            What::NodeStarted => self.node_began(run, unit, event.attempt),
            What::NodeFinished { duration_ms } => {
                self.node_ended(run, unit, "finished", None, Some(*duration_ms));
            }
            What::NodeFailed { kind, code, .. } => {
                // A cycle whose condition failed, or a node that was refused, never began.
                if !run.nodes.contains_key(unit) {
                    self.node_began(run, unit, event.attempt);
                }
                self.node_ended(run, unit, "failed", Some((*kind, code)), None);
            }
            What::NodeRetrying { .. } => self.node_ended(run, unit, "retried", None, None),
            What::NodeSuspended { .. } => self.node_ended(run, unit, "suspended", None, None),
            What::NodeSkipped => run.skipped += 1,
            _ => {}
        }
    }

    fn node_began(&self, run: &mut Run, unit: &Text, attempt: Option<u32>) {
        if !self.take_place() {
            run.missed += 1;
            return;
        }
        // What stands inside another node, which is under way.
        let around = unit.rsplit_once('/').and_then(|(around, _)| run.nodes.get(around));
        let parent = around.unwrap_or(&run.own).span.id();
        let span = debug_span!(
            target: NODES, parent: parent, "node", otel.name = name(unit).as_str(), unit = unit.as_str(),
            attempt = attempt, outcome = Empty, duration_ms = Empty, error.kind = Empty, error.type = Empty,
            otel.status_code = Empty,
        );
        if span.is_disabled() {
            return self.give_place();
        }
        if run.nodes.insert(unit.clone(), Timed::new(span)).is_some() {
            self.give_place();
        }
    }

    fn node_ended(
        &self,
        run: &mut Run,
        unit: &Text,
        outcome: &str,
        error: Option<(ErrorKind, &Text)>,
        duration_ms: Option<f64>,
    ) {
        let Some(node) = run.nodes.remove(unit) else { return };
        node.span.record("outcome", outcome);
        if let Some((kind, code)) = error {
            node.span.record("error.kind", kind.as_str());
            node.span.record("error.type", code.as_str());
        }
        if matches!(outcome, "failed" | "retried") {
            node.span.record("otel.status_code", "ERROR");
        }
        node.end(duration_ms);
        self.give_place();
    }

    fn take_place(&self) -> bool {
        if self.0.open.fetch_add(1, Ordering::AcqRel) < self.0.limit {
            return true;
        }
        self.give_place();
        if !self.0.told.swap(true, Ordering::AcqRel) {
            tracing::warn!(limit = self.0.limit, "too many spans are open: some runs and nodes get none");
        }
        false
    }

    fn give_place(&self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }

    #[cfg(test)]
    pub(super) fn kept(&self) -> (usize, usize, usize) {
        let parents = lock(&self.0.parents).len();
        (self.0.open.load(Ordering::Acquire), lock(&self.0.runs).len(), parents)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the spans of a unit are called: the same for all its turns and items, so that they can be compared.
pub(super) fn name(unit: &str) -> String {
    let mut steps = unit.split('/').map(|step| {
        let step = cut(step, "#", "");
        cut(step, "[", "]")
    });
    let first = steps.next().unwrap_or_default().to_owned();
    steps.fold(first, |name, step| name + "/" + step)
}

/// `step` without a number at its end between `open` and `close`.
fn cut<'s>(step: &'s str, open: &str, close: &str) -> &'s str {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match step.strip_suffix(close).and_then(|step| step.rsplit_once(open)) {
        Some((name, inside)) if number(inside) => name,
        _ => step,
    }
}

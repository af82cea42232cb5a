//! What a host counts, under names that stay: the table in guides/operating.md.

use std::sync::Arc;

use kailash_core::{Error, Event, Result, RunStatus, Text, event::What};
use kailash_nodes::ops::NodeMetrics;
use kailash_runtime::Hook;
use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    cluster::{Figures, Standing as ClusterStanding},
    node_metrics::NodeFamilies,
    runs::{Ended, WeakRuns},
};

/// The bounds of durations, in seconds.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

/// What a host counts. Cloning shares it.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: std::sync::Mutex<Registry>,
    /// What nodes count, under names of their own.
    nodes_own: std::sync::Mutex<Registry>,
    runs: Family<RunLabels, Counter>,
    run_seconds: Family<WorkflowLabel, Histogram>,
    nodes: Family<NodeLabels, Counter>,
    node_seconds: Histogram,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RunLabels {
    workflow: Name,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WorkflowLabel {
    workflow: Name,
}

/// A name that is shared, not copied.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
struct Name(Text);

impl EncodeLabelValue for Name {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> std::fmt::Result {
        EncodeLabelValue::encode(&self.0.as_str(), encoder)
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NodeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

impl Default for Metrics {
    fn default() -> Self {
        let seconds = || Histogram::new(SECONDS);
        let inner = Inner {
            registry: std::sync::Mutex::default(),
            nodes_own: std::sync::Mutex::default(),
            runs: Family::default(),
            run_seconds: Family::new_with_constructor(seconds),
            nodes: Family::default(),
            node_seconds: seconds(),
            requests: Family::default(),
            request_seconds: seconds(),
        };
        let mut registry = Registry::with_prefix("kailash");
        registry.register("runs", "Runs that ended or were put aside", inner.runs.clone());
        let family = inner.run_seconds.clone();
        registry.register_with_unit("run_duration", "Time from begin to end of a run", Unit::Seconds, family);
        registry.register("nodes", "Attempts at nodes by what became of them", inner.nodes.clone());
        let histogram = inner.node_seconds.clone();
        registry.register_with_unit(
            "node_duration",
            "Time of an attempt at a node",
            Unit::Seconds,
            histogram,
        );
        registry.register("http_requests", "Requests that were answered", inner.requests.clone());
        let histogram = inner.request_seconds.clone();
        registry.register_with_unit("http_request_duration", "Time to answer", Unit::Seconds, histogram);
        *lock(&inner.registry) = registry;
        Self(Arc::new(inner))
    }
}

fn lock(registry: &std::sync::Mutex<Registry>) -> std::sync::MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Metrics {
    /// What a runtime calls with each event.
    pub(super) fn hook(&self) -> Hook {
        let this = self.clone();
        let count = |outcome| this.0.nodes.get_or_create_owned(&NodeLabels { outcome });
        let (finished, failed, retried, skipped) =
            (count("finished"), count("failed"), count("retried"), count("skipped"));
        let seconds = this.0.node_seconds.clone();
        Arc::new(move |event: &Event| match &event.what {
            What::NodeFinished { duration_ms } => {
                finished.inc();
                seconds.observe(duration_ms / 1e3);
            }
            What::NodeFailed { .. } => drop(failed.inc()),
            What::NodeRetrying { .. } => drop(retried.inc()),
            What::NodeSkipped => drop(skipped.inc()),
            _ => {}
        })
    }

    /// Counts a run that ended or was put aside.
    pub(super) fn run_ended(&self, ended: &Ended) {
        // Documents that came with a request have any name; only registered ones are told apart.
        let workflow = if ended.version > 0 { Name(ended.workflow.clone()) } else { Name::default() };
        let labels = RunLabels { workflow: workflow.clone(), status: ended.status.as_str() };
        self.0.runs.get_or_create(&labels).inc();
        if ended.status.is_end() {
            let took = ended.at.saturating_since(ended.began).as_secs_f64();
            self.0.run_seconds.get_or_create(&WorkflowLabel { workflow }).observe(took);
        }
    }

    /// Counts a request that was answered.
    pub(crate) fn request(&self, method: &'static str, route: &str, status: u16, seconds: f64) {
        let labels = RequestLabels { method, route: route.to_owned(), status };
        self.0.requests.get_or_create(&labels).inc();
        self.0.request_seconds.observe(seconds);
    }

    /// Adds what is looked up when it is asked for.
    pub(super) fn watch(&self, runs: WeakRuns) {
        lock(&self.0.registry).register_collector(Box::new(Standing(runs)));
    }

    /// Adds what nodes count.
    pub(super) fn tell_of_nodes(&self, metrics: NodeMetrics) {
        lock(&self.0.nodes_own).register_collector(Box::new(NodeFamilies(metrics)));
    }

    /// Adds what is known of the cluster.
    pub(super) fn tell_of_cluster(&self, figures: &Figures, standing: ClusterStanding) {
        let mut registry = lock(&self.0.registry);
        figures.register(&mut registry);
        registry.register_collector(Box::new(standing));
    }

    /// Everything in the text form of OpenMetrics.
    ///
    /// # Errors
    /// Never in practice.
    pub fn text(&self) -> Result<String> {
        let mut text = String::new();
        let mut encode = || {
            encode_registry(&mut text, &lock(&self.0.registry))?;
            encode_registry(&mut text, &lock(&self.0.nodes_own))?;
            encode_eof(&mut text)
        };
        encode().map_err(|error| Error::internal(error.to_string()))?;
        Ok(text)
    }
}

/// How many runs stand how.
struct Standing(WeakRuns);

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Standing")
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Some(runs) = self.0.upgrade() else { return Ok(()) };
        for (name, help, status) in [
            ("runs_pending", "Runs that wait for their turn", RunStatus::Pending),
            ("runs_running", "Runs under way", RunStatus::Running),
            ("runs_suspended", "Runs that wait for a time or a signal", RunStatus::Suspended),
        ] {
            let gauge = ConstGauge::new(i64::try_from(runs.count(status)).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let waits = ConstGauge::new(i64::from(runs.wait_for_journal()));
        let (name, help) = ("journal_waits_for_room", "Whether runs wait because the journal takes nothing");
        waits.encode(encoder.encode_descriptor(name, help, None, waits.metric_type())?)
    }
}

//! What a host counts of its cluster: the table in guides/operating.md.

use kailash_core::exec::{Clock, SystemClock};
use kailash_edge::coordinate::{Coordination, Happened, Role, Status};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, histogram::Histogram},
    registry::{Registry, Unit},
};

/// The bounds of times of disks and networks, in seconds.
const SECONDS: [f64; 12] = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

/// What is counted as it happens.
pub(in crate::host) struct Figures {
    pub(super) commit: Histogram,
    pub(super) sync: Histogram,
    events: Family<EventLabel, Counter>,
    elections: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EventLabel {
    r#type: &'static str,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            commit: Histogram::new(SECONDS),
            sync: Histogram::new(SECONDS),
            events: Family::default(),
            elections: Counter::default(),
        }
    }
}

impl Figures {
    pub(super) fn count(&self, happened: &Happened) {
        self.events.get_or_create(&EventLabel { r#type: happened.kind() }).inc();
        if matches!(happened, Happened::LeaderChanged { leader: Some(_), .. }) {
            self.elections.inc();
        }
    }

    /// Adds them to what is told.
    pub(in crate::host) fn register(&self, registry: &mut Registry) {
        let commit = "Time from a proposal of this host to its answer";
        registry.register_with_unit("cluster_commit_duration", commit, Unit::Seconds, self.commit.clone());
        let sync = "Time until what the disk took would survive the power going off";
        registry.register_with_unit("cluster_sync_duration", sync, Unit::Seconds, self.sync.clone());
        registry.register("cluster_events", "What happened to the group, by type", self.events.clone());
        registry.register(
            "cluster_elections",
            "Leaders that this host has seen begin",
            self.elections.clone(),
        );
    }
}

/// How the group stands, looked up when it is asked for.
pub(in crate::host) struct Standing(pub(super) Coordination);

impl std::fmt::Debug for Standing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Standing")
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Some(coordinator) = self.0.begun() else { return Ok(()) };
        let status = coordinator.status();
        for (name, help, value) in gauges(&status) {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let lags = status.members.iter().filter_map(|member| Some((member.host.as_str(), member.lag?)));
        let lags: Vec<_> = lags.collect();
        if let Some((_, first)) = lags.first() {
            let metric_type = ConstGauge::new(i64::try_from(*first).unwrap_or(i64::MAX)).metric_type();
            let help = "Entries of the leader's log that a member lacks, told by the leader";
            let mut family = encoder.encode_descriptor("cluster_lag_entries", help, None, metric_type)?;
            for (host, lag) in lags {
                let gauge = ConstGauge::new(i64::try_from(lag).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("host", host)])?)?;
            }
        }
        Ok(())
    }
}

fn gauges(status: &Status) -> Vec<(&'static str, &'static str, u64)> {
    let votes = |voter| status.members.iter().filter(|member| member.voter == voter).count() as u64;
    let mut gauges = vec![
        ("cluster_term", "The term", status.term),
        ("cluster_leading", "Whether this host leads", u64::from(status.role == Role::Leader)),
        ("cluster_quorum", "Whether a majority is known to be there", u64::from(status.quorum)),
        ("cluster_voters", "Members that vote", votes(true)),
        ("cluster_learners", "Members that only learn", votes(false)),
        ("cluster_disk_full", "Whether the log waits for room on the disk", u64::from(status.disk_full)),
        ("cluster_log_bytes", "The length of the log on the disk", status.log_bytes),
    ];
    let indexes = [
        ("cluster_last_log_index", "The last entry of the log", status.last_log),
        ("cluster_committed_index", "The last entry that a majority is known to have", status.committed),
        ("cluster_applied_index", "The last entry that was carried out", status.applied),
    ];
    gauges.extend(indexes.into_iter().filter_map(|(name, help, index)| Some((name, help, index?))));
    if let Some(snapshot) = status.snapshot {
        let now = u64::try_from(SystemClock::default().now().unix_millis()).unwrap_or_default();
        let age = now.saturating_sub(snapshot.at) / 1000;
        gauges.push(("cluster_snapshot_bytes", "The length of the last snapshot", snapshot.bytes));
        gauges.push(("cluster_snapshot_age_seconds", "The age of the state in the last snapshot", age));
    }
    gauges
}

//! How a member takes part.

use std::time::Duration;

use kailash_core::{Error, Result, Text};
use openraft::{Config, SnapshotPolicy};

/// How a member takes part.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of its host.
    pub host: Text,
    /// Where peers reach it, as `host:port`; empty for a member that is alone and listens nowhere.
    pub address: Text,
    /// What all members know.
    pub token: String,
    /// How often a leader lets the others hear from it.
    pub heartbeat: Duration,
    /// How long a leader may be silent before somebody else stands: a time between these.
    pub election: (Duration, Duration),
    /// How long a request waits for the group to answer.
    pub patience: Duration,
    /// The largest proposal, in bytes.
    pub max_proposal: usize,
    /// When the log gives way to a snapshot.
    pub compaction: Compaction,
}

/// When the log gives way to a snapshot, and how much of it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// How many bytes of changes are kept in memory until a snapshot is made: this, or an eighth of the last snapshot if
    /// that is more, but 32 MiB at most.
    pub changes: usize,
    /// How many bytes the log may take until a snapshot is made: this, or as many as the last snapshot.
    pub log: u64,
    /// How many entries stay behind a snapshot, for members that lag.
    pub keep: u64,
    /// The length of a segment of the log, in bytes: it is freed by whole ones.
    pub segment: u64,
}

impl Default for Compaction {
    fn default() -> Self {
        Self { changes: 2 << 20, log: 16 << 20, keep: 1000, segment: 2 << 20 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: "localhost".into(),
            address: Text::default(),
            token: String::new(),
            heartbeat: Duration::from_millis(100),
            election: (Duration::from_millis(300), Duration::from_millis(500)),
            patience: Duration::from_secs(5),
            max_proposal: 1 << 20,
            compaction: Compaction::default(),
        }
    }
}

impl Settings {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Kind `Invalid`, code `coordinate.settings`.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid("coordinate.settings", what.to_owned()));
        if self.heartbeat.is_zero() || self.heartbeat * 2 > self.election.0 {
            return wrong("a leader must be heard twice at least before somebody else stands");
        }
        if self.election.0 >= self.election.1 || self.election.1 > Duration::from_secs(60) {
            return wrong("the election times are a span below 60 s");
        }
        if !(1024..=16 << 20).contains(&self.max_proposal) {
            return wrong("max_proposal is from 1 KiB to 16 MiB");
        }
        Ok(())
    }

    /// What openraft is told.
    ///
    /// # Errors
    /// Kind `Invalid`, code `coordinate.settings`.
    pub(super) fn raft(&self) -> Result<Config> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let config = Config {
            cluster_name: "kailash".to_owned(),
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election.0),
            election_timeout_max: millis(self.election.1),
            install_snapshot_timeout: 60_000,
            // When the next snapshot is due is decided by how much memory and log the last changes take.
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: self.compaction.keep,
            enable_pre_vote: Some(true),
            // A leader that was restarted does not know up to where its log was committed. Were it to lead again in its
            // old term, it would tell readers an index from before what it had answered.
            enable_leader_restore: Some(false),
            ..Config::default()
        };
        config.validate().map_err(|error| Error::invalid("coordinate.settings", error.to_string()))
    }
}

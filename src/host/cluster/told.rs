//! What happens to the group: logged, counted, and told to those who watch.

use std::{sync::Arc, time::Duration};

use kailash_core::exec::{Clock, SystemClock, Timestamp};
use kailash_edge::coordinate::{Happened, Observer};
use serde::Serialize;
use tokio::sync::broadcast;

use super::metrics::Figures;

/// How many events a watcher may be behind before it is told how many it missed.
const BUFFER: usize = 256;

/// Something that happened to the group, as this host sees it.
#[derive(Debug, Serialize)]
pub struct ClusterEvent {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: Happened,
}

/// Tells of what happens to the group.
pub(super) struct Telling {
    pub(super) figures: Figures,
    events: broadcast::Sender<Arc<ClusterEvent>>,
}

impl Default for Telling {
    fn default() -> Self {
        Self { figures: Figures::default(), events: broadcast::Sender::new(BUFFER) }
    }
}

impl Telling {
    pub(super) fn watch(&self) -> broadcast::Receiver<Arc<ClusterEvent>> {
        self.events.subscribe()
    }
}

impl Observer for Telling {
    fn committed(&self, took: Duration) {
        self.figures.commit.observe(took.as_secs_f64());
    }

    fn synced(&self, took: Duration) {
        self.figures.sync.observe(took.as_secs_f64());
    }

    fn happened(&self, happened: &Happened) {
        log(happened);
        self.figures.count(happened);
        if self.events.receiver_count() > 0 {
            let event = ClusterEvent { at: SystemClock::default().now(), what: happened.clone() };
            // Who listened may just have gone.
            drop(self.events.send(Arc::new(event)));
        }
    }
}

fn log(happened: &Happened) {
    match happened {
        Happened::LeaderChanged { term, leader: Some(leader) } => {
            tracing::info!(term, %leader, "the cluster has a leader");
        }
        Happened::LeaderChanged { term, leader: None } => {
            tracing::warn!(term, "the cluster has no leader");
        }
        Happened::QuorumLost => {
            tracing::warn!("no majority of the cluster is heard: nothing is accepted here");
        }
        Happened::QuorumRegained => tracing::info!("a majority of the cluster is heard"),
        Happened::PeerLost { host } => {
            tracing::warn!(%host, "a member of the cluster is not heard any more");
        }
        Happened::PeerBack { host } => tracing::info!(%host, "a member of the cluster is heard again"),
        Happened::MembersChanged { voters, learners } => {
            let (voters, learners) = (voters.len(), learners.len());
            tracing::info!(voters, learners, "the cluster has other members");
        }
        Happened::DiskFull => tracing::warn!("the disk is full: what the cluster sends waits for room"),
        Happened::DiskHasRoom => tracing::info!("the disk has room again"),
        Happened::MemberStopped => {
            tracing::error!("this host takes no part in its cluster any more: its storage failed");
        }
    }
}

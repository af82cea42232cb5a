//! How a member and its group stand, as seen from that member.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kailash_core::Text;
use openraft::{Instant as _, ServerState};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{
    Coordinator,
    net::{Ask, ClusterId, Told},
    raft::MemberId,
};

/// How long the leader is waited for when it is asked how the others stand.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a member does in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It leads.
    Leader,
    /// It follows and votes.
    Follower,
    /// It asks for votes.
    Candidate,
    /// It follows without a vote.
    Learner,
    /// It takes no part any more.
    Stopped,
}

impl Role {
    /// The name as it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Candidate => "candidate",
            Self::Learner => "learner",
            Self::Stopped => "stopped",
        }
    }
}

/// How a member and its group stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its cluster.
    pub cluster: Option<ClusterId>,
    /// Its number.
    pub member: MemberId,
    /// What it does.
    pub role: Role,
    /// The term it is in.
    pub term: u64,
    /// Who leads, as far as is known here.
    pub leader: Option<MemberId>,
    /// Whether a majority is known to be there: the leader has heard from one lately, or this member from the leader.
    pub quorum: bool,
    /// The index of the last entry of its log.
    pub last_log: Option<u64>,
    /// The index of the last entry that it knows a majority to have.
    pub committed: Option<u64>,
    /// The index of the last entry that it carried out.
    pub applied: Option<u64>,
    /// How many bytes its log takes on the disk.
    pub log_bytes: u64,
    /// Whether its disk is full, and its log waits for room.
    pub disk_full: bool,
    /// Its last snapshot.
    pub snapshot: Option<SnapshotStatus>,
    /// Everybody who takes part.
    pub members: Vec<MemberStatus>,
}

/// A member's last snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotStatus {
    /// The index of the last entry in it.
    pub last: u64,
    /// The cluster's time of that entry, in milliseconds since 1970-01-01T00:00:00Z.
    pub at: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// Somebody who takes part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberStatus {
    /// Its number.
    pub id: MemberId,
    /// The name of its host.
    pub host: Text,
    /// Where its peers reach it; empty for one that is alone.
    pub address: Text,
    /// Whether it votes.
    pub voter: bool,
    /// How many entries of the leader's log it lacks; only the leader knows.
    pub lag: Option<u64>,
    /// How many milliseconds ago the leader heard from it; only the leader knows.
    pub silent_ms: Option<u64>,
}

/// When each member was heard last.
#[derive(Default)]
pub(super) struct Heard(Mutex<BTreeMap<MemberId, Instant>>);

impl Heard {
    pub(super) fn from(&self, member: MemberId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(member, Instant::now());
    }

    fn silent(&self, member: MemberId) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&member).map(Instant::elapsed)
    }
}

impl Coordinator {
    /// How this member and its group stand, as far as is known here.
    #[must_use]
    pub fn status(&self) -> Status {
        let metrics = self.metrics();
        let shared = &self.0;
        let voters: Vec<MemberId> = metrics.membership_config.voter_ids().collect();
        let role = match metrics.state {
            _ if metrics.running_state.is_err() => Role::Stopped,
            ServerState::Leader => Role::Leader,
            ServerState::Follower => Role::Follower,
            ServerState::Candidate => Role::Candidate,
            ServerState::Learner => Role::Learner,
            ServerState::Shutdown => Role::Stopped,
        };
        let silence = shared.settings.silence();
        let quorum = match role {
            Role::Leader => metrics.last_quorum_acked.is_some_and(|at| at.elapsed() < silence),
            Role::Follower | Role::Learner => metrics
                .current_leader
                .and_then(|leader| shared.heard.silent(leader))
                .is_some_and(|silent| silent < silence),
            Role::Candidate | Role::Stopped => false,
        };
        let own = self.member();
        let nodes = metrics.membership_config.membership().nodes();
        let members = nodes.map(|(id, member)| {
            // The leader has its own log and needs not hear itself.
            let matched = metrics.replication.as_ref().and_then(|known| known.get(id));
            let lag = matched.map(|matched| {
                let next = |last: Option<u64>| last.map_or(0, |last| last + 1);
                next(metrics.last_log_index).saturating_sub(next(matched.as_ref().map(|id| id.index)))
            });
            let acked = metrics.heartbeat.as_ref().and_then(|known| *known.get(id)?);
            let silent = acked.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX));
            MemberStatus {
                id: *id,
                host: member.host.clone(),
                address: member.address.clone(),
                voter: voters.contains(id),
                lag: lag.filter(|_| *id != own).or((role == Role::Leader && *id == own).then_some(0)),
                silent_ms: silent.filter(|_| *id != own),
            }
        });
        Status {
            cluster: self.cluster(),
            member: own,
            role,
            term: metrics.current_term,
            leader: metrics.current_leader,
            quorum,
            last_log: metrics.last_log_index,
            committed: metrics.local_committed.map(|id| id.index),
            applied: metrics.last_applied.map(|id| id.index),
            log_bytes: shared.log.bytes(),
            disk_full: shared.log.waits_for_room(),
            snapshot: shared.machine.snapshot_status(),
            members: members.collect(),
        }
    }

    /// How this member and its group stand, with what only the leader knows, if it answers within a second.
    pub async fn whole_status(&self) -> Status {
        let mut status = self.status();
        if let Some(leader) = status.leader.filter(|leader| *leader != status.member && status.quorum) {
            let asked = self.0.peers.member(leader).ask(&Ask::Status, PATIENCE).await;
            if let Ok(Told::Status(told)) = asked {
                status.members = told.members;
            }
        }
        status
    }
}

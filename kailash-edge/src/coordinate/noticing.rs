//! What happens to the group, as events: who leads, who is cut off, who takes part.

use std::collections::BTreeSet;

use kailash_core::Text;
use serde::Serialize;

use super::{MemberStatus, Role, Status, raft::MemberId};

/// Something that happened to the group, as this member sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", content = "data")]
pub enum Happened {
    /// Somebody else leads, or nobody does.
    #[serde(rename = "leader.changed")]
    LeaderChanged {
        /// The term.
        term: u64,
        /// The leader's host.
        leader: Option<Text>,
    },
    /// This member is not, or leads not, a majority: nothing is accepted here.
    #[serde(rename = "quorum.lost")]
    QuorumLost,
    /// It is with a majority again.
    #[serde(rename = "quorum.regained")]
    QuorumRegained,
    /// The leader does not hear from a member any more.
    #[serde(rename = "peer.lost")]
    PeerLost {
        /// The member's host.
        host: Text,
    },
    /// The leader hears from a member again.
    #[serde(rename = "peer.back")]
    PeerBack {
        /// The member's host.
        host: Text,
    },
    /// Other members take part.
    #[serde(rename = "members.changed")]
    MembersChanged {
        /// The hosts that vote.
        voters: Vec<Text>,
        /// The hosts that only learn.
        learners: Vec<Text>,
    },
    /// The disk of this member is full: what it is sent waits.
    #[serde(rename = "disk.full")]
    DiskFull,
    /// The disk of this member has room again.
    #[serde(rename = "disk.has_room")]
    DiskHasRoom,
    /// This member takes no part any more, because its storage failed.
    #[serde(rename = "member.stopped")]
    MemberStopped,
}

impl Happened {
    /// The name of its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LeaderChanged { .. } => "leader.changed",
            Self::QuorumLost => "quorum.lost",
            Self::QuorumRegained => "quorum.regained",
            Self::PeerLost { .. } => "peer.lost",
            Self::PeerBack { .. } => "peer.back",
            Self::MembersChanged { .. } => "members.changed",
            Self::DiskFull => "disk.full",
            Self::DiskHasRoom => "disk.has_room",
            Self::MemberStopped => "member.stopped",
        }
    }
}

/// Compares how the group stands with how it stood.
#[derive(Debug, Default)]
pub(super) struct Noticing {
    before: Option<Before>,
}

#[derive(Debug)]
struct Before {
    leader: Option<(u64, MemberId)>,
    quorum: bool,
    lost: BTreeSet<MemberId>,
    members: Vec<(MemberId, bool)>,
    disk_full: bool,
    stopped: bool,
}

impl Noticing {
    /// What happened since the last look. A member is lost that was silent for `silence` milliseconds.
    pub(super) fn look(&mut self, status: &Status, silence: u64) -> Vec<Happened> {
        let stopped = status.role == Role::Stopped;
        let before = self.before.get_or_insert(Before {
            leader: None,
            quorum: false,
            lost: BTreeSet::new(),
            members: Vec::new(),
            disk_full: false,
            stopped: false,
        });
        let mut happened = Vec::new();
        let host =
            |id| status.members.iter().find(|member| member.id == id).map(|member| member.host.clone());
        let members: Vec<_> = status.members.iter().map(|member| (member.id, member.voter)).collect();
        if members != before.members {
            before.members = members;
            happened.push(members_changed(&status.members));
        }
        // A follower that hears nobody knows of no leader.
        let leader = status.leader.filter(|_| status.quorum).map(|leader| (status.term, leader));
        if leader != before.leader {
            before.leader = leader;
            let leader = leader.and_then(|(_, id)| host(id));
            happened.push(Happened::LeaderChanged { term: status.term, leader });
        }
        if status.quorum != before.quorum {
            before.quorum = status.quorum;
            happened.push(if status.quorum { Happened::QuorumRegained } else { Happened::QuorumLost });
        }
        for member in &status.members {
            let MemberStatus { id, host, silent_ms, .. } = member;
            let is_lost = silent_ms.is_some_and(|silent| silent >= silence);
            let is_heard = status.role != Role::Leader || silent_ms.is_some();
            if is_lost && before.lost.insert(*id) {
                happened.push(Happened::PeerLost { host: host.clone() });
            } else if is_heard && !is_lost && before.lost.remove(id) && status.role == Role::Leader {
                happened.push(Happened::PeerBack { host: host.clone() });
            }
        }
        if status.disk_full != before.disk_full {
            before.disk_full = status.disk_full;
            happened.push(if status.disk_full { Happened::DiskFull } else { Happened::DiskHasRoom });
        }
        if stopped && !before.stopped {
            happened.push(Happened::MemberStopped);
        }
        before.stopped = stopped;
        happened
    }
}

fn members_changed(members: &[MemberStatus]) -> Happened {
    let hosts = |voter: bool| {
        members.iter().filter(|member| member.voter == voter).map(|member| member.host.clone()).collect()
    };
    Happened::MembersChanged { voters: hosts(true), learners: hosts(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(role: Role, quorum: bool, silent: &[Option<u64>]) -> Status {
        let member = |(at, silent_ms): (usize, &Option<u64>)| MemberStatus {
            id: at as u64 + 1,
            host: format!("h{}", at + 1).into(),
            address: Text::default(),
            voter: true,
            lag: None,
            silent_ms: *silent_ms,
        };
        Status {
            cluster: None,
            member: 1,
            role,
            term: 4,
            leader: Some(1),
            quorum,
            last_log: None,
            committed: None,
            applied: None,
            log_bytes: 0,
            disk_full: false,
            snapshot: None,
            members: silent.iter().enumerate().map(member).collect(),
        }
    }

    fn kinds(happened: &[Happened]) -> Vec<&'static str> {
        happened.iter().map(Happened::kind).collect()
    }

    #[test]
    fn a_partition_and_its_end_are_told_once() {
        let mut noticing = Noticing::default();
        let all = [None, Some(10), Some(20)];
        let told = noticing.look(&status(Role::Leader, true, &all), 1000);
        assert_eq!(kinds(&told), ["members.changed", "leader.changed", "quorum.regained"]);
        assert_eq!(noticing.look(&status(Role::Leader, true, &all), 1000), []);
        let told = noticing.look(&status(Role::Leader, true, &[None, Some(1000), Some(0)]), 1000);
        assert_eq!(told, [Happened::PeerLost { host: "h2".into() }]);
        let told = noticing.look(&status(Role::Leader, false, &[None, Some(1500), Some(1000)]), 1000);
        assert_eq!(kinds(&told), ["leader.changed", "quorum.lost", "peer.lost"]);
        assert_eq!(told[0], Happened::LeaderChanged { term: 4, leader: None });
        let told = noticing.look(&status(Role::Leader, true, &all), 1000);
        assert_eq!(kinds(&told), ["leader.changed", "quorum.regained", "peer.back", "peer.back"]);
    }

    #[test]
    fn who_does_not_lead_tells_of_no_peers() {
        let mut noticing = Noticing::default();
        noticing.look(&status(Role::Leader, true, &[None, Some(2000)]), 1000);
        let told = noticing.look(&status(Role::Follower, true, &[None, None]), 1000);
        assert_eq!(told, []);
        let full = Status { disk_full: true, ..status(Role::Follower, true, &[None, None]) };
        assert_eq!(kinds(&noticing.look(&full, 1000)), ["disk.full"]);
        assert_eq!(kinds(&noticing.look(&Status { disk_full: false, ..full }, 1000)), ["disk.has_room"]);
        let told = noticing.look(&status(Role::Stopped, false, &[None, None]), 1000);
        assert_eq!(kinds(&told), ["leader.changed", "quorum.lost", "member.stopped"]);
    }
}

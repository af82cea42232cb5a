//! Members agree on what is committed, and take back nothing that they promised.

use std::collections::BTreeMap;

use kailash_edge::coordinate::{
    Coordinator,
    raft::{LogId, MemberId, Vote},
};

use super::Violation;

/// What members told so far.
#[derive(Default)]
pub(crate) struct Logs {
    hosts: BTreeMap<usize, Told>,
    /// A hash of the state by the index behind the last command that it has, and who told it first.
    states: BTreeMap<u64, (blake3::Hash, usize)>,
    /// The entry at an index.
    entries: BTreeMap<u64, LogId>,
    /// When each leadership was seen first, by term and member.
    pub(crate) leaders: BTreeMap<(u64, MemberId), u64>,
    /// How many snapshots were seen, and how often a log was seen to have given way to one.
    pub(crate) snapshots: (u64, u64),
}

/// What one host told last.
#[derive(Default)]
struct Told {
    vote: Option<Vote>,
    /// Of this process: its term, and how much it carried out.
    term: u64,
    applied: u64,
    /// Of this process: the last snapshot, and up to where its log is forgotten.
    snapshot: (Option<LogId>, Option<LogId>),
}

impl Logs {
    /// A new process has promised nothing but what is on the disk.
    pub(crate) fn restarted(&mut self, host: usize) {
        let told = self.hosts.entry(host).or_default();
        (told.term, told.applied, told.snapshot) = (0, 0, (None, None));
    }

    pub(crate) fn look(&mut self, now: u64, host: usize, coordinator: &Coordinator) -> Result<(), Violation> {
        let metrics = coordinator.metrics();
        let told = self.hosts.entry(host).or_default();
        if told
            .vote
            .is_some_and(|before| metrics.vote.partial_cmp(&before).is_none_or(std::cmp::Ordering::is_lt))
        {
            return Err(format!("host {host} had voted {:?} and now says {:?}", told.vote, metrics.vote));
        }
        told.vote = Some(metrics.vote);
        if metrics.current_term < told.term {
            return Err(format!("host {host} went back from term {} to {}", told.term, metrics.current_term));
        }
        told.term = metrics.current_term;
        let before = std::mem::replace(&mut told.snapshot, (metrics.snapshot, metrics.purged));
        self.snapshots.0 += u64::from(before.0 != metrics.snapshot);
        self.snapshots.1 += u64::from(before.1 != metrics.purged);
        if metrics.state.is_leader() && metrics.vote.committed {
            let leader = metrics.vote.leader_id;
            self.leaders.entry((leader.term, leader.node_id)).or_insert(now);
        }
        for id in [metrics.last_applied, metrics.local_committed].into_iter().flatten() {
            let known = self.entries.entry(id.index).or_insert(id);
            if *known != id {
                return Err(format!("host {host} has {id} committed where another has {known}"));
            }
        }
        let applied = metrics.last_applied.map_or(0, |last| last.index + 1);
        if applied < told.applied {
            return Err(format!("host {host} went back from index {} to {applied}", told.applied));
        }
        let is_new = std::mem::replace(&mut told.applied, applied) != applied;
        if is_new {
            self.hash(host, coordinator)?;
        }
        Ok(())
    }

    /// Compares the state of a host with that of the others.
    pub(crate) fn hash(&mut self, host: usize, coordinator: &Coordinator) -> Result<u64, Violation> {
        let (index, hash) = coordinator.digest().map_err(|error| format!("host {host}: {error}"))?;
        let (known, first) = self.states.entry(index).or_insert((hash, host));
        if *known == hash {
            return Ok(index);
        }
        Err(format!("hosts {first} and {host} carried out everything before index {index} and differ"))
    }

    /// The index behind the last command that any state has.
    pub(crate) fn last_index(&self) -> u64 {
        self.states.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// The term of the entry at `index`, if that is known.
    pub(crate) fn term_at(&self, index: u64) -> Option<(u64, MemberId)> {
        let leader = |id: &LogId| (id.leader_id.term, id.leader_id.node_id);
        let before = self.entries.range(..=index).next_back().map(|(_, id)| leader(id))?;
        let behind = self.entries.range(index..).next().map(|(_, id)| leader(id))?;
        (before == behind).then_some(before)
    }
}

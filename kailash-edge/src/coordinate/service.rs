//! What a member does by itself: ends what was not renewed, as the leader, and makes snapshots when they are due.

use std::{sync::Arc, time::Duration};

use kailash_core::exec::Monotonic;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Coordinator, Role, expiry::Deadlines, keeper::RENEWAL, noticing::Noticing, raft::LogId};

/// The share of the last snapshot that may change in memory until another is made.
const SHARE: u64 = 8;
/// How many bytes of changes are kept in memory at most.
const MOST_CHANGES: usize = 32 << 20;
/// How long nothing is looked at, at most.
const LOOK: Duration = Duration::from_millis(500);
/// How long between two looks at what changes: under load something changes with every entry.
const PACE: Duration = Duration::from_millis(10);

/// What a member does by itself.
pub struct CoordinatorService {
    coordinator: Coordinator,
    deadlines: Option<Deadlines>,
    /// How many bytes the log takes that the last snapshot could not free.
    log_rest: u64,
    /// Which membership the addresses are of.
    membership: Option<LogId>,
    noticing: Noticing,
}

impl CoordinatorService {
    pub(super) fn new(coordinator: Coordinator) -> Self {
        Self { coordinator, deadlines: None, log_rest: 0, membership: None, noticing: Noticing::default() }
    }

    /// Works until `stop`, then ends taking part.
    pub async fn run(mut self, stop: CancellationToken) {
        let shared = Arc::clone(&self.coordinator.0);
        let mut progress = shared.machine.progress();
        let mut metrics = shared.raft.metrics();
        let keeping = self.coordinator.clone();
        let renewing = tokio::spawn(stop.clone().run_until_cancelled_owned(async move {
            let mut renewals = tokio::time::interval(RENEWAL);
            renewals.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                renewals.tick().await;
                keeping.renew_kept().await;
            }
        }));
        loop {
            let now = shared.clock.monotonic();
            self.note_addresses();
            self.notice();
            self.end_what_is_over(now);
            self.snapshot_if_due();
            let next = self.deadlines.as_ref().and_then(Deadlines::next);
            let wait = next.map_or(LOOK, |at| at.saturating_since(now).min(LOOK));
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(wait.min(PACE)) => {}
            }
            let wait = wait.saturating_sub(PACE);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = progress.changed() => if changed.is_err() { break },
                changed = metrics.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(wait) => {}
            }
        }
        renewing.abort();
        if self.coordinator.status().role == Role::Leader
            && let Err(error) = self.coordinator.hand_over().await
        {
            tracing::debug!(%error, "nobody takes the lead now");
        }
        if let Err(error) = self.coordinator.stop().await {
            tracing::warn!(%error, "the Raft group did not stop well");
        }
    }

    /// Notes where the members are, when that has changed.
    fn note_addresses(&mut self) {
        let metrics = self.coordinator.metrics();
        let (membership, own) = (metrics.membership_config, self.coordinator.member());
        if self.membership == *membership.log_id() {
            return;
        }
        self.membership = *membership.log_id();
        for (id, member) in membership.membership().nodes().filter(|(id, _)| **id != own) {
            self.coordinator.0.peers.is_at(*id, &member.address);
        }
    }

    /// Tells of what happened to the group.
    fn notice(&mut self) {
        let settings = &self.coordinator.0.settings;
        let silence = u64::try_from(settings.silence().as_millis()).unwrap_or(u64::MAX);
        for happened in self.noticing.look(&self.coordinator.status(), silence) {
            settings.observing.0.happened(&happened);
        }
    }

    /// Proposes the end of what was not renewed in time, if this member leads.
    fn end_what_is_over(&mut self, now: Monotonic) {
        let shared = &self.coordinator.0;
        let times = shared.machine.take_times();
        if !shared.raft.is_leader() {
            self.deadlines = None;
            return;
        }
        let deadlines = self.deadlines.get_or_insert_with(|| {
            // Those that were taken just now are among them.
            shared.machine.look(|machine, _| Deadlines::all(machine.meta.timers(), now))
        });
        for (timed, timer) in times {
            deadlines.set(timed, timer, now);
        }
        for command in deadlines.over(now) {
            let coordinator = self.coordinator.clone();
            tokio::spawn(async move {
                if let Err(error) = coordinator.propose(command).await {
                    // Whoever leads next begins its time anew.
                    tracing::debug!(%error, "what was not renewed was not ended");
                }
            });
        }
    }

    fn snapshot_if_due(&mut self) {
        let shared = &self.coordinator.0;
        let (changes, table) = shared.machine.weight();
        let due = shared.settings.compaction;
        let share = usize::try_from(table / SHARE).unwrap_or(usize::MAX).min(MOST_CHANGES);
        let log = shared.log.bytes();
        self.log_rest = self.log_rest.min(log);
        if changes < due.changes.max(share) && log - self.log_rest < due.log.max(table) {
            return;
        }
        self.log_rest = log;
        let raft = shared.raft.clone();
        tokio::spawn(async move {
            if let Err(error) = raft.trigger().snapshot().await {
                tracing::debug!(%error, "no snapshot");
            }
        });
    }
}

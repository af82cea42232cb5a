//! The machine: carries commands out, one after the other.

use kailash_core::Result;

use super::{
    Answered, Change, Command, Fence, Hlc, Keys, Meta, Proposal, Refusal, Timed, Timer, What, leases, map,
    order,
};

/// The replicated state over some keys.
pub struct Machine<K> {
    /// Map entries, leases and groups.
    pub keys: K,
    /// The rest.
    pub meta: Meta,
}

/// What follows from commands beside their answers.
#[derive(Debug, Default)]
pub struct Effects {
    /// What changed.
    pub changes: Vec<Change>,
    /// Whose time begins anew, and whose is none any more.
    pub times: Vec<(Timed, Option<Timer>)>,
}

/// A command being carried out.
pub(super) struct Turn<'m, K> {
    pub(super) keys: &'m mut K,
    pub(super) meta: &'m mut Meta,
    pub(super) effects: &'m mut Effects,
    pub(super) index: u64,
    pub(super) at: Hlc,
}

impl<K: Keys> Machine<K> {
    /// Carries out the proposal with log index `index` and tells `effects` what follows. A proposal that was carried out
    /// before is answered as it was then.
    ///
    /// # Errors
    /// Failing or damaged storage: the state is worth nothing then.
    pub fn apply(&mut self, index: u64, proposal: Proposal, effects: &mut Effects) -> Result<Answered> {
        let Proposal { request, at, command } = proposal;
        if let Some(answered) = self.meta.requests.answered(request) {
            return Ok(answered);
        }
        let at = self.meta.clock.next(at);
        self.meta.clock = at;
        let mut turn = Turn { keys: &mut self.keys, meta: &mut self.meta, effects, index, at };
        let answered = turn.carry_out(command)?;
        self.meta.requests.keep(request, index, &answered);
        Ok(answered)
    }
}

impl<K: Keys> Turn<'_, K> {
    fn carry_out(&mut self, command: Command) -> Result<Answered> {
        match command {
            Command::Put { key, value, expect, ttl, fence } => {
                self.fenced(fence.as_ref(), |turn| map::put(turn, key, value, expect, ttl))
            }
            Command::Delete { key, expect, fence } => {
                self.fenced(fence.as_ref(), |turn| map::delete(turn, key, expect))
            }
            Command::Increment { key, by, fence } => {
                self.fenced(fence.as_ref(), |turn| map::increment(turn, &key, &by))
            }
            Command::Append { key, value, fence } => {
                self.fenced(fence.as_ref(), |turn| map::append(turn, &key, &value))
            }
            Command::Expire { key, version } => map::expire(self, key, version),
            Command::Acquire { lease, holder, ttl } => leases::acquire(self, lease, holder, ttl),
            Command::Campaign { lease, candidate, ttl } => leases::campaign(self, lease, candidate, ttl),
            Command::Renew { grants, ttl } => leases::renew(self, &grants, ttl),
            Command::Release { lease, token } => leases::release(self, lease, token),
            Command::HandOver { lease, token, to } => leases::hand_over(self, lease, token, to),
            Command::Lapse { lease, token, renewals } => leases::lapse(self, lease, token, renewals),
            Command::Propose { group, id, proposer, proposal } => {
                order::propose(self, group, id, proposer, proposal)
            }
            Command::Order { group, events } => order::order(self, &group, events),
        }
    }

    /// Does `work` if the lease of `fence` is held with its token.
    fn fenced(
        &mut self,
        fence: Option<&Fence>,
        work: impl FnOnce(&mut Self) -> Result<Answered>,
    ) -> Result<Answered> {
        let Some(fence) = fence else { return work(self) };
        match leases::check_held(self.keys, &fence.lease, fence.token)? {
            Ok(()) => work(self),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    pub(super) fn tell(&mut self, what: What) {
        self.effects.changes.push(Change { index: self.index, at: self.at, what });
    }

    /// Lets the time of `timed` begin anew, or lets it have none.
    pub(super) fn time(&mut self, timed: Timed, timer: Option<Timer>) {
        let before = match timer {
            Some(timer) => self.meta.timers.insert(timed.clone(), timer),
            None => self.meta.timers.remove(&timed),
        };
        if before != timer {
            self.effects.times.push((timed, timer));
        }
    }
}

/// The longest name of an entry, lease or group, in bytes.
const MAX_NAME: usize = 512;

/// Refuses what is no name of an entry, lease, group or event.
pub(in crate::coordinate) fn check_name(what: &str, name: &str) -> std::result::Result<(), Refusal> {
    if (1..=MAX_NAME).contains(&name.len()) && !name.contains(char::is_control) {
        return Ok(());
    }
    let message = format!("a {what} has 1 to {MAX_NAME} bytes and no control characters");
    Err(Refusal::invalid("coordinate.name", message))
}

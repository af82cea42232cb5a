//! When the leader ends what was not renewed: by its own monotonic clock, counted from when it knew of it.
//!
//! Nothing ends here: a command is proposed, and whoever renewed in the meantime wins. A new leader begins all times
//! anew, so that nothing ends early because clocks differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kailash_core::exec::Monotonic;

use super::state::{Command, Timed, Timer};

/// How long until what is over is told again.
const AGAIN: Duration = Duration::from_secs(2);

/// What ends, and when.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    timers: BTreeMap<Timed, (Timer, Monotonic)>,
    order: BTreeSet<(Monotonic, Timed)>,
}

impl Deadlines {
    /// Everything begins at `now`.
    pub(super) fn all(timers: &BTreeMap<Timed, Timer>, now: Monotonic) -> Self {
        let mut deadlines = Self::default();
        for (timed, timer) in timers {
            deadlines.set(timed.clone(), Some(*timer), now);
        }
        deadlines
    }

    /// The time of `timed` begins at `now`, or it has none any more.
    pub(super) fn set(&mut self, timed: Timed, timer: Option<Timer>, now: Monotonic) {
        if let Some((_, at)) = self.timers.remove(&timed) {
            self.order.remove(&(at, timed.clone()));
        }
        if let Some(timer) = timer {
            let at = now.after(Duration::from_millis(timer.ttl));
            self.order.insert((at, timed.clone()));
            self.timers.insert(timed, (timer, at));
        }
    }

    /// When the next one ends.
    pub(super) fn next(&self) -> Option<Monotonic> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The commands that end what is over at `now`. What is not carried out is told again a while later.
    pub(super) fn over(&mut self, now: Monotonic) -> Vec<Command> {
        let mut over = Vec::new();
        while self.next().is_some_and(|at| at <= now)
            && let Some((_, timed)) = self.order.pop_first()
        {
            let Some((timer, at)) = self.timers.get_mut(&timed) else { continue };
            *at = now.after(AGAIN);
            self.order.insert((*at, timed.clone()));
            over.push(match timed {
                Timed::Lease(lease) => Command::Lapse { lease, token: timer.token, renewals: timer.renewals },
                Timed::Entry(key) => Command::Expire { key, version: timer.token.0 },
            });
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::exec::Token;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_nanos(millis * 1_000_000)
    }

    fn lease(name: &str) -> Timed {
        Timed::Lease(name.into())
    }

    fn timer(renewals: u64) -> Timer {
        Timer { token: Token(1), renewals, ttl: 100 }
    }

    fn names(commands: Vec<Command>) -> Vec<(String, u64)> {
        let name = |command| match command {
            Command::Lapse { lease, renewals, .. } => (lease.to_string(), renewals),
            other => panic!("{other:?}"),
        };
        commands.into_iter().map(name).collect()
    }

    #[test]
    fn what_was_renewed_ends_later_and_what_is_gone_never() {
        let mut deadlines = Deadlines::default();
        deadlines.set(lease("a"), Some(timer(0)), at(0));
        deadlines.set(lease("b"), Some(timer(0)), at(10));
        deadlines.set(lease("c"), Some(timer(0)), at(20));
        assert_eq!(deadlines.next(), Some(at(100)));
        deadlines.set(lease("a"), Some(timer(1)), at(90));
        deadlines.set(lease("c"), None, at(95));
        assert_eq!(names(deadlines.over(at(109))), []);
        assert_eq!(names(deadlines.over(at(110))), [("b".to_owned(), 0)]);
        deadlines.set(lease("b"), None, at(111));
        assert_eq!(names(deadlines.over(at(1000))), [("a".to_owned(), 1)]);
        deadlines.set(lease("a"), None, at(1001));
        assert_eq!(deadlines.next(), None);
    }

    #[test]
    fn what_was_not_ended_is_told_again() {
        let mut deadlines = Deadlines::default();
        deadlines.set(lease("a"), Some(timer(0)), at(0));
        assert_eq!(deadlines.over(at(100)).len(), 1);
        assert_eq!(deadlines.over(at(2099)).len(), 0);
        assert_eq!(deadlines.over(at(2100)).len(), 1);
    }

    #[test]
    fn a_new_leader_begins_all_times_anew() {
        let timers = [(lease("a"), timer(3)), (Timed::Entry("k".into()), timer(0))].into();
        let mut deadlines = Deadlines::all(&timers, at(5000));
        assert!(deadlines.over(at(5099)).is_empty());
        assert_eq!(deadlines.over(at(5100)).len(), 2);
    }
}

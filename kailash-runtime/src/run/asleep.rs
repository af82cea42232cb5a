//! Units that wait for time or a signal, and what wakes them. Pure.
//!
//! ```text
//! suspended unit ──lay──> asleep ──(time came, signal came)──> roused ──> runs again with what woke it
//! signal ──────────────────┘ kept until a unit waits for it
//! ```

use std::collections::{BTreeSet, HashMap, VecDeque};

use kailash_core::{
    Result, Text, Value,
    exec::Timestamp,
    node::{UnitKey, Wake, Woken},
};

use crate::{
    journal::{Signals, Tally, Wait},
    schedule::Ready,
};

/// The units of one run that wait.
#[derive(Default)]
pub(crate) struct Asleep {
    units: HashMap<UnitKey, Sleeper>,
    timers: BTreeSet<(Timestamp, UnitKey)>,
    /// Who waits for a signal, the longest first. One that was woken otherwise is still named here.
    listening: HashMap<Text, VecDeque<UnitKey>>,
    signals: Signals,
    roused: Vec<(Ready, Woken)>,
}

struct Sleeper {
    ready: Ready,
    wake: Wake,
}

impl Asleep {
    /// Nobody asleep, and signals that came before.
    pub(crate) fn new(signals: Signals) -> Self {
        Self { signals, ..Self::default() }
    }

    /// Whether nobody is asleep or roused.
    pub(crate) fn is_empty(&self) -> bool {
        self.units.is_empty() && self.roused.is_empty()
    }

    /// Lets a unit wait; a signal that came before wakes it at once.
    pub(crate) fn lay(&mut self, ready: Ready, wake: Wake) {
        if let Some(name) = wake.signal() {
            if let Some(value) = self.signals.take(name) {
                self.roused.push((ready, Woken::Signal(value)));
                return;
            }
            self.listening.entry(name.clone()).or_default().push_back(ready.unit);
        }
        self.timers.extend(wake.at().map(|at| (at, ready.unit)));
        self.units.insert(ready.unit, Sleeper { ready, wake });
    }

    /// Takes a signal: it wakes the unit that has waited for it longest, or is kept.
    ///
    /// # Errors
    /// Kind `Limit`, code `run.signals`, if too many are kept.
    pub(crate) fn signal(&mut self, name: Text, value: Value) -> Result<()> {
        while let Some(unit) = self.listening.get_mut(&name).and_then(VecDeque::pop_front) {
            let waits = self.units.get(&unit).is_some_and(|sleeper| sleeper.wake.signal() == Some(&name));
            if let (true, Some(sleeper)) = (waits, self.units.remove(&unit)) {
                self.timers.retain(|(_, timed)| *timed != unit);
                self.roused.push((sleeper.ready, Woken::Signal(value)));
                return Ok(());
            }
        }
        self.signals.keep(name, value)
    }

    /// The units that something woke by `now`.
    pub(crate) fn rouse(&mut self, now: Timestamp) -> Vec<(Ready, Woken)> {
        let mut roused = std::mem::take(&mut self.roused);
        while self.next().is_some_and(|at| at <= now) {
            let sleeper = self.timers.pop_first().and_then(|(_, unit)| self.units.remove(&unit));
            roused.extend(sleeper.map(|sleeper| (sleeper.ready, Woken::Time)));
        }
        roused
    }

    /// What wakes the next unit.
    pub(crate) fn wait(&self) -> Wait {
        let mut signals: Vec<Text> =
            self.units.values().filter_map(|sleeper| sleeper.wake.signal().cloned()).collect();
        signals.sort_unstable();
        signals.dedup();
        Wait { until: self.next(), signals }
    }

    /// How many signals are kept, and how large they are.
    pub(crate) fn kept(&self) -> Tally {
        self.signals.tally()
    }

    /// When the next unit is woken at the latest.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.timers.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::node::Inputs;

    use super::*;

    fn ready(node: u32) -> Ready {
        Ready { unit: UnitKey { frame: 0, node }, scope: 0, inputs: Inputs::new() }
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn roused(asleep: &mut Asleep, now: i64) -> Vec<(u32, Woken)> {
        asleep.rouse(at(now)).into_iter().map(|(ready, woken)| (ready.unit.node, woken)).collect()
    }

    #[test]
    fn time_wakes_whom_it_has_come_for_and_nobody_before() {
        let mut asleep = Asleep::default();
        asleep.lay(ready(1), Wake::At(at(20)));
        asleep.lay(ready(2), Wake::At(at(10)));
        assert_eq!(asleep.next(), Some(at(10)));
        assert_eq!(roused(&mut asleep, 9), []);
        assert_eq!(roused(&mut asleep, 10), [(2, Woken::Time)]);
        assert_eq!(roused(&mut asleep, 99), [(1, Woken::Time)]);
        assert!(asleep.is_empty());
    }

    #[test]
    fn a_signal_wakes_the_one_that_waited_longest_and_each_only_once() {
        let mut asleep = Asleep::default();
        asleep.lay(ready(1), Wake::Signal("go".into()));
        asleep.lay(ready(2), Wake::Signal("go".into()));
        for n in 0..3 {
            asleep.signal("go".into(), n.into()).unwrap();
        }
        let first = roused(&mut asleep, 0);
        assert_eq!(first, [(1, Woken::Signal(0.into())), (2, Woken::Signal(1.into()))]);
        assert!(asleep.is_empty());
        asleep.lay(ready(3), Wake::Signal("go".into()));
        assert_eq!(roused(&mut asleep, 0), [(3, Woken::Signal(2.into()))], "the signal was kept");
    }

    #[test]
    fn of_time_and_signal_only_the_first_wakes() {
        let either = || Wake::Either { signal: "go".into(), at: at(10) };
        let mut asleep = Asleep::default();
        asleep.lay(ready(1), either());
        asleep.signal("go".into(), 1.into()).unwrap();
        assert_eq!(roused(&mut asleep, 99), [(1, Woken::Signal(1.into()))]);
        asleep.lay(ready(1), either());
        assert_eq!(roused(&mut asleep, 99), [(1, Woken::Time)]);
        asleep.signal("go".into(), 2.into()).unwrap();
        assert_eq!(roused(&mut asleep, 99), [], "nobody waits for it any more");
    }

    #[test]
    fn a_run_says_what_it_waits_for() {
        let mut asleep = Asleep::default();
        asleep.lay(ready(1), Wake::Signal("b".into()));
        asleep.lay(ready(2), Wake::Either { signal: "a".into(), at: at(7) });
        asleep.lay(ready(3), Wake::Signal("b".into()));
        assert_eq!(asleep.wait(), Wait { until: Some(at(7)), signals: vec!["a".into(), "b".into()] });
    }
}

//! What a run under way still has to tell its journal, and who waits for that.

use std::collections::VecDeque;

use kailash_core::{
    Error, Result, Text, Value,
    node::{Effect, Outcome, Outputs, Wake, Woken},
};
use tokio::sync::oneshot;

use super::{Payload, Record, Suspension, UnitPath, Units, in_doubt};
use crate::schedule::Ready;

/// The writing side of a run's journal. Pure: the driver carries records to the log.
pub(crate) struct Scribe {
    /// What the past knows of units that have not come up again.
    units: Units,
    buffer: Vec<Record>,
    /// Records that the log has or is getting.
    handed: u64,
    /// Whether the log is getting some.
    under_way: bool,
    /// Whether no more records will come.
    closed: bool,
    /// Whether nothing more becomes durable.
    lost: bool,
    /// Who waits until so many records are durable.
    gated: VecDeque<(u64, Gated)>,
}

/// Who waits until something is durable.
enum Gated {
    /// A unit that may begin then.
    Unit(Ready),
    /// Somebody who is told then.
    Asker(oneshot::Sender<()>),
}

fn tell(asker: oneshot::Sender<()>) {
    // Whoever asked may have stopped waiting.
    let (Ok(()) | Err(())) = asker.send(());
}

/// What becomes of a unit that is ready.
pub(crate) enum Admission {
    /// It runs.
    Run(Ready),
    /// It ran before.
    Known(Ready, Result<Outputs>),
    /// Nobody knows whether it ran before.
    Doubted(Ready, Error),
    /// It waits for time or a signal, as it did before.
    Asleep(Ready, Wake),
    /// It runs when the journal knows of it.
    Gated,
}

impl Scribe {
    /// For a run that begins.
    pub(crate) fn begin(begun: Record) -> Self {
        let mut scribe = Self::resume(Units::default(), 0);
        scribe.buffer.push(begun);
        scribe
    }

    /// For a run whose journal has `length` records that tell of `units`.
    pub(crate) fn resume(units: Units, length: u64) -> Self {
        Self {
            units,
            buffer: Vec::new(),
            handed: length,
            under_way: false,
            closed: false,
            lost: false,
            gated: VecDeque::new(),
        }
    }

    /// Notes that the run goes on, before anything else of it.
    pub(crate) fn resumed(&mut self, resumed: Record) {
        self.buffer.push(resumed);
    }

    /// Decides about a unit that is ready. `keyed` says that whoever it acts on remembers idempotency keys.
    pub(crate) fn admit(
        &mut self,
        unit: UnitPath,
        effect: Effect,
        keyed: bool,
        mut ready: Ready,
    ) -> Admission {
        if !self.units.is_empty() {
            if let Some(answer) = self.units.take(&unit) {
                return Admission::Known(ready, answer);
            }
            if effect == Effect::Effectful && !keyed && self.units.is_in_doubt(&unit) {
                return Admission::Doubted(ready, in_doubt());
            }
            match self.units.take_suspension(&unit) {
                Some(Suspension::Asleep(wake)) => return Admission::Asleep(ready, wake),
                Some(Suspension::Woken(woken)) => ready.inputs.set_woken(woken),
                None => {}
            }
        }
        if effect != Effect::Effectful {
            return Admission::Run(ready);
        }
        self.buffer.push(Record::Started { unit });
        self.gate(Gated::Unit(ready));
        Admission::Gated
    }

    /// Notes what woke a unit. It is given back if it may run again at once.
    pub(crate) fn wake(
        &mut self,
        unit: UnitPath,
        woken: Woken,
        effect: Effect,
        ready: Ready,
    ) -> Option<Ready> {
        let signal = match woken {
            Woken::Signal(value) => Some(Payload::Here(value)),
            Woken::Time => None,
        };
        self.buffer.push(Record::Woken { unit, signal });
        if effect != Effect::Effectful {
            return Some(ready);
        }
        self.gate(Gated::Unit(ready));
        None
    }

    /// Notes a signal. Who asks is told when it is durable.
    pub(crate) fn signalled(&mut self, name: Text, value: Value) -> oneshot::Receiver<()> {
        self.buffer.push(Record::Signalled { name, value: Payload::Here(value) });
        self.ask()
    }

    /// Tells when everything up to now is durable.
    pub(crate) fn ask(&mut self) -> oneshot::Receiver<()> {
        let (asker, told) = oneshot::channel();
        if self.lost {
            return told;
        }
        if self.under_way || !self.buffer.is_empty() {
            self.gate(Gated::Asker(asker));
        } else {
            tell(asker);
        }
        told
    }

    /// Nothing more becomes durable: whoever waits for that hears no more.
    pub(crate) fn give_up(&mut self) {
        self.lost = true;
        self.gated.clear();
    }

    fn gate(&mut self, gated: Gated) {
        self.gated.push_back((self.handed + self.buffer.len() as u64, gated));
    }

    /// Whether a unit is held back.
    pub(crate) fn holds_back(&self) -> bool {
        self.gated.iter().any(|(_, gated)| matches!(gated, Gated::Unit(_)))
    }

    /// Notes what a unit gave.
    pub(crate) fn note(&mut self, unit: UnitPath, outcome: &Result<Outcome>) {
        if self.closed {
            return;
        }
        self.buffer.push(match outcome {
            Ok(Outcome::Done(outputs)) => {
                let outputs = outputs.clone().into_iter().map(|output| output.map(Payload::Here));
                Record::Done { unit, outputs: outputs.collect() }
            }
            Ok(Outcome::Suspend(wake)) => Record::Suspended { unit, wake: wake.clone() },
            Err(error) => Record::Failed { unit, error: error.into() },
        });
    }

    /// Adds the last record, unless the run is only given up and may be resumed.
    pub(crate) fn close(&mut self, ended: Option<Record>) {
        if !self.closed {
            self.buffer.extend(ended);
            self.closed = true;
        }
    }

    /// Whether no more records will come.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether there is something to carry, and nobody carries.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.under_way && !self.buffer.is_empty()
    }

    /// Records for the log, with the position of the first; none while others are on their way.
    pub(crate) fn take(&mut self) -> Option<(u64, Vec<Record>)> {
        if !self.is_waiting() {
            return None;
        }
        self.under_way = true;
        let records = std::mem::take(&mut self.buffer);
        let first = self.handed;
        self.handed += records.len() as u64;
        Some((first, records))
    }

    /// What was taken is durable: the units that may begin now.
    pub(crate) fn carried(&mut self) -> Vec<Ready> {
        self.under_way = false;
        let mut free = Vec::new();
        while let Some((_, gated)) = self.gated.pop_front_if(|(needs, _)| *needs <= self.handed) {
            match gated {
                Gated::Unit(ready) => free.push(ready),
                Gated::Asker(asker) => tell(asker),
            }
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{
        Step,
        node::{Inputs, UnitKey},
    };

    use super::*;

    fn ready(node: u32) -> Ready {
        Ready { unit: UnitKey { frame: 0, node }, scope: 0, inputs: Inputs::new() }
    }

    fn path(node: &str) -> UnitPath {
        vec![Step { node: node.into(), iteration: 0, item: 0 }]
    }

    fn done() -> Result<Outcome> {
        Ok(Outputs::one(1).into())
    }

    #[test]
    fn a_node_that_acts_waits_for_all_before_it_and_its_own_beginning() {
        let mut scribe = Scribe::resume(Units::default(), 7);
        scribe.note(path("before"), &done());
        let (first, records) = scribe.take().unwrap();
        assert_eq!((first, records.len()), (7, 1));
        assert!(matches!(scribe.admit(path("send"), Effect::Effectful, false, ready(1)), Admission::Gated));
        assert!(scribe.take().is_none(), "one write at a time");
        assert!(scribe.carried().is_empty(), "its beginning is not durable yet");
        let (first, records) = scribe.take().unwrap();
        assert_eq!((first, records.len()), (8, 1));
        assert_eq!(scribe.carried().len(), 1);
    }

    #[test]
    fn whoever_asks_a_journal_that_was_given_up_is_told_at_once() {
        let mut scribe = Scribe::resume(Units::default(), 0);
        scribe.note(path("n"), &done());
        assert!(scribe.take().is_some());
        let mut before = scribe.ask();
        scribe.give_up();
        assert!(
            before.try_recv().is_err()
                && scribe.ask().try_recv() == Err(oneshot::error::TryRecvError::Closed)
        );
    }

    #[test]
    fn nodes_that_can_be_repeated_do_not_wait() {
        let mut scribe = Scribe::resume(Units::default(), 0);
        for effect in [Effect::Pure, Effect::Idempotent] {
            assert!(matches!(scribe.admit(path("n"), effect, false, ready(1)), Admission::Run(_)));
        }
        assert!(!scribe.is_waiting());
    }
}

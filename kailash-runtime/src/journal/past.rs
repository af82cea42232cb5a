//! What a run's journal tells of its past: what need not be done again, and what may not.

use std::collections::{HashMap, HashSet};

use kailash_core::{
    Error, ErrorKind, Map, Result, Retry, RunId, RunStatus, Text, UnitId, Value,
    exec::Timestamp,
    format::document_of,
    node::{Outputs, Wake, Woken},
    workflow::{Document, Params},
};

use super::{
    Journal, Signals,
    record::{FORMAT, Record, UnitPath},
    records::{Records, unknown},
};
use crate::{plan::Versions, run::NodeError};

/// A run as its journal knows it.
pub struct Past {
    run: RunId,
    began: Timestamp,
    document: Document,
    params: Params,
    versions: Versions,
    end: Option<End>,
    units: Units,
    /// Signals that no unit has got.
    signals: Signals,
    labels: Map,
    numbers: Numbers,
    /// How many records there are.
    pub(crate) length: u64,
}

/// How many numbers of events are left out where a process ended without a word: more than it can have told.
const LEFT_OUT: u64 = 1 << 32;

/// What the journal knows of the numbers of events.
#[derive(Clone, Copy, Debug)]
enum Numbers {
    /// The run is or was under way, and its events are numbered from this on.
    From(u64),
    /// It was put aside, and this is the next one.
    Next(u64),
}

impl Numbers {
    /// The run was put aside. Older releases did not say the next number.
    fn park(&mut self, next: Option<u64>) {
        *self = next.map_or(*self, Self::Next);
    }

    /// The number of the next event, which nobody has seen.
    fn next(self) -> u64 {
        match self {
            Self::From(first) => (first / LEFT_OUT + 1) * LEFT_OUT,
            Self::Next(next) => next,
        }
    }
}

/// What a run that goes on was before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// When it began.
    pub(crate) began: Timestamp,
    /// The number of its next event.
    pub(crate) events: u64,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct End {
    /// When.
    pub at: Timestamp,
    /// How.
    pub status: RunStatus,
    /// Why not well.
    pub error: Option<Error>,
}

/// What is known of the units of a run.
#[derive(Default)]
pub(crate) struct Units {
    answered: HashMap<UnitPath, Result<Outputs>>,
    started: HashSet<UnitPath>,
    suspended: HashMap<UnitPath, Suspension>,
}

/// How a unit stands that was suspended and has not answered.
pub(crate) enum Suspension {
    Asleep(Wake),
    Woken(Woken),
}

impl Units {
    /// What the unit gave or failed with; asked for once.
    pub(crate) fn take(&mut self, unit: &UnitPath) -> Option<Result<Outputs>> {
        self.answered.remove(unit)
    }

    /// Whether the unit had begun to act on the world, and nobody knows how far it came.
    pub(crate) fn is_in_doubt(&self, unit: &UnitPath) -> bool {
        self.started.contains(unit)
    }

    /// How the unit stands, if it was suspended; asked for once.
    pub(crate) fn take_suspension(&mut self, unit: &UnitPath) -> Option<Suspension> {
        self.suspended.remove(unit)
    }

    /// Whether a unit waits for the signal `name`.
    pub(crate) fn await_signal(&self, name: &Text) -> bool {
        let waits =
            |known: &Suspension| matches!(known, Suspension::Asleep(wake) if wake.signal() == Some(name));
        self.suspended.values().any(waits)
    }

    /// Whether nothing is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.answered.is_empty() && self.started.is_empty() && self.suspended.is_empty()
    }

    /// Takes in that a unit was suspended: what it had begun it has left.
    fn suspend(&mut self, unit: UnitPath, wake: Wake) {
        self.started.remove(&unit);
        self.suspended.insert(unit, Suspension::Asleep(wake));
    }

    /// Takes in that a unit was woken, and takes the signal that it got from those kept.
    fn wake(&mut self, unit: UnitPath, signal: Option<Value>, signals: &mut Signals) {
        let woken = match (self.suspended.get(&unit), signal) {
            (Some(Suspension::Asleep(wake)), Some(value)) => {
                wake.signal().and_then(|name| signals.take(name));
                Woken::Signal(value)
            }
            (_, Some(value)) => Woken::Signal(value),
            (_, None) => Woken::Time,
        };
        self.started.insert(unit.clone());
        self.suspended.insert(unit, Suspension::Woken(woken));
    }

    /// Takes in that the run was put aside: nothing was under way then.
    fn park(&mut self) {
        self.started.clear();
    }

    /// Takes in what a unit gave.
    fn answer(&mut self, unit: UnitPath, answer: Result<Outputs>) {
        self.suspended.remove(&unit);
        self.answered.insert(unit, answer);
    }
}

impl Past {
    /// Reads the journal of `run`.
    ///
    /// # Errors
    /// Kind `Missing`, code `run.unknown`; code `format.newer` for a journal of a later release; damage in storage.
    pub(crate) async fn read(journal: &Journal, run: RunId) -> Result<Self> {
        let mut records = Records::of(journal, run);
        let mut numbers = Numbers::From(0);
        let (mut first, mut units, mut signals, mut end) = (None, Units::default(), Signals::default(), None);
        while let Some(page) = records.page().await? {
            for (_, record) in page {
                match record {
                    begun @ Record::Begun { .. } => first = Some(begun),
                    Record::Started { unit } => drop(units.started.insert(unit)),
                    Record::Done { unit, outputs: kept } => {
                        let mut outputs = Vec::with_capacity(kept.len());
                        for output in kept {
                            outputs.push(match output {
                                Some(payload) => Some(payload.value(&*journal.blobs).await?),
                                None => None,
                            });
                        }
                        units.answer(unit, Ok(outputs.into_iter().collect()));
                    }
                    Record::Failed { unit, error } => units.answer(unit, Err(error.into())),
                    Record::Suspended { unit, wake } => units.suspend(unit, wake),
                    Record::Woken { unit, signal } => {
                        let signal = match signal {
                            Some(payload) => Some(payload.value(&*journal.blobs).await?),
                            None => None,
                        };
                        units.wake(unit, signal, &mut signals);
                    }
                    Record::Signalled { name, value } => {
                        signals.take_in(name, value.value(&*journal.blobs).await?);
                    }
                    Record::Parked { events, .. } => {
                        units.park();
                        numbers.park(events);
                    }
                    Record::Resumed { events, .. } => numbers = Numbers::From(events),
                    Record::Ended { at, status, error } => {
                        end = Some(End { at, status, error: error.map(Into::into) });
                    }
                }
            }
        }
        let Some(Record::Begun { format, at: began, document, nodes, everywhere, versions, labels, .. }) =
            first
        else {
            return Err(unknown(run));
        };
        FORMAT.check(format)?;
        let document = document.value(&*journal.blobs).await?;
        let document = document_of(&document).map_err(Error::from)?;
        let mut params = Params::new();
        for (node, inputs) in map_of(nodes.value(&*journal.blobs).await?)? {
            for (name, value) in map_of(inputs)? {
                params.set(node.clone(), name, value);
            }
        }
        for (name, value) in map_of(everywhere.value(&*journal.blobs).await?)? {
            params.set_everywhere(name, value);
        }
        let length = records.count();
        Ok(Self { run, began, document, params, versions, end, units, signals, labels, numbers, length })
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// When it began.
    #[must_use]
    pub fn began(&self) -> Timestamp {
        self.began
    }

    /// The document it runs.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The versions of the node types it began with.
    pub(crate) fn versions(&self) -> &Versions {
        &self.versions
    }

    /// What whoever began it wanted to find again.
    #[must_use]
    pub fn labels(&self) -> &Map {
        &self.labels
    }

    /// How it ended, if it did.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The units that failed for good, in order of their names.
    #[must_use]
    pub fn failures(&self) -> Vec<NodeError> {
        let failed =
            self.units.answered.iter().filter_map(|(path, answer)| Some((path, answer.as_ref().err()?)));
        let mut failures: Vec<NodeError> = failed
            .map(|(path, error)| NodeError::of(UnitId { run: self.run, path: path.clone() }, error.clone()))
            .collect();
        failures.sort_by(|a, b| a.node.cmp(&b.node));
        failures
    }

    /// How many units have given their outputs or failed for good.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.units.answered.len()
    }

    /// What the run was before, for one that goes on.
    pub(crate) fn before(&self) -> Before {
        Before { began: self.began, events: self.numbers.next() }
    }

    pub(crate) fn into_parts(self) -> (Params, Units, Signals) {
        (self.params, self.units, self.signals)
    }
}

fn map_of(value: Value) -> Result<Map> {
    value.into_map().map_err(|_| Error::new(ErrorKind::Internal, "journal.record", "parameters are no map"))
}

/// Nothing more happens in a run that has ended.
pub(crate) fn ended(run: RunId) -> Error {
    Error::new(ErrorKind::Conflict, "run.ended", format!("run {run} has ended"))
}

/// A node that acts on the world had begun when the process ended: doing it again might do it twice.
pub(crate) fn in_doubt() -> Error {
    let message = "the process ended while this node acted on the world: nobody knows whether it did";
    Error::new(ErrorKind::Unavailable, "node.in_doubt", message)
        .with_retry(Retry::Never)
        .with_hint("look at what it acts on; a node that sends its idempotency key is tried again by itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_events_go_on_where_a_run_was_put_aside_and_are_left_out_where_it_was_cut_off() {
        let mut numbers = Numbers::From(0);
        numbers.park(Some(7));
        assert_eq!(numbers.next(), 7);
        let cut_off = Numbers::From(numbers.next()).next();
        assert_eq!(cut_off, LEFT_OUT);
        assert_eq!(
            Numbers::From(cut_off).next(),
            2 * LEFT_OUT,
            "cut off again before anything else was kept"
        );
        numbers = Numbers::From(cut_off + 3);
        numbers.park(None);
        assert_eq!(numbers.next(), 2 * LEFT_OUT, "an older release did not say where it was");
    }
}

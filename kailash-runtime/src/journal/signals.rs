//! The signals of a run that nothing waits for yet, in the order in which they came, under limits. Pure.

use std::{collections::VecDeque, io};

use kailash_core::{Error, ErrorKind, Result, Text, Value};
use serde::{Deserialize, Serialize};

/// How many signals a run keeps that nothing waits for yet, and how many bytes all of them may have.
const MOST: Tally = Tally { count: 1024, bytes: 16 << 20 };

/// How many signals are kept, and how large they are together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    count: u64,
    bytes: u64,
}

impl Tally {
    /// One of `bytes` more.
    fn and(self, bytes: u64) -> Self {
        Self { count: self.count + 1, bytes: self.bytes.saturating_add(bytes) }
    }

    /// One more, if there is room for it.
    ///
    /// # Errors
    /// Kind `Limit`, code `run.signals`.
    pub(crate) fn with(self, name: &Text, value: &Value) -> Result<Self> {
        let more = self.and(size(name, value));
        let hint = "one that a node waits for is always taken; of a large value rather send the name";
        let message = if more.count > MOST.count {
            format!("{} signals wait for nodes that have not asked for them", MOST.count)
        } else if more.bytes > MOST.bytes {
            let mib = MOST.bytes >> 20;
            format!(
                "signals that no node has asked for may have {mib} MiB together, and this one is too many"
            )
        } else {
            return Ok(more);
        };
        Err(Error::new(ErrorKind::Limit, "run.signals", message).with_hint(hint))
    }
}

/// Signals that nothing waits for yet.
#[derive(Default)]
pub(crate) struct Signals {
    kept: VecDeque<(Text, Value)>,
    tally: Tally,
}

impl Signals {
    /// How many there are, and how large they are.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Keeps one more.
    ///
    /// # Errors
    /// As [`Tally::with`].
    pub(crate) fn keep(&mut self, name: Text, value: Value) -> Result<()> {
        self.tally = self.tally.with(&name, &value)?;
        self.kept.push_back((name, value));
        Ok(())
    }

    /// Takes one in that was kept before or that a unit is about to take, whether there is room or not.
    pub(crate) fn take_in(&mut self, name: Text, value: Value) {
        self.tally = self.tally.and(size(&name, &value));
        self.kept.push_back((name, value));
    }

    /// Takes the oldest one of this name.
    pub(crate) fn take(&mut self, name: &Text) -> Option<Value> {
        let at = self.kept.iter().position(|(kept, _)| kept == name)?;
        let (name, value) = self.kept.remove(at)?;
        self.tally.count -= 1;
        self.tally.bytes = self.tally.bytes.saturating_sub(size(&name, &value));
        Some(value)
    }
}

/// The bytes of a signal, as the journal writes them.
fn size(name: &Text, value: &Value) -> u64 {
    let mut counted = Counted(name.len() as u64);
    // What cannot be written has no size that would do.
    rmp_serde::encode::write_named(&mut counted, value).map_or(u64::MAX, |()| counted.0)
}

/// Counts what is written to it.
struct Counted(u64);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(signals: &mut Signals, value: Value) -> (ErrorKind, String) {
        let error = signals.keep("other".into(), value).unwrap_err();
        (error.kind(), error.code().to_owned())
    }

    #[test]
    fn they_are_taken_by_name_in_the_order_in_which_they_came() {
        let mut signals = Signals::default();
        for n in 0..4_i64 {
            signals.keep(if n % 2 == 0 { "even".into() } else { "odd".into() }, n.into()).unwrap();
        }
        assert_eq!(
            [signals.take(&"odd".into()), signals.take(&"odd".into())],
            [Some(1.into()), Some(3.into())]
        );
        assert_eq!(signals.take(&"odd".into()), None);
    }

    #[test]
    fn there_is_room_for_so_many_and_again_when_one_is_taken() {
        let mut signals = Signals::default();
        for n in 0..MOST.count {
            signals.keep("other".into(), n.into()).unwrap();
        }
        assert_eq!(refused(&mut signals, Value::Null), (ErrorKind::Limit, "run.signals".into()));
        signals.take(&"other".into()).unwrap();
        signals.keep("other".into(), Value::Null).unwrap();
    }

    #[test]
    fn there_is_room_for_so_many_bytes_and_again_when_they_are_taken() {
        let (mut signals, large) = (Signals::default(), Value::bytes(vec![7_u8; 3 << 20]));
        for _ in 0..5 {
            signals.keep("large".into(), large.clone()).unwrap();
        }
        assert_eq!(refused(&mut signals, large.clone()), (ErrorKind::Limit, "run.signals".into()));
        signals.keep("small".into(), 1.into()).unwrap();
        for _ in 0..5 {
            signals.take(&"large".into()).unwrap();
        }
        assert_eq!(signals.tally().with(&"large".into(), &large).unwrap().count, 2);
    }

    #[test]
    fn what_a_unit_is_about_to_take_is_always_taken_in() {
        let (mut signals, huge) = (Signals::default(), Value::bytes(vec![7_u8; 17 << 20]));
        assert_eq!(refused(&mut signals, huge.clone()).0, ErrorKind::Limit);
        signals.take_in("go".into(), huge.clone());
        assert_eq!(signals.take(&"go".into()), Some(huge));
        assert_eq!(signals.tally(), Tally::default());
    }
}

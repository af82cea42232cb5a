//! The chain of an audit log: each line carries the hash of the one before, so that a line that was changed, removed or
//! put in shows.
//!
//! ```text
//! {"seq":1,"prev":"000..", ...}
//! {"seq":2,"prev":BLAKE3 of line 1, ...}
//! ```
//! What was cut off at the end does not show by itself: keep the hash that the node gives, and verify against it. A log
//! that goes on behind the line with that hash is whole; one without such a line was cut off before it.

use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

/// What the first line has in place of a hash.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The end of a chain, which the next line is tied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// The number of the last line, from 1; 0 if there is none.
    pub(super) seq: u64,
    /// The hash of the last line, in hex.
    pub(super) hash: Text,
}

impl Tip {
    /// The end of a chain without lines.
    pub(super) fn empty() -> Self {
        Self { seq: 0, hash: NOTHING.into() }
    }

    /// The next line, without its line end, of `record`.
    ///
    /// # Errors
    /// What JSON has no form for.
    pub(super) fn line(&self, record: &Map) -> Result<String> {
        let mut line = Map::with_capacity(record.len() + 2);
        line.insert("seq", self.seq + 1);
        line.insert("prev", self.hash.clone());
        for (name, value) in record {
            line.insert(name.clone(), value.clone());
        }
        Value::from(line).to_json()
    }

    /// The end of the chain after `line`, which was made by [`Tip::line`].
    pub(super) fn after(&self, line: &[u8]) -> Self {
        Self { seq: self.seq + 1, hash: hash(line) }
    }

    /// The end of the chain after a `line` that was read, and the record.
    ///
    /// # Errors
    /// Kind `Invalid`, code `audit.broken`: it is no record or not tied to the one before.
    pub(super) fn follow(&self, line: &[u8]) -> Result<(Self, Value)> {
        let record = Value::from_json_slice(line)
            .map_err(|error| self.broken(&format!("is no record: {}", error.message())))?;
        if record.get("seq").and_then(Value::as_u64) != Some(self.seq + 1) {
            return Err(self.broken("has another number"));
        }
        if record.get("prev").and_then(Value::as_str) != Some(self.hash.as_str()) {
            return Err(self.broken("does not carry the hash of the line before"));
        }
        Ok((self.after(line), record))
    }

    fn broken(&self, what: &str) -> Error {
        let number = self.seq + 1;
        Error::new(ErrorKind::Invalid, "audit.broken", format!("line {number} {what}"))
            .with_retry(Retry::Never)
            .with_hint("the log was changed, or something else wrote to the file")
    }
}

fn hash(line: &[u8]) -> Text {
    blake3::hash(line).to_hex().as_str().into()
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn lines() -> Vec<String> {
        let mut tip = Tip::empty();
        let mut lines = Vec::new();
        for action in ["a", "b", "c"] {
            let line = tip.line(value!({"action": action}).as_map().unwrap()).unwrap();
            tip = tip.after(line.as_bytes());
            lines.push(line);
        }
        lines
    }

    fn verify(lines: &[String]) -> Result<Tip> {
        lines.iter().try_fold(Tip::empty(), |tip, line| tip.follow(line.as_bytes()).map(|(tip, _)| tip))
    }

    #[test]
    fn a_chain_that_was_not_touched_holds() {
        let lines = lines();
        assert_eq!(verify(&lines).unwrap().seq, 3);
        assert!(lines[0].contains(NOTHING));
    }

    #[test]
    fn a_line_changed_removed_moved_or_put_in_shows() {
        let good = lines();
        let changed = [good[0].replace("\"a\"", "\"x\""), good[1].clone(), good[2].clone()];
        let removed = [good[0].clone(), good[2].clone()];
        let moved = [good[1].clone(), good[0].clone(), good[2].clone()];
        let put_in = [good[0].clone(), good[0].clone(), good[1].clone()];
        for bad in [&changed[..], &removed, &moved, &put_in] {
            assert_eq!(verify(bad).unwrap_err().code(), "audit.broken");
        }
    }
}

//! The chain of an audit log: each line carries the hash of the one before and its own, so that a line that was changed,
//! removed or put in shows.
//!
//! ```text
//! {"seq":1,"prev":"000..", ..., "hash": BLAKE3 of this line without `hash`}
//! {"seq":2,"prev": the hash of line 1, ..., "hash": ..}
//! ```
//! What was cut off at the end does not show by itself, nor does a last line whose own hash was made anew: keep the hash
//! that the node gives, and verify against it. A log that goes on behind the line with that hash is whole; one without
//! such a line was cut off or rewritten.
//!
//! Lines of older releases have no hash of their own: theirs is that of the whole line. None follows one that has it.

use kailash_core::{Error, ErrorKind, Map, Result, Retry, Text, Value};

/// What the first line has in place of a hash.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What stands before and behind the own hash of a line, at its end.
const SEAL: (&str, &str) = (",\"hash\":\"", "\"}");

/// The end of a chain, which the next line is tied to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// The number of the last line, from 1; 0 if there is none.
    pub(super) seq: u64,
    /// The hash of the last line, in hex.
    pub(super) hash: Text,
    /// Whether the last line carries it itself.
    sealed: bool,
}

impl Tip {
    /// The end of a chain without lines.
    pub(super) fn empty() -> Self {
        Self { seq: 0, hash: NOTHING.into(), sealed: false }
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
        let mut line = Value::from(line).to_json()?;
        let own = hash(line.as_bytes());
        line.truncate(line.len() - 1);
        line.extend([SEAL.0, own.as_str(), SEAL.1]);
        Ok(line)
    }

    /// The end of the chain after `line`, which was made by [`Tip::line`].
    pub(super) fn after(&self, line: &[u8]) -> Self {
        let own = sealed(line).and_then(|(_, own)| std::str::from_utf8(own).ok());
        let hash = own.map_or_else(|| hash(line), Text::from);
        Self { seq: self.seq + 1, hash, sealed: own.is_some() }
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
        match sealed(line) {
            Some((content, own)) if hash_of(&[content, b"}"]).as_bytes() != own => {
                Err(self.broken("is not what its own hash says"))
            }
            None if self.sealed || record.get("hash").is_some() => {
                Err(self.broken("does not end with its own hash"))
            }
            _ => Ok((self.after(line), record)),
        }
    }

    fn broken(&self, what: &str) -> Error {
        let number = self.seq + 1;
        Error::new(ErrorKind::Invalid, "audit.broken", format!("line {number} {what}"))
            .with_retry(Retry::Never)
            .with_hint("the log was changed, or something else wrote to the file")
    }
}

/// What stands in a line before its own hash, and the hash; none if it carries none.
fn sealed(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_suffix(SEAL.1.as_bytes())?;
    let (line, own) = line.split_at_checked(line.len().checked_sub(NOTHING.len())?)?;
    let content = line.strip_suffix(SEAL.0.as_bytes())?;
    own.iter().all(u8::is_ascii_hexdigit).then_some((content, own))
}

fn hash(line: &[u8]) -> Text {
    hash_of(&[line])
}

fn hash_of(parts: &[&[u8]]) -> Text {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().to_hex().as_str().into()
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
        let last = [good[0].clone(), good[1].clone(), good[2].replace("\"c\"", "\"x\"")];
        let only = [good[0].replace("\"a\"", "\"x\"")];
        for bad in [&changed[..], &removed, &moved, &put_in, &last, &only] {
            assert_eq!(verify(bad).unwrap_err().code(), "audit.broken");
        }
    }

    /// A line as older releases wrote it.
    fn old(line: &str) -> String {
        let (content, _) = sealed(line.as_bytes()).unwrap();
        format!("{}}}", std::str::from_utf8(content).unwrap())
    }

    #[test]
    fn a_chain_of_an_older_release_goes_on_with_lines_that_carry_their_own_hash() {
        let first = old(&lines()[0]);
        let tip = Tip::empty().after(first.as_bytes());
        let second = tip.line(value!({"action": "b"}).as_map().unwrap()).unwrap();
        assert_eq!(verify(&[first.clone(), second.clone()]).unwrap().seq, 2);
        let tip = tip.after(second.as_bytes());
        let third = old(&tip.line(value!({"action": "c"}).as_map().unwrap()).unwrap());
        assert_eq!(
            verify(&[first, second, third]).unwrap_err().code(),
            "audit.broken",
            "its hash was taken off"
        );
    }
}

//! What happened in a world, as a hash of everything and the last lines for people.

use std::{collections::VecDeque, fmt::Display};

/// How many lines are kept.
const KEPT: usize = 400;

/// What happened.
pub(crate) struct Trace {
    hasher: blake3::Hasher,
    lines: VecDeque<String>,
    /// Whether every line is printed as it comes.
    loud: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        let loud = std::env::var_os("KAILASH_TRACE").is_some();
        Self { hasher: blake3::Hasher::new(), lines: VecDeque::new(), loud }
    }

    /// Notes something that people may want to read.
    pub(crate) fn say(&mut self, now: u64, what: impl Display) {
        let line = format!("{now:>6} {what}");
        self.hasher.update(line.as_bytes());
        if self.loud {
            println!("{line}");
        }
        if self.lines.len() == KEPT {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Notes numbers that only the hash keeps.
    pub(crate) fn count(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.hasher.update(&number.to_le_bytes());
        }
    }

    pub(crate) fn hash(&self) -> blake3::Hash {
        self.hasher.finalize()
    }

    pub(crate) fn last(&self) -> String {
        self.lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

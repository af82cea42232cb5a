//! What a check says.

use std::fmt;

use kailash_core::Text;

use super::history::Operation;

/// What a check says.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// There is an order that explains every answer.
    Linearizable,
    /// There is none.
    Violation(Box<Violation>),
    /// The search was given up: nobody knows. A test counts this as failed.
    Inconclusive {
        /// The entry whose operations were not finished.
        key: Text,
    },
}

/// Answers that no order explains.
#[derive(Clone, Debug, PartialEq)]
pub struct Violation {
    /// The entry.
    pub key: Text,
    /// The first answer for which there is no moment: all operations on the entry that were answered before can be
    /// explained, together with this one they cannot.
    pub unplaced: Operation,
    /// One order of operations, as long as one was found, that explains all answers before.
    pub order: Vec<Operation>,
    /// The operations that were called before that answer and are not in the order.
    pub open: Vec<Operation>,
}

impl Verdict {
    /// Whether every answer is explained.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        matches!(self, Self::Linearizable)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linearizable => f.write_str("linearizable"),
            Self::Inconclusive { key } => write!(f, "inconclusive: too many orders of operations on `{key}`"),
            Self::Violation(violation) => violation.fmt(f),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        writeln!(f, "not linearizable: `{}` has no moment for\n  {}", self.key, self.unplaced)?;
        writeln!(f, "after {} operations, the last of which are", self.order.len())?;
        for operation in self.order.iter().skip(self.order.len().saturating_sub(SHOWN)) {
            writeln!(f, "  {operation}")?;
        }
        writeln!(f, "while there were under way")?;
        self.open.iter().take(SHOWN).try_for_each(|operation| writeln!(f, "  {operation}"))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, asked, called, .. } = self;
        write!(f, "client {client} at {called}: {asked:?}")?;
        match self.told().zip(self.answered()) {
            Some((told, at)) => write!(f, " -> {told:?} at {at}"),
            None => f.write_str(" -> unknown"),
        }
    }
}

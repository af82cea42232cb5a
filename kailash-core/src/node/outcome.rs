//! How a body ended: with outputs, or waiting for the world outside.

use serde::{Deserialize, Serialize};

use super::Outputs;
use crate::{Text, Value, exec::Timestamp};

/// How a body ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done; ports without a value are branches not taken.
    Done(Outputs),
    /// It waits for something outside and wants to be run again then, with the same inputs and
    /// [`Inputs::woken`](super::Inputs::woken); meanwhile it costs no task. Only of bodies that are
    /// [`suspending`](super::Body::suspending).
    Suspend(Wake),
}

impl From<Outputs> for Outcome {
    fn from(outputs: Outputs) -> Self {
        Self::Done(outputs)
    }
}

/// What wakes a suspended node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wake {
    /// A point in time.
    At(Timestamp),
    /// A signal by this name, sent to the run.
    Signal(Text),
    /// Whichever comes first.
    Either {
        /// The signal's name.
        signal: Text,
        /// The point in time.
        at: Timestamp,
    },
}

impl Wake {
    /// The point in time at which it wakes at the latest, if there is one.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::At(at) | Self::Either { at, .. } => Some(*at),
            Self::Signal(_) => None,
        }
    }

    /// The name of the signal that wakes it, if one does.
    #[must_use]
    pub fn signal(&self) -> Option<&Text> {
        match self {
            Self::Signal(signal) | Self::Either { signal, .. } => Some(signal),
            Self::At(_) => None,
        }
    }
}

/// What woke a suspended node.
#[derive(Clone, Debug, PartialEq)]
pub enum Woken {
    /// The point in time came.
    Time,
    /// The signal came, with this value.
    Signal(Value),
}

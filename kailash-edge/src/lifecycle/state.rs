//! The states of a host and the signals that move it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a host stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It exists and has done nothing yet.
    #[default]
    Initialized,
    /// It loads what it needs before it can serve.
    Warming,
    /// It serves.
    Active,
    /// It takes nothing new and finishes what is under way.
    Draining,
    /// It is gone.
    Terminated,
}

impl State {
    /// Every state, in the order of a life.
    pub const ALL: [Self; 5] =
        [Self::Initialized, Self::Warming, Self::Active, Self::Draining, Self::Terminated];

    /// Whether new work may be given to it.
    #[must_use]
    pub const fn admits_work(self) -> bool {
        matches!(self, Self::Active)
    }

    /// Whether work may still be under way on it.
    #[must_use]
    pub const fn may_be_working(self) -> bool {
        matches!(self, Self::Active | Self::Draining)
    }

    /// The stable lower-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initialized => "initialized",
            Self::Warming => "warming",
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Terminated => "terminated",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What moves a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Begin to load.
    Warm,
    /// Everything is loaded.
    Ready,
    /// Take nothing new.
    Drain,
    /// Nothing is under way any more.
    Drained,
    /// It cannot go on.
    Fail,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Self; 5] = [Self::Warm, Self::Ready, Self::Drain, Self::Drained, Self::Fail];
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Warm => "warm",
            Self::Ready => "ready",
            Self::Drain => "drain",
            Self::Drained => "drained",
            Self::Fail => "fail",
        })
    }
}

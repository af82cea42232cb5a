//! What a key allows.

use std::{fmt, str::FromStr};

use kailash_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that a key may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Looking: workflows, runs and what they gave, events, metrics.
    Read,
    /// Executing registered workflows, sending signals, cancelling, changing entries and leases of the cluster.
    Execute,
    /// Registering, changing and deleting workflows, executing documents that come with the request, forgetting runs,
    /// saying who takes part in the cluster.
    Manage,
}

const ALL: [Scope; 3] = [Scope::Read, Scope::Execute, Scope::Manage];

impl Scope {
    /// The name as in files and messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Execute => "execute",
            Self::Manage => "manage",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        ALL.into_iter().find(|scope| scope.as_str() == text).ok_or_else(|| {
            Error::invalid("key.scope", format!("there is no scope `{text}`"))
                .with_hint("the scopes are read, execute and manage")
        })
    }
}

/// Everything that a key allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

impl Scopes {
    /// These scopes, each once.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }

    /// Every scope.
    #[must_use]
    pub fn all() -> Self {
        Self::new(ALL)
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Scopes {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.split(',').map(|scope| scope.trim().parse()).collect::<Result<Vec<_>>>().map(Self::new)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

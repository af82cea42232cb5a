//! The versions of node types: what a run began with, it goes on with.

use std::collections::BTreeMap;

use kailash_core::{Error, ErrorKind, Result, Retry, Text, node::Spec};
use serde::{Deserialize, Serialize};

/// The versions of node types by name. Those that have only ever had one, 1, are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Versions(BTreeMap<Text, u32>);

impl Versions {
    /// Takes in a type that is used.
    pub(super) fn note(&mut self, spec: &Spec) {
        if spec.version != 1 {
            self.0.insert(spec.name.into(), spec.version);
        }
    }

    /// Whether there are none but the first.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, name: &Text) -> u32 {
        self.0.get(name).copied().unwrap_or(1)
    }

    /// Checks that a run that began with these goes on with the same.
    ///
    /// # Errors
    /// Kind `Conflict`, code `run.versions`, that names each type with its version then and now.
    pub(crate) fn check(&self, now: &Self) -> Result<()> {
        let mut names: Vec<&Text> = self.0.keys().chain(now.0.keys()).collect();
        names.sort_unstable();
        names.dedup();
        names.retain(|name| self.of(name) != now.of(name));
        if names.is_empty() {
            return Ok(());
        }
        let changed: Vec<String> = names
            .iter()
            .map(|name| format!("{name} had version {} and has {}", self.of(name), now.of(name)))
            .collect();
        let message = format!("node types are not those that the run began with: {}", changed.join(", "));
        Err(Error::new(ErrorKind::Conflict, "run.versions", message)
            .with_retry(Retry::Never)
            .with_hint("let the release that it began with finish it, or begin it anew"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(types: &[(&'static str, u32)]) -> Versions {
        let mut versions = Versions::default();
        for (name, version) in types {
            versions.note(&Spec::new(name, "test", "A test.").version(*version));
        }
        versions
    }

    #[test]
    fn each_type_that_changed_is_named() {
        let began = versions(&[("Old", 1), ("Same", 3), ("Gone", 2)]);
        assert!(began.check(&versions(&[("Same", 3), ("Gone", 2), ("Old", 1)])).is_ok());
        let error = began.check(&versions(&[("Old", 2), ("Same", 3), ("Gone", 1)])).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, "run.versions"));
        let told = error.message();
        assert!(told.contains("Gone had version 2 and has 1, Old had version 1 and has 2"), "{told}");
    }
}

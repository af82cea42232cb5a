//! A resource under leases: it takes what comes with a token that is not older than those before it, and never from two
//! holders of the same token. What comes may be late.

use std::collections::BTreeMap;

use kailash_core::{Text, exec::Token};

use super::Violation;

/// Something that a holder of a lease does to the resource.
pub(crate) struct Access {
    pub(crate) at: u64,
    pub(crate) lease: Text,
    pub(crate) token: Token,
    pub(crate) holder: Text,
}

/// The resource.
pub(crate) struct Resource {
    /// Whether it looks at tokens.
    pub(crate) checks: bool,
    coming: Vec<Access>,
    /// The newest token that it looked at, by lease.
    newest: BTreeMap<Text, Token>,
    /// What it took last, by lease.
    taken: BTreeMap<Text, (Token, Text)>,
}

/// How much a resource took and refused.
#[derive(Default)]
pub(crate) struct Took {
    pub(crate) taken: u64,
    pub(crate) refused: u64,
}

impl Resource {
    pub(crate) fn new(checks: bool) -> Self {
        Self { checks, coming: Vec::new(), newest: BTreeMap::new(), taken: BTreeMap::new() }
    }

    /// Something is on its way to it.
    pub(crate) fn send(&mut self, access: Access) {
        self.coming.push(access);
    }

    /// Takes what has arrived.
    pub(crate) fn look(&mut self, now: u64) -> Result<Took, Violation> {
        let mut took = Took::default();
        for Access { lease, token, holder, .. } in self.coming.extract_if(.., |access| access.at <= now) {
            let newest = self.newest.entry(lease.clone()).or_insert(token);
            if self.checks && token < *newest {
                took.refused += 1;
                continue;
            }
            *newest = token.max(*newest);
            took.taken += 1;
            if let Some((before, by)) = self.taken.insert(lease.clone(), (token, holder.clone()))
                && (token < before || token == before && holder != by)
            {
                return Err(format!(
                    "{lease}: {holder} with {token:?} was let in after {by} with {before:?}"
                ));
            }
        }
        Ok(took)
    }
}

//! Leases have one holder at a time and growing tokens; none ends before its time; what is fenced by one happens under it.

use std::collections::BTreeMap;

use kailash_core::{Text, Value, exec::Token};
use kailash_edge::coordinate::state::{Change, What};

use super::{Violation, logs::Logs};

/// The entries that are written under a lease begin with this, then its name; their values are tokens.
pub(crate) const GUARDED: &str = "guarded/";

/// How much faster the fastest clock may be, in thousandths.
const FASTEST: u64 = 1050;
/// What is lost by looking only now and then, in ms.
const LOOK: u64 = 12;

/// What clients were told of leases.
pub(crate) struct Leases {
    /// How long each lasts that is not renewed, in ms.
    pub(crate) ttl: u64,
    /// Grants that were answered: by token the lease and its holder.
    granted: BTreeMap<Token, (Text, Text)>,
    /// By token when its last renewal was asked for that was answered, and at which index that was.
    renewed: BTreeMap<Token, Vec<(u64, u64)>>,
}

impl Leases {
    pub(crate) fn new(ttl: u64) -> Self {
        Self { ttl, granted: BTreeMap::new(), renewed: BTreeMap::new() }
    }

    /// A lease was granted in answer to what was asked at `asked`.
    pub(crate) fn granted(
        &mut self,
        lease: &Text,
        holder: &Text,
        token: Token,
        asked: u64,
    ) -> Result<(), Violation> {
        self.renewed(token, token.0, asked);
        let given = (lease.clone(), holder.clone());
        match self.granted.insert(token, given.clone()) {
            Some(before) if before != given => {
                Err(format!("{token:?} was given to {before:?} and to {given:?}"))
            }
            _ => Ok(()),
        }
    }

    /// A lease was renewed at log index `index` in answer to what was asked at `asked`.
    pub(crate) fn renewed(&mut self, token: Token, index: u64, asked: u64) {
        self.renewed.entry(token).or_default().push((index, asked));
    }

    /// The earliest moment at which a lease can end by itself that was held until index `index`.
    fn earliest(&self, token: Token, index: u64, logs: &Logs) -> u64 {
        let renewals = self.renewed.get(&token).into_iter().flatten();
        let renewed = renewals.filter(|(at, _)| *at < index).map(|(_, asked)| *asked).max();
        // Whoever leads begins all times anew.
        let led = logs.term_at(index).and_then(|leader| logs.leaders.get(&leader)).copied();
        let begins = renewed.max(led.map(|led| led.saturating_sub(LOOK)));
        begins.map_or(0, |begins| begins + (self.ttl * 1000 / FASTEST).saturating_sub(LOOK))
    }

    /// Follows all changes, each with the moment at which somebody was told first.
    pub(crate) fn finish<'c>(
        &self,
        changes: impl Iterator<Item = (u64, &'c Change)>,
        logs: &Logs,
    ) -> Result<Lapses, Violation> {
        let mut held: BTreeMap<Text, (Option<Token>, Token)> = BTreeMap::new();
        let mut lapses = Lapses::default();
        for (at, change) in changes {
            let index = change.index;
            match &change.what {
                What::Granted { lease, holder, token, .. } => {
                    let before = held.insert(lease.clone(), (Some(*token), *token));
                    if let Some((Some(_), _)) = before {
                        return Err(format!("{lease} was granted at {index} while it was held"));
                    }
                    if token.0 != index || before.is_some_and(|(_, last)| *token <= last) {
                        return Err(format!(
                            "{lease} was granted at {index} with {token:?} after {before:?}"
                        ));
                    }
                    let given = (lease.clone(), holder.clone());
                    if self.granted.get(token).is_some_and(|told| *told != given) {
                        return Err(format!("{token:?} was granted to {given:?} and another was told so"));
                    }
                }
                What::Freed { lease, token, lapsed } => {
                    if held.get(lease).and_then(|(now, _)| *now) != Some(*token) {
                        return Err(format!(
                            "{lease} was freed at {index} with {token:?}, which did not hold it"
                        ));
                    }
                    held.insert(lease.clone(), (None, *token));
                    let earliest = self.earliest(*token, index, logs);
                    if *lapsed && at < earliest {
                        return Err(format!(
                            "{lease} with {token:?} lapsed at {at} ms, before {earliest} ms"
                        ));
                    }
                    lapses.count += u64::from(*lapsed);
                }
                What::Put { key, value, .. } => {
                    let Some(lease) = key.strip_prefix(GUARDED) else { continue };
                    let token = value.value().ok().as_ref().and_then(Value::as_u64).map(Token);
                    if held.get(lease).and_then(|(now, _)| *now) != token {
                        return Err(format!(
                            "{key} was written at {index} under {token:?}, which did not hold it"
                        ));
                    }
                    lapses.fenced += 1;
                }
                _ => {}
            }
        }
        Ok(lapses)
    }
}

/// What happened to leases.
#[derive(Default)]
pub(crate) struct Lapses {
    /// How many ended by themselves.
    pub(crate) count: u64,
    /// How many writes happened under one.
    pub(crate) fenced: u64,
}

//! Leases that this host keeps for as long as it lives.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kailash_core::{Error, Result, Text, exec::Token};

use super::{
    Coordinator,
    state::{Answer, Command, GROUP, Granted},
};

/// How long a leadership lasts that is not renewed.
pub(super) const LEADERSHIP: Duration = Duration::from_secs(5);
/// How often what is kept is renewed.
pub(super) const RENEWAL: Duration = Duration::from_millis(1600);

/// The leases that are kept, with the tokens they were granted with.
#[derive(Default)]
pub(super) struct Keeping(Mutex<BTreeMap<Text, Token>>);

impl Keeping {
    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<Text, Token>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Coordinator {
    /// Stands for the leadership of a group in the name of `candidate`, and tells who has it then. While this host lives
    /// it keeps what it won here.
    ///
    /// # Errors
    /// As [`Coordinator::propose`].
    pub async fn campaign(&self, group: &str, candidate: &str) -> Result<Granted> {
        self.stand_for(&format!("{GROUP}{group}").into(), candidate).await
    }

    /// Takes a lease in the name of `candidate` if it is free, keeps it then, and tells who has it.
    pub(super) async fn stand_for(&self, lease: &Text, candidate: &str) -> Result<Granted> {
        let ttl = u64::try_from(LEADERSHIP.as_millis()).unwrap_or(u64::MAX);
        let command = Command::Campaign { lease: lease.clone(), candidate: candidate.into(), ttl };
        match self.propose(command).await?.answer {
            Answer::Held(granted) => {
                if &*granted.holder == candidate {
                    self.0.kept.change(|kept| kept.insert(lease.clone(), granted.token));
                }
                Ok(granted)
            }
            _ => Err(Error::internal("a candidacy was answered with something else")),
        }
    }

    /// The token of a lease that is kept here.
    pub(super) fn kept_token(&self, lease: &str) -> Option<Token> {
        self.0.kept.change(|kept| kept.get(lease).copied())
    }

    /// Keeps a lease no longer.
    pub(super) fn let_go(&self, lease: &str) {
        self.0.kept.change(|kept| kept.remove(lease));
    }

    /// Renews what is kept here, and lets go of what is lost.
    pub(super) async fn renew_kept(&self) {
        let grants: Vec<(Text, Token)> = self.0.kept.change(|kept| kept.clone().into_iter().collect());
        if grants.is_empty() {
            return;
        }
        let ttl = u64::try_from(LEADERSHIP.as_millis()).unwrap_or(u64::MAX);
        match self.propose(Command::Renew { grants: grants.clone(), ttl }).await {
            Ok(carried) => {
                let Answer::Renewed(renewed) = carried.answer else { return };
                self.0.kept.change(|kept| {
                    for ((lease, token), _) in grants.iter().zip(renewed).filter(|(_, renewed)| !renewed) {
                        tracing::info!(%lease, "a lease that was kept here is lost");
                        if kept.get(lease) == Some(token) {
                            kept.remove(lease);
                        }
                    }
                });
            }
            // It is tried again before long.
            Err(error) => tracing::debug!(%error, "leases that are kept here were not renewed"),
        }
    }
}

//! The lease port: one holder at a time, told apart from its predecessors by a fencing token
//! (C. Gray and D. Cheriton, "Leases", SOSP 1989).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Clock, Monotonic, run_log::lock};
use crate::{Error, ErrorKind, Result, Text};

/// A number that grows with every grant of a key; whoever is written to refuses smaller ones than it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Token(pub u64);

/// A lease that was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The key.
    pub key: Text,
    /// Who holds it.
    pub holder: Text,
    /// The fencing token.
    pub token: Token,
}

/// Grants leases.
#[async_trait]
pub trait Lease: Send + Sync {
    /// Takes `key` for `holder` for the time `ttl`.
    ///
    /// # Errors
    /// Kind `Conflict`, code `lease.held`, while somebody holds it: the same holder too, who renews instead.
    async fn acquire(&self, key: &str, holder: &str, ttl: Duration) -> Result<Grant>;

    /// Extends a grant to `ttl` from now.
    ///
    /// # Errors
    /// Kind `Conflict`, code `lease.lost`, if it expired or was released, even if nobody has taken it since.
    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<()>;

    /// Gives the key back; a lost grant is no error.
    ///
    /// # Errors
    /// Failing storage or network.
    async fn release(&self, grant: &Grant) -> Result<()>;

    /// The grant in force for `key`.
    ///
    /// # Errors
    /// Failing storage or network.
    async fn holder(&self, key: &str) -> Result<Option<Grant>>;
}

/// Leases within one process.
pub struct MemoryLease {
    clock: Arc<dyn Clock>,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last: u64,
    held: HashMap<Text, (Grant, Monotonic)>,
}

impl MemoryLease {
    /// An empty table that reads the time from `clock`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, table: Mutex::default() }
    }

    fn in_force<'t>(&self, table: &'t mut Table, key: &str) -> Option<&'t mut (Grant, Monotonic)> {
        let now = self.clock.monotonic();
        table.held.get_mut(key).filter(|(_, until)| now < *until)
    }
}

#[async_trait]
impl Lease for MemoryLease {
    async fn acquire(&self, key: &str, holder: &str, ttl: Duration) -> Result<Grant> {
        let mut table = lock(&self.table);
        if let Some((grant, _)) = self.in_force(&mut table, key) {
            let message = format!("`{key}` is held by `{}`", grant.holder);
            return Err(
                Error::new(ErrorKind::Conflict, "lease.held", message).with_retry(crate::Retry::After(ttl))
            );
        }
        table.last += 1;
        let grant = Grant { key: key.into(), holder: holder.into(), token: Token(table.last) };
        table.held.insert(key.into(), (grant.clone(), self.clock.monotonic().after(ttl)));
        Ok(grant)
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<()> {
        let mut table = lock(&self.table);
        match self.in_force(&mut table, &grant.key) {
            Some((held, until)) if held.token == grant.token => {
                *until = self.clock.monotonic().after(ttl);
                Ok(())
            }
            _ => Err(Error::new(
                ErrorKind::Conflict,
                "lease.lost",
                format!("`{}` is no longer held", grant.key),
            )),
        }
    }

    async fn release(&self, grant: &Grant) -> Result<()> {
        let mut table = lock(&self.table);
        if table.held.get(&grant.key).is_some_and(|(held, _)| held.token == grant.token) {
            table.held.remove(&grant.key);
        }
        Ok(())
    }

    async fn holder(&self, key: &str) -> Result<Option<Grant>> {
        let mut table = lock(&self.table);
        Ok(self.in_force(&mut table, key).map(|(grant, _)| grant.clone()))
    }
}

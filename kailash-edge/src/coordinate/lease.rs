//! The lease port of the house, on the cluster.

use std::time::Duration;

use async_trait::async_trait;
use kailash_core::{
    Error, ErrorKind, Result, Retry,
    exec::{Grant, Lease},
};

use super::{
    Consistency, Coordinator,
    state::{Answer, Command},
};

#[async_trait]
impl Lease for Coordinator {
    async fn acquire(&self, key: &str, holder: &str, ttl: Duration) -> Result<Grant> {
        let command = Command::Acquire { lease: key.into(), holder: holder.into(), ttl: millis(ttl) };
        match self.propose(command).await {
            Ok(carried) => match carried.answer {
                Answer::Held(granted) => {
                    Ok(Grant { key: granted.lease, holder: granted.holder, token: granted.token })
                }
                _ => Err(other()),
            },
            Err(error) if error.code() == "lease.held" => Err(error.with_retry(Retry::After(ttl))),
            Err(error) => Err(error),
        }
    }

    async fn renew(&self, grant: &Grant, ttl: Duration) -> Result<()> {
        let grants = vec![(grant.key.clone(), grant.token)];
        match self.propose(Command::Renew { grants, ttl: millis(ttl) }).await?.answer {
            Answer::Renewed(renewed) if renewed == [true] => Ok(()),
            Answer::Renewed(_) => {
                let message = format!("`{}` is not held by `{}` any more", grant.key, grant.holder);
                Err(Error::new(ErrorKind::Conflict, "lease.lost", message).with_retry(Retry::Never))
            }
            _ => Err(other()),
        }
    }

    async fn release(&self, grant: &Grant) -> Result<()> {
        let command = Command::Release { lease: grant.key.clone(), token: grant.token };
        self.propose(command).await.map(drop)
    }

    async fn holder(&self, key: &str) -> Result<Option<Grant>> {
        let held = Self::holder(self, key, Consistency::Linearizable).await?.value;
        Ok(held.map(|held| Grant { key: held.lease, holder: held.holder, token: held.token }))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn other() -> Error {
    Error::internal("a lease was answered with something else")
}

//! Locks: leases of the cluster, held by runs.

use std::time::Duration;

use kailash_core::{Result, Text, Value, exec::Token};
use kailash_edge::coordinate::{
    Consistency, name_of_state,
    state::{Answer, Command},
};

use super::{
    told::Told,
    work::{Work, other},
};

/// How long until a lock that is held is tried again.
const AGAIN: Duration = Duration::from_millis(50);

impl Work<'_> {
    /// Takes a lock, waiting for it.
    pub(super) async fn lock(&self, state_id: &str, name: Text, timeout: u64, lease_ms: u64) -> Result<Told> {
        let (lease, holder) = (lock_lease(state_id, &name), self.holder());
        let clock = self.cx.clock();
        let until = clock.monotonic().after(Duration::from_millis(timeout));
        let asked = [("lock_name", Value::from(name)), ("timeout_ms", timeout.into())];
        loop {
            self.cx.check()?;
            let command = Command::Acquire { lease: lease.clone(), holder: holder.clone(), ttl: lease_ms };
            match self.coordinator.propose(command).await {
                Ok(carried) => {
                    let Answer::Held(granted) = carried.answer else { return Err(other()) };
                    let held = [("holder", granted.holder.into()), ("token", granted.token.0.into())];
                    return Ok(Told::done(asked.into_iter().chain(held)));
                }
                Err(error) if error.code() == "lease.held" => {
                    if clock.monotonic() >= until {
                        let message = Value::from(error.message());
                        return Ok(Told::failed(asked.into_iter().chain([("message", message)])));
                    }
                    tokio::time::sleep(AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Gives a lock back, if this run holds it.
    pub(super) async fn unlock(&self, state_id: &str, name: Text) -> Result<Told> {
        let lease = lock_lease(state_id, &name);
        let held = self.coordinator.holder(&lease, Consistency::Linearizable).await?.value;
        let token = held.filter(|held| held.holder == self.holder()).map(|held| held.token);
        let released = self.release(lease, token).await?;
        Ok(Told::done([("lock_name", name.into()), ("released", released.into())]))
    }

    async fn release(&self, lease: Text, token: Option<Token>) -> Result<bool> {
        let Some(token) = token else { return Ok(false) };
        let Answer::Released { held } =
            self.coordinator.propose(Command::Release { lease, token }).await?.answer
        else {
            return Err(other());
        };
        Ok(held)
    }

    /// The run, which holds the locks that its nodes take.
    fn holder(&self) -> Text {
        self.cx.unit().run.to_string().into()
    }
}

fn lock_lease(state_id: &str, name: &str) -> Text {
    format!("lock/{}/{name}", name_of_state(state_id)).into()
}

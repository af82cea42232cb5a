//! Giving the lead to somebody else before a leader goes, so that nobody waits for an election.

use kailash_core::{Error, ErrorKind, Result};
use tokio::time::timeout;

use super::{
    Coordinator, MemberStatus, Role,
    coordinator::stopped,
    net::{Ask, Told},
};

impl Coordinator {
    /// Lets another member lead that has most of the log, whoever leads now.
    ///
    /// # Errors
    /// Kind `Conflict`, code `coordinate.no_successor`, if no other member that votes is heard; kind `Unavailable` if
    /// nobody leads or the leader does not answer.
    pub async fn step_down(&self) -> Result<()> {
        let told = match self.leader() {
            Some((leader, _)) if leader == self.member() => self.hand_over().await?,
            Some((leader, _)) => {
                self.0.peers.member(leader).ask(&Ask::HandOver, self.0.settings.patience).await?
            }
            None => Told::Leader(None),
        };
        match told {
            Told::Done(_) => Ok(()),
            _ => Err(Error::new(ErrorKind::Unavailable, "coordinate.no_leader", "nobody leads at present")),
        }
    }

    /// Lets another member lead, as the leader.
    pub(super) async fn hand_over(&self) -> Result<Told> {
        let status = self.status();
        if status.role != Role::Leader {
            return Ok(Told::Leader(self.leader()));
        }
        let silence = u64::try_from(self.0.settings.silence().as_millis()).unwrap_or(u64::MAX);
        let can_lead = |member: &&MemberStatus| {
            member.voter && member.silent_ms.is_some_and(|silent| silent < silence) && member.lag.is_some()
        };
        let successor = status.members.iter().filter(can_lead).min_by_key(|member| member.lag);
        let successor = successor.ok_or_else(|| {
            let message = "no other member that votes is heard";
            Error::new(ErrorKind::Conflict, "coordinate.no_successor", message)
        })?;
        self.0.raft.trigger().transfer_leader(successor.id).await.map_err(|error| stopped(&error))?;
        let mut metrics = self.0.raft.metrics();
        let gone = async {
            while self.status().role == Role::Leader {
                metrics.changed().await.map_err(|error| stopped(&error))?;
            }
            self.done()
        };
        timeout(self.0.settings.silence(), gone).await.unwrap_or_else(|_| {
            let message = format!("`{}` did not take the lead", successor.host);
            Err(Error::new(ErrorKind::Unavailable, "coordinate.no_successor", message))
        })
    }
}

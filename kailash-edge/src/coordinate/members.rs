//! Who takes part: how a cluster begins, grows and shrinks.

use std::collections::{BTreeMap, BTreeSet};

use kailash_core::{Error, ErrorKind, Result, Retry, Text};
use openraft::{
    ChangeMembers,
    errors::{ClientWriteError, RaftError},
};
use tokio::time::{Instant, sleep};

use super::{
    Coordinator,
    coordinator::stopped,
    net::{Ask, ClusterId, Told},
    raft::{Member, MemberId},
};

impl Coordinator {
    /// The cluster that this member belongs to.
    #[must_use]
    pub fn cluster(&self) -> Option<ClusterId> {
        self.0.peers.local().cluster
    }

    /// Lets a cluster begin with this member alone, unless it belongs to one.
    ///
    /// # Errors
    /// Failing storage.
    pub async fn found(&self) -> Result<ClusterId> {
        let identity = self.identity().get();
        let cluster = match identity.cluster {
            Some(cluster) => cluster,
            None => self.identity().found()?,
        };
        self.0.peers.belongs_to(cluster);
        let begun = self.0.raft.is_initialized().await.map_err(|error| stopped(&error))?;
        if !begun && (identity.founder || identity.cluster.is_none()) {
            let alone = BTreeMap::from([(self.member(), self.own())]);
            self.0.raft.initialize(alone).await.map_err(|error| stopped(&error))?;
        }
        Ok(cluster)
    }

    /// Joins the cluster of one of `seeds`, given as `host:port`, unless it belongs to one. `voter` says whether this
    /// member counts in majorities, or only learns.
    ///
    /// # Errors
    /// Kind `Conflict`, code `peer.cluster`, if it belongs to another cluster; kind `Denied`, code `peer.token`; kind
    /// `Unavailable` if no seed answers in time.
    pub async fn join(&self, seeds: &[Text], voter: bool) -> Result<ClusterId> {
        let until = Instant::now() + self.0.settings.patience;
        let mut asked = seeds.to_vec();
        let mut last = None;
        while Instant::now() < until {
            for address in std::mem::replace(&mut asked, seeds.to_vec()) {
                match self.join_at(&address, voter).await {
                    Ok(Told::Done(cluster)) => return Ok(cluster),
                    Ok(Told::Leader(Some((_, leader)))) => asked = vec![leader.address],
                    Ok(_) => {}
                    Err(error) if error.retry() == Retry::Never => return Err(error),
                    Err(error) => last = Some(error),
                }
            }
            sleep(self.0.settings.heartbeat).await;
        }
        let message =
            last.map_or_else(|| "no seed knows a leader".to_owned(), |error| error.message().to_owned());
        Err(Error::new(ErrorKind::Unavailable, "coordinate.join", message))
    }

    /// Tells the others where this member is now, if they know of another place.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `coordinate.no_quorum`.
    pub async fn announce(&self) -> Result<()> {
        let (id, member) = (self.member(), self.own());
        let known =
            |membership: &openraft::Membership<MemberId, Member>| membership.get_node(&id) == Some(&member);
        if known(self.metrics().membership_config.membership()) {
            return Ok(());
        }
        let voter = self.metrics().membership_config.voter_ids().any(|voter| voter == id);
        self.until_led(|| Ask::Join { id, member: member.clone(), voter }).await.map(drop)
    }

    async fn join_at(&self, address: &Text, voter: bool) -> Result<Told> {
        let peer = self.0.peers.at(address);
        let cluster = peer.cluster().await?;
        if self.cluster().is_none() {
            // The others speak to it as a member from the moment on in which they let it in.
            self.identity().join(cluster)?;
            self.0.peers.belongs_to(cluster);
        }
        peer.ask(&Ask::Join { id: self.member(), member: self.own(), voter }, self.0.settings.patience).await
    }

    /// Takes a member in, as the leader: first it learns, then it votes.
    pub(super) async fn admit(&self, id: MemberId, member: Member, voter: bool) -> Result<Told> {
        // Whoever asks has proved that it belongs here: it is where it says.
        self.0.peers.is_at(id, &member.address);
        let membership = self.metrics().membership_config;
        let membership = membership.membership();
        if membership.get_node(&id) != Some(&member) {
            if membership.get_node(&id).is_some() {
                let moved = ChangeMembers::SetNodes(BTreeMap::from([(id, member.clone())]));
                if let Some(told) = self.change(moved).await? {
                    return Ok(told);
                }
            } else {
                let added = self.0.raft.add_learner(id, member, true).await;
                if let Some(told) = told(added.map(drop))? {
                    return Ok(told);
                }
            }
        }
        if voter && let Some(told) = self.change(ChangeMembers::AddVoterIds(BTreeSet::from([id]))).await? {
            return Ok(told);
        }
        self.done()
    }

    /// Lets a member go, as the leader.
    pub(super) async fn dismiss(&self, id: MemberId) -> Result<Told> {
        let membership = self.metrics().membership_config;
        let voters: Vec<MemberId> = membership.voter_ids().collect();
        if voters == [id] {
            let error = Error::new(ErrorKind::Conflict, "coordinate.last_member", "nobody else votes");
            return Err(error.with_retry(Retry::Never));
        }
        let gone = BTreeSet::from([id]);
        for change in [ChangeMembers::RemoveVoters(gone.clone()), ChangeMembers::RemoveNodes(gone)] {
            if let Some(told) = self.change(change).await? {
                return Ok(told);
            }
        }
        self.done()
    }

    /// Lets `id` go, whoever leads.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `coordinate.no_quorum`.
    pub async fn remove(&self, id: MemberId) -> Result<()> {
        self.until_led(|| Ask::Leave { id }).await.map(drop)
    }

    pub(super) fn done(&self) -> Result<Told> {
        let cluster = self.cluster().ok_or_else(|| Error::internal("a leader without a cluster"))?;
        Ok(Told::Done(cluster))
    }

    /// Changes who takes part; what is told instead if somebody else leads.
    async fn change(&self, change: ChangeMembers<MemberId, Member>) -> Result<Option<Told>> {
        told(self.0.raft.change_membership(change, true).await.map(drop))
    }
}

type Changed = std::result::Result<(), RaftError<super::raft::Types, ClientWriteError<super::raft::Types>>>;

fn told(changed: Changed) -> Result<Option<Told>> {
    match changed {
        Ok(()) => Ok(None),
        Err(RaftError::APIError(
            ClientWriteError::ForwardToLeader(forward) | ClientWriteError::LogEntryDiscarded(forward),
        )) => Ok(Some(Told::led_by(forward))),
        Err(RaftError::APIError(error)) => {
            Err(Error::new(ErrorKind::Unavailable, "coordinate.membership", error.to_string()))
        }
        Err(error) => Err(stopped(&error)),
    }
}

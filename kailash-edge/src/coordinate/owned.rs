//! State that has one owner for each id: the host that carries its operations out, for itself and for the others.
//!
//! ```text
//! host B: operation ── owner of the id? ── lease `owner/ID` ── host A ──> entries `state/ID/KEY`, under A's token
//!                                      └─ nobody: B becomes it
//! ```
//! The entries are those of the replicated map. An owner that lost its lease writes nothing more: each write carries the
//! token of the lease.

use kailash_core::{Error, ErrorKind, Result, Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::{
    Consistency, Coordinator,
    net::{Ask, Told},
    raft::MemberId,
    state::{Answer, Command, Encoded, Entry, Expect, Fence, GROUP},
};

/// What begins the names of entries and leases that this platform keeps for itself.
const RESERVED: [&str; 4] = ["state/", "owner/", "lock/", GROUP];

/// Whether an entry or a lease called so belongs to the platform: others may look at it, and change it only by what it is
/// made for.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|prefix| name.starts_with(prefix))
}

/// The most entries of one id that are told at once.
const MOST: usize = 10_000;

/// What is asked of the owner of some state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateAsk {
    /// The entry called so.
    Get(Text),
    /// All entries.
    All,
    /// Give an entry a value if it is what was expected.
    Put {
        /// The entry.
        key: Text,
        /// Its value.
        value: Encoded,
        /// What it must be before.
        expect: Expect,
    },
    /// Remove an entry.
    Delete(Text),
    /// Add a number to an entry.
    Increment {
        /// The entry.
        key: Text,
        /// The number.
        by: Encoded,
    },
    /// Add a value to the end of a list.
    Append {
        /// The entry.
        key: Text,
        /// The value.
        value: Encoded,
    },
}

/// What the owner of some state answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StateTold {
    /// The entry.
    Found(Option<Entry>),
    /// The entries by their keys.
    All(Vec<(Text, Entry)>),
    /// What became of a change.
    Changed(Answer),
}

/// Who answered, or who would have to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owned {
    /// The owner has answered.
    Served {
        /// The owner's host.
        by: Text,
        /// Its answer.
        told: StateTold,
    },
    /// The owner cannot be reached.
    Elsewhere {
        /// The owner's host.
        owner: Text,
        /// Why.
        why: Text,
    },
}

impl Coordinator {
    /// Has the owner of `state_id` carry out what is asked; this host becomes the owner if nobody is.
    ///
    /// # Errors
    /// The refusal of a change; kind `Unavailable`, code `coordinate.no_quorum`; kind `Conflict`, code `state.owner`, if
    /// the ownership moves all the time.
    pub async fn owned(&self, state_id: &str, ask: StateAsk) -> Result<Owned> {
        for _ in 0..TRIES {
            let (owner, token) = self.owner_of(state_id).await?;
            let told = if owner == self.member() {
                self.as_owner(state_id, token, ask.clone()).await
            } else {
                let ask = Ask::State { state_id: state_id.into(), ask: ask.clone() };
                match self.0.peers.member(owner).ask(&ask, self.0.settings.patience).await {
                    Ok(Told::State(told)) => Ok(told),
                    Ok(_) => continue,
                    Err(error) if is_unreached(&error) => {
                        return Ok(Owned::Elsewhere {
                            owner: self.host_of(owner),
                            why: error.message().into(),
                        });
                    }
                    Err(error) => Err(error),
                }
            };
            match told {
                Ok(told) => return Ok(Owned::Served { by: self.host_of(owner), told }),
                Err(error) if error.code() == "lease.lost" => self.let_go(&lease(state_id)),
                Err(error) => return Err(error),
            }
        }
        let message = format!("the owner of the state `{state_id}` changes all the time");
        Err(Error::new(ErrorKind::Conflict, "state.owner", message))
    }

    /// Carries out what another host asks this one for, if this one is the owner.
    pub(super) async fn if_owner(&self, state_id: &str, ask: StateAsk) -> Result<Told> {
        match self.kept_token(&lease(state_id)) {
            Some(token) => self.as_owner(state_id, token, ask).await.map(Told::State),
            None => Ok(Told::Leader(None)),
        }
    }

    /// The owner of a state, which this host becomes if there is none, and the token of its lease.
    async fn owner_of(&self, state_id: &str) -> Result<(MemberId, Token)> {
        let lease = lease(state_id);
        if let Some(token) = self.kept_token(&lease) {
            return Ok((self.member(), token));
        }
        let held = match self.holder(&lease, Consistency::Linearizable).await?.value {
            Some(held) if *held.holder != *self.member().to_string() => held,
            // Nobody, or this member in an earlier life of its process.
            _ => self.stand_for(&lease, &self.member().to_string()).await?,
        };
        let owner = held.holder.parse().map_err(|_| Error::internal("the owner of a state is no member"))?;
        Ok((owner, held.token))
    }

    async fn as_owner(&self, state_id: &str, token: Token, ask: StateAsk) -> Result<StateTold> {
        let fence = Some(Fence { lease: lease(state_id), token });
        let entry = |key: &Text| entry_key(state_id, key);
        let command = match ask {
            StateAsk::Get(key) => {
                let found = self.get(&entry(&key), Consistency::Linearizable).await?;
                return Ok(StateTold::Found(found.value));
            }
            StateAsk::All => {
                let prefix = entry_key(state_id, "");
                let found = self.list(&prefix, &prefix, MOST, Consistency::Linearizable).await?;
                let named =
                    found.value.into_iter().map(|(key, entry)| (Text::from(&key[prefix.len()..]), entry));
                return Ok(StateTold::All(named.collect()));
            }
            StateAsk::Put { key, value, expect } => {
                Command::Put { key: entry(&key), value, expect, ttl: None, fence }
            }
            StateAsk::Delete(key) => Command::Delete { key: entry(&key), expect: Expect::Any, fence },
            StateAsk::Increment { key, by } => Command::Increment { key: entry(&key), by, fence },
            StateAsk::Append { key, value } => Command::Append { key: entry(&key), value, fence },
        };
        Ok(StateTold::Changed(self.propose(command).await?.answer))
    }

    /// The name of a member's host.
    fn host_of(&self, member: MemberId) -> Text {
        if member == self.member() {
            return self.host();
        }
        let metrics = self.metrics();
        let known = metrics.membership_config.membership().get_node(&member);
        known.map_or_else(|| member.to_string().into(), |known| known.host.clone())
    }
}

/// How often the ownership may move while something is asked.
const TRIES: usize = 5;

fn is_unreached(error: &Error) -> bool {
    matches!(error.code(), "peer.unreachable" | "peer.timeout" | "peer.broken" | "peer.other")
}

/// The lease of a state's owner.
fn lease(state_id: &str) -> Text {
    format!("owner/{state_id}").into()
}

/// The entry of the map that is entry `key` of a state.
fn entry_key(state_id: &str, key: &str) -> Text {
    format!("state/{}/{key}", name_of_state(state_id)).into()
}

/// A state's id as a part of longer names: without `/`.
#[must_use]
pub fn name_of_state(state_id: &str) -> String {
    state_id.replace('%', "%25").replace('/', "%2F")
}

//! Proposing a command: here if this member leads, else by asking whoever does, until it is carried out or too late.

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, Retry};
use openraft::errors::{ClientWriteError, RaftError};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    Coordinator,
    coordinator::stopped,
    net::{Ask, Told},
    raft::{Applied, MemberId, Proposed},
    state::{Answer, Command, Proposal},
};

/// How long until a leader is looked for again after it could not be asked.
const AGAIN: Duration = Duration::from_millis(20);

/// How often in a row somebody who is told to lead is asked, before a pause.
const HOPS: usize = 3;

/// A command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// Its log index.
    pub index: u64,
    /// The term in which it was proposed.
    pub term: u64,
    /// What it answers.
    pub answer: Answer,
}

impl Coordinator {
    /// Proposes `command` and waits until a majority has it and it was carried out. It is carried out once, however often
    /// it had to be sent.
    ///
    /// # Errors
    /// The refusal of the command; kind `Limit`, code `coordinate.too_large`; kind `Unavailable`, code
    /// `coordinate.no_quorum`, if it was not carried out in time: whether it will be nobody knows.
    pub async fn propose(&self, command: Command) -> Result<Carried> {
        let numbered = self.request();
        let at = u64::try_from(self.0.clock.now().unix_millis()).unwrap_or_default();
        let proposed = Proposed::of(&Proposal { request: numbered.request, at, command })?;
        let (bytes, most) = (proposed.0.len(), self.0.settings.max_proposal);
        if bytes > most {
            let message = format!("a proposal of {bytes} bytes, more than {most}");
            return Err(
                Error::new(ErrorKind::Limit, "coordinate.too_large", message).with_retry(Retry::Never)
            );
        }
        let began = Instant::now();
        let told = self.until_led(|| Ask::Propose(proposed.clone())).await?;
        self.0.settings.observing.0.committed(began.elapsed());
        match told {
            Told::Proposed { index, term, applied: Applied(Some(answered)) } => {
                Ok(Carried { index, term, answer: answered? })
            }
            _ => Err(Error::internal("a proposal was answered with something else")),
        }
    }

    /// Asks whoever leads until it answers, or until it is too late.
    pub(super) async fn until_led(&self, ask: impl Fn() -> Ask) -> Result<Told> {
        let until = Instant::now() + self.0.settings.patience;
        let mut why = None;
        let (mut hint, mut hops, mut turn) = (None, 0, 0);
        loop {
            let known = self.leader().map(|(id, _)| id);
            let asked = hint.take().or(known).or_else(|| self.other(&mut turn));
            let answered = match asked {
                Some(id) if id == self.member() => timeout_at(until, self.answer(ask())).await,
                Some(id) => timeout_at(until, self.ask_peer(id, ask())).await,
                None => Ok(Ok(Told::Leader(None))),
            };
            match answered {
                Ok(Ok(Told::Leader(leader))) => {
                    hint = leader.map(|(id, member)| {
                        self.0.peers.is_at(id, &member.address);
                        id
                    });
                    hops += 1;
                    if hops < HOPS && hint.is_some_and(|hint| Some(hint) != asked) {
                        continue;
                    }
                }
                Ok(Ok(told)) => return Ok(told),
                Ok(Err(error)) if may_pass(&error) => why = Some(error),
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(no_quorum(why.as_ref())),
            }
            hops = 0;
            let changed = async {
                tokio::select! {
                    biased;
                    () = self.leader_changes(known) => {}
                    () = sleep(AGAIN) => {}
                }
            };
            if timeout_at(until, changed).await.is_err() || Instant::now() >= until {
                return Err(no_quorum(why.as_ref()));
            }
        }
    }

    /// Waits until another leader than `known` is known here. Whatever else changes is no reason to ask again: every
    /// question to the group is such a change.
    async fn leader_changes(&self, known: Option<MemberId>) {
        let mut metrics = self.0.raft.metrics();
        while self.leader().map(|(id, _)| id) == known {
            if metrics.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Another member, each time the next one.
    fn other(&self, turn: &mut usize) -> Option<MemberId> {
        let metrics = self.metrics();
        let members = metrics.membership_config.membership().nodes().map(|(id, _)| *id);
        let others: Vec<MemberId> = members.filter(|id| *id != self.member()).collect();
        *turn += 1;
        others.get(*turn % others.len().max(1)).copied()
    }

    /// Answers what this member is asked for, by itself or by a peer.
    pub(super) async fn answer(&self, ask: Ask) -> Result<Told> {
        match ask {
            Ask::Propose(proposed) => self.carry_out(proposed).await,
            Ask::ReadIndex => self.read_index().await,
            Ask::Join { id, member, voter } => self.admit(id, member, voter).await,
            Ask::Leave { id } => self.dismiss(id).await,
            Ask::Status => Ok(Told::Status(self.status())),
            Ask::HandOver => self.hand_over().await,
            // Boxed, because an owner asks the leader in turn.
            Ask::State { state_id, ask } => Box::pin(self.if_owner(&state_id, ask)).await,
        }
    }

    /// Asks a peer, until it is known here that somebody else leads now: one that is cut off never answers, and whatever
    /// is asked may be asked again.
    async fn ask_peer(&self, id: MemberId, ask: Ask) -> Result<Told> {
        let known = self.leader().map(|(leader, _)| leader);
        // These change with the leader and the members, not with every entry: all that are asked for wait here.
        let mut server = self.0.raft.server_metrics();
        let elected = async {
            loop {
                if let Some((leader, member)) = self.leader()
                    && leader != id
                    && Some(leader) != known
                {
                    return Some((leader, member));
                }
                if server.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        };
        let peer = self.0.peers.member(id);
        tokio::select! {
            biased;
            told = peer.ask(&ask, self.0.settings.patience) => told,
            leader = elected => Ok(Told::Leader(leader)),
        }
    }

    /// Carries a proposal out, as the leader.
    pub(super) async fn carry_out(&self, proposed: Proposed) -> Result<Told> {
        if self.0.log.waits_for_room() {
            let error = Error::new(ErrorKind::Unavailable, "log.full", "the leader's disk is full");
            return Err(error.with_retry(Retry::After(Duration::from_secs(1))));
        }
        match self.0.raft.client_write(proposed).await {
            Ok(written) => {
                let (index, term) = (written.log_id.index, written.log_id.leader_id.term);
                Ok(Told::Proposed { index, term, applied: written.data })
            }
            Err(RaftError::APIError(
                ClientWriteError::ForwardToLeader(forward) | ClientWriteError::LogEntryDiscarded(forward),
            )) => Ok(Told::led_by(forward)),
            Err(error) => Err(stopped(&error)),
        }
    }
}

/// Whether asking again may help.
fn may_pass(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout) && error.retry() != Retry::Never
}

fn no_quorum(why: Option<&Error>) -> Error {
    let why = why.map(|error| format!(": {}", error.message())).unwrap_or_default();
    let message = format!("no majority of the members answered in time{why}");
    Error::new(ErrorKind::Unavailable, "coordinate.no_quorum", message)
        .with_hint("what was asked for may still be carried out; `kailash cluster status` shows the members")
}

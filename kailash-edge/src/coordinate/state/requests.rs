//! The answers to requests that may be sent again, kept until their client has them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answered, Refusal, Request};

/// How many clients are remembered; of more, those go that were silent for longest.
const CLIENTS: usize = 1024;
/// How many answers are kept for one client; a request before them is refused.
const ANSWERS: usize = 16_384;

/// The requests of every client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Requests {
    clients: BTreeMap<u64, Client>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Client {
    /// The log index of its last request.
    last: u64,
    /// The answers to all of its requests before this one are gone.
    settled: u64,
    answers: BTreeMap<u64, Answered>,
}

impl Requests {
    /// What was answered to `request` before; none for a new one.
    pub(super) fn answered(&self, request: Request) -> Option<Answered> {
        let client = self.clients.get(&request.client)?;
        if request.number >= client.settled {
            return client.answers.get(&request.number).cloned();
        }
        let message =
            "an answer that the client has already, or that was not fetched for long, is asked for again";
        Some(Err(Refusal::conflict("request.settled", message)))
    }

    /// Keeps the answer to `request`, whose log index is `index`, and forgets what its client has.
    pub(super) fn keep(&mut self, request: Request, index: u64, answered: &Answered) {
        if request.client == 0 {
            return;
        }
        let client = self.clients.entry(request.client).or_default();
        client.last = index;
        client.answers.insert(request.number, answered.clone());
        client.settle(request.settled);
        while client.answers.len() > ANSWERS
            && let Some((number, _)) = client.answers.pop_first()
        {
            client.settle(number + 1);
        }
        if self.clients.len() > CLIENTS
            && let Some(silent) =
                self.clients.iter().min_by_key(|(_, client)| client.last).map(|(name, _)| *name)
        {
            self.clients.remove(&silent);
        }
    }
}

impl Client {
    fn settle(&mut self, before: u64) {
        if before > self.settled {
            self.settled = before;
            self.answers = self.answers.split_off(&before);
        }
    }
}

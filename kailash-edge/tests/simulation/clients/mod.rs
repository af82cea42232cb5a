//! Clients: each asks for one thing after the other, at whatever host, and notes what it is told.

mod answers;
mod asks;

pub(crate) use asks::encoded;

use kailash_core::{Result, Text, exec::Token};
use kailash_edge::{
    coordinate::{Carried, state::Entry},
    testing::linearizability::History,
};

use crate::{
    host::Asked,
    oracle::{Violation, writes::Mark},
    world::World,
};

/// After how long a client gives up, in ms: longer than a host tries by itself.
const PATIENCE: u64 = 6_000;

/// What a host answers.
enum Answer {
    Carried(Carried),
    Entry(Option<Entry>),
}

/// What a client asked for.
#[derive(Debug)]
enum Note {
    /// Something of the map, at its place in the history.
    Map {
        place: usize,
        key: Text,
        mark: Option<Mark>,
    },
    Acquire {
        lease: Text,
        holder: Text,
    },
    Renew {
        token: Token,
    },
    Release,
    /// A write under a lease.
    Guarded,
    Order {
        group: Text,
        id: Text,
    },
}

struct Waiting {
    asked: Asked<Result<Answer>>,
    note: Note,
    host: usize,
    since: u64,
}

struct Client {
    number: u64,
    /// When it asks next.
    next: u64,
    waiting: Option<Waiting>,
    /// The lease that it holds as far as it knows.
    holds: Option<(Text, Token)>,
    /// The version of a register that it saw last.
    seen: u64,
    /// How many events it has put in order.
    events: u64,
}

/// All clients.
#[derive(Default)]
pub(crate) struct Clients {
    clients: Vec<Client>,
    pub(crate) history: History,
    marks: u64,
    stamps: u64,
}

impl Clients {
    pub(crate) fn new(count: usize) -> Self {
        let client = |number| Client { number, next: 0, waiting: None, holds: None, seen: 1, events: 0 };
        Self { clients: (1..).take(count).map(client).collect(), ..Self::default() }
    }

    /// The next moment of the history.
    fn stamp(&mut self) -> u64 {
        self.stamps += 1;
        self.stamps
    }

    /// Takes answers, and lets those ask who want to if there is to be `more`.
    pub(crate) fn step(&mut self, world: &mut World, more: bool) -> Result<(), Violation> {
        let mut clients = std::mem::take(&mut self.clients);
        for client in &mut clients {
            self.take(client, world)?;
            if more && client.waiting.is_none() && client.next <= world.now {
                client.waiting = self.ask(client, world);
                client.next = world.now + world.dice.below(world.plan.think);
            }
        }
        self.clients = clients;
        Ok(())
    }

    fn take(&mut self, client: &mut Client, world: &mut World) -> Result<(), Violation> {
        let Some(waiting) = &client.waiting else { return Ok(()) };
        let told = waiting.asked.told();
        let over = waiting.asked.is_lost() || world.now > waiting.since + PATIENCE;
        if told.is_none() && !over {
            return Ok(());
        }
        let Some(waiting) = client.waiting.take() else { return Ok(()) };
        self.settle(client, waiting, told, world)
    }

    /// Whether all have their answers.
    pub(crate) fn are_idle(&self) -> bool {
        self.clients.iter().all(|client| client.waiting.is_none())
    }
}

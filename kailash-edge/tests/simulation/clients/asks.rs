//! What clients ask for.

use kailash_core::{Result, Text, Value};
use kailash_edge::{
    coordinate::{
        Consistency, Coordinator,
        state::{Command, Encoded, Expect, Fence, NewEvent},
    },
    testing::linearizability::Asked as Of,
};

use super::{Answer, Client, Clients, Note, Waiting};
use crate::{
    oracle::{leases::GUARDED, resource::Access, writes::Mark},
    plan::Mutant,
    world::World,
};

impl Clients {
    /// Asks for something at some host; nothing if none runs.
    pub(super) fn ask(&mut self, client: &mut Client, world: &mut World) -> Option<Waiting> {
        let up: Vec<usize> = world.hosts_that_serve();
        let host = world.dice.one(&up)?;
        match world.dice.below(100) {
            0..30 => self.read(client, host, world),
            30..50 => {
                let key = register(world);
                self.put(client, host, world, key, Expect::Any)
            }
            50..62 => {
                let (key, expect) = (register(world), Expect::Version(client.seen));
                self.put(client, host, world, key, expect)
            }
            62..66 => {
                let key = register(world);
                let expect = world.dice.one(&[Expect::Any, Expect::Present]).unwrap_or_default();
                let of = Of::Delete { expect };
                let command = Command::Delete { key: key.clone(), expect, fence: None };
                self.change(client, host, world, (key, of, command, None))
            }
            66..68 => {
                let key = register(world);
                self.append(client, host, world, key)
            }
            68..84 => {
                let key = list(world);
                self.append(client, host, world, key)
            }
            84..94 => Self::lease(client, host, world),
            _ => Self::order(client, host, world),
        }
    }

    fn read(&mut self, client: &Client, host: usize, world: &mut World) -> Option<Waiting> {
        let key = if world.dice.chance(75) { register(world) } else { list(world) };
        let stale = world.plan.mutant == Some(Mutant::ReadsAreStale);
        let consistency = if stale { Consistency::StaleOk } else { Consistency::Linearizable };
        let asked = world.hosts[host].ask({
            let key = key.clone();
            move |coordinator| async move {
                let read = coordinator.get(&key, consistency).await?;
                Ok(Answer::Entry(read.value))
            }
        })?;
        let called = self.stamp();
        let place = self.history.call(client.number, key.clone(), Of::Get, called);
        Some(Waiting { asked, note: Note::Map { place, key, mark: None }, host, since: world.now })
    }

    fn put(
        &mut self,
        client: &Client,
        host: usize,
        world: &mut World,
        key: Text,
        expect: Expect,
    ) -> Option<Waiting> {
        let (mark, value) = self.mark();
        let of = Of::Put { value: value.clone(), expect };
        let put = Command::Put { key: key.clone(), value: encoded(&value), expect, ttl: None, fence: None };
        self.change(client, host, world, (key, of, put, Some(mark)))
    }

    fn append(&mut self, client: &Client, host: usize, world: &mut World, key: Text) -> Option<Waiting> {
        let (mark, value) = self.mark();
        let of = Of::Append { value: value.clone() };
        let append = Command::Append { key: key.clone(), value: encoded(&value), fence: None };
        self.change(client, host, world, (key, of, append, Some(mark)))
    }

    fn change(
        &mut self,
        client: &Client,
        host: usize,
        world: &mut World,
        (key, of, command, mark): (Text, Of, Command, Option<Mark>),
    ) -> Option<Waiting> {
        let asked = world.hosts[host].ask(move |coordinator| propose(coordinator, command))?;
        if let Some(mark) = mark {
            world.writes.tries(&key, mark);
        }
        let called = self.stamp();
        let place = self.history.call(client.number, key.clone(), of, called);
        Some(Waiting { asked, note: Note::Map { place, key, mark }, host, since: world.now })
    }

    /// A value that nobody wrote before.
    fn mark(&mut self) -> (Mark, Value) {
        self.marks += 1;
        (Mark(self.marks), Value::from(self.marks))
    }

    /// Something with a lease: takes one, or does something with the one that it holds.
    fn lease(client: &mut Client, host: usize, world: &mut World) -> Option<Waiting> {
        let Some((lease, token)) = client.holds.clone() else {
            let lease = Text::from(format!("l{}", world.dice.below(world.plan.leases)));
            let holder = Text::from(format!("c{}", client.number));
            let command =
                Command::Acquire { lease: lease.clone(), holder: holder.clone(), ttl: world.plan.ttl };
            return send(host, world, command, Note::Acquire { lease, holder });
        };
        match world.dice.below(10) {
            0..4 => {
                // It may have been asleep since it looked.
                let at = world.now + if world.dice.chance(50) { 0 } else { world.dice.below(4_000) };
                let holder = Text::from(format!("c{}", client.number));
                world.resource.send(Access { at, lease, token, holder });
                None
            }
            4..7 => {
                let fence = Some(Fence { lease: lease.clone(), token });
                let (key, value) = (format!("{GUARDED}{lease}").into(), encoded(&Value::from(token.0)));
                let put = Command::Put { key, value, expect: Expect::Any, ttl: None, fence };
                send(host, world, put, Note::Guarded)
            }
            7 | 8 => {
                let command = Command::Renew { grants: vec![(lease, token)], ttl: world.plan.ttl };
                send(host, world, command, Note::Renew { token })
            }
            _ => {
                client.holds = None;
                // Half of them just forget about it.
                let release = Command::Release { lease, token };
                if world.dice.chance(50) { send(host, world, release, Note::Release) } else { None }
            }
        }
    }

    fn order(client: &mut Client, host: usize, world: &mut World) -> Option<Waiting> {
        client.events += u64::from(client.events == 0 || world.dice.chance(70));
        let group = Text::from(format!("g{}", world.dice.below(2)));
        let id = Text::from(format!("{}-{}", client.number, client.events));
        let data = encoded(&Value::from(client.events));
        let event = NewEvent { id: Some(id.clone()), after: Vec::new(), data };
        let command = Command::Order { group: group.clone(), events: vec![event] };
        send(host, world, command, Note::Order { group, id })
    }
}

fn send(host: usize, world: &World, command: Command, note: Note) -> Option<Waiting> {
    let asked = world.hosts[host].ask(move |coordinator| propose(coordinator, command))?;
    Some(Waiting { asked, note, host, since: world.now })
}

/// Proposes; once more if the answer is unknown and there is to be another try.
async fn propose(coordinator: Coordinator, command: Command) -> Result<Answer> {
    coordinator.propose(command).await.map(Answer::Carried)
}

fn register(world: &mut World) -> Text {
    format!("r{}", world.dice.below(world.plan.registers)).into()
}

fn list(world: &mut World) -> Text {
    format!("list{}", world.dice.below(world.plan.lists)).into()
}

pub(crate) fn encoded(value: &Value) -> Encoded {
    Encoded::of(value).expect("it is not deep")
}

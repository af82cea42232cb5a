//! The life of a world: it begins, everything goes wrong, nothing goes wrong any more; then it must work.

use kailash_core::{ErrorKind, Text, Value};
use kailash_edge::{
    coordinate::state::{Command, Expect},
    testing::linearizability::{self, STEPS},
};

use crate::{
    clients::{Clients, encoded},
    oracle::Violation,
    world::World,
};

/// How many answers are enough to say anything of a world.
const LOAD: u64 = 50;
/// How long a cluster may take to begin, in ms.
const BEGIN: u64 = 20_000;
/// How long may pass without faults until all that was begun is over, in ms.
const SETTLE: u64 = 60_000;
/// How long may pass until the cluster answers, in ms.
const SERVE: u64 = 15_000;
/// How long may pass until all members are the same, in ms.
const CONVERGE: u64 = 30_000;

impl World {
    /// Lives.
    pub(crate) fn live(&mut self, clients: &mut Clients) -> Result<(), Violation> {
        self.begin_cluster()?;
        let until = self.now + self.plan.safety;
        while self.now < until {
            self.faults();
            self.tick()?;
            clients.step(self, true)?;
        }
        self.calm();
        self.trace.say(self.now, "no faults any more");
        self.wait(SETTLE, "all that was begun is over", |world| {
            clients.step(world, false)?;
            Ok(clients.are_idle() && world.is_settled())
        })?;
        self.serves()?;
        self.wait(CONVERGE, "all members have the same state", Self::is_one)?;
        self.lists_are_complete()?;
        self.judge(clients)
    }

    fn begin_cluster(&mut self) -> Result<(), Violation> {
        while self.hosts.len() < self.plan.members {
            self.add_host();
            self.wait(BEGIN, "the cluster has begun", |world| Ok(world.is_settled()))?;
        }
        self.trace.say(self.now, "the cluster is there");
        Ok(())
    }

    /// Every entry can be written, at some host.
    fn serves(&mut self) -> Result<(), Violation> {
        let keys: Vec<Text> = (0..self.plan.registers).map(|n| format!("r{n}").into()).collect();
        for key in keys {
            let until = self.now + SERVE;
            loop {
                let serving = self.hosts_that_serve();
                let host = self.dice.one(&serving).ok_or("no host runs")?;
                let value = encoded(&Value::from("the end"));
                let put =
                    Command::Put { key: key.clone(), value, expect: Expect::Any, ttl: None, fence: None };
                let asked =
                    self.hosts[host].ask(move |coordinator| async move { coordinator.propose(put).await });
                let asked = asked.ok_or("no process runs")?;
                let mut told = None;
                self.wait(SERVE, "a write without faults is answered", |_| {
                    told = asked.told();
                    Ok(told.is_some())
                })?;
                match told {
                    Some(Ok(_)) => break,
                    Some(Err(error)) if error.kind() != ErrorKind::Unavailable => {
                        return Err(error.to_string());
                    }
                    _ if self.now > until => return Err(format!("`{key}` cannot be written without faults")),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Every host reads every list with all that was added and answered.
    fn lists_are_complete(&mut self) -> Result<(), Violation> {
        for host in self.hosts_that_serve() {
            for list in 0..self.plan.lists {
                let key = Text::from(format!("list{list}"));
                let asked = self.ask_for_list(host, &key).ok_or("no process runs")?;
                let mut told = None;
                self.wait(SERVE, "a read without faults is answered", |_| {
                    told = asked.told();
                    Ok(told.is_some())
                })?;
                let list = told.transpose().map_err(|error| format!("`{key}` at host {host}: {error}"))?;
                let there = self.writes.is_complete(&key, &list.unwrap_or_default())?;
                self.tally.add("items found in lists at the end", there);
            }
        }
        Ok(())
    }

    /// Whether everything that was told can be true.
    fn judge(&mut self, clients: &Clients) -> Result<(), Violation> {
        self.watching.finish()?;
        let known = self.watching.complete_to();
        let end = self.logs.last_index();
        let changes = || {
            self.watching
                .changes
                .range(..known)
                .flat_map(|(_, (at, group))| group.iter().map(move |change| (*at, change)))
        };
        self.writes.finish(changes().map(|(_, change)| change), known >= end)?;
        let lapses = self.leases.finish(changes(), &self.logs)?;
        self.tally.add("leases lapsed", lapses.count);
        self.tally.add("worlds in which every change is known", u64::from(known >= end));
        let verdict = linearizability::check(&clients.history, STEPS);
        if !verdict.is_linearizable() {
            return Err(verdict.to_string());
        }
        self.tally.add("histories checked", 1);
        let answered = clients.history.answered() as u64;
        self.tally.add("operations in histories", answered);
        self.tally.add("worlds with too little load", u64::from(answered < LOAD));
        Ok(())
    }
}

//! A world: hosts, a network, clients, and everything that goes wrong, one millisecond after the other in one thread.

use kailash_core::Text;
use kailash_edge::coordinate::{Consistency, raft::MemberId};

use crate::{
    clients::Clients,
    dice::Dice,
    faults::{self, Fault, Faults},
    host::{Asked, Host, address},
    net::Net,
    oracle::{Violation, leases::Leases, logs::Logs, resource::Resource, watching::Watching, writes::Writes},
    plan::{Mutant, Plan},
    tally::Tally,
    trace::Trace,
};

/// How often members are looked at, in ms.
const LOOK: u64 = 4;

/// What a host is to the cluster.
pub(crate) enum Role {
    /// It asks to be let in.
    Joining(Option<Asked<kailash_core::Result<()>>>),
    Member,
    /// Somebody asks to let it go.
    Leaving(Option<Asked<kailash_core::Result<()>>>),
    Gone,
}

/// A world.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) dice: Dice,
    pub(crate) plan: Plan,
    pub(crate) net: Net,
    pub(crate) hosts: Vec<Host>,
    pub(crate) roles: Vec<Role>,
    /// The numbers of the hosts' members.
    ids: Vec<MemberId>,
    pub(crate) faults: Faults,
    pub(crate) trace: Trace,
    pub(crate) tally: Tally,
    pub(crate) logs: Logs,
    pub(crate) watching: Watching,
    pub(crate) writes: Writes,
    pub(crate) leases: Leases,
    pub(crate) resource: Resource,
    /// What went wrong where nobody could be told.
    wrong: Option<Violation>,
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan) -> Self {
        let mut dice = Dice::new(seed);
        let mut trace = Trace::new();
        trace.say(0, format_args!("{plan:?}"));
        Self {
            now: 0,
            net: Net::new(dice.seed(), plan.weather),
            dice,
            hosts: Vec::new(),
            roles: Vec::new(),
            ids: Vec::new(),
            faults: Faults::default(),
            trace,
            tally: Tally::default(),
            logs: Logs::default(),
            watching: Watching::default(),
            writes: Writes::default(),
            leases: Leases::new(plan.ttl),
            resource: Resource::new(plan.mutant != Some(Mutant::TokensAreNotChecked)),
            plan,
            wrong: None,
        }
    }

    /// The hosts whose processes run, or stand still.
    pub(crate) fn hosts_that_run(&self) -> Vec<usize> {
        self.which(|host, _| host.process.is_some())
    }

    /// Those of them that belong to the cluster.
    pub(crate) fn hosts_that_serve(&self) -> Vec<usize> {
        self.which(|host, role| host.process.is_some() && matches!(role, Role::Member | Role::Leaving(_)))
    }

    /// The hosts that belong to the cluster, or will.
    pub(crate) fn hosts_in_use(&self) -> Vec<usize> {
        self.which(|_, role| !matches!(role, Role::Gone))
    }

    fn which(&self, which: impl Fn(&Host, &Role) -> bool) -> Vec<usize> {
        let all = self.hosts.iter().zip(&self.roles).enumerate();
        all.filter(|(_, (host, role))| which(host, role)).map(|(at, _)| at).collect()
    }

    /// The host of the newest leader.
    pub(crate) fn leader(&self) -> Option<usize> {
        let leads = |host: &&Host| {
            let metrics = host.coordinator()?.metrics();
            metrics.state.is_leader().then_some((metrics.current_term, host.number))
        };
        self.hosts.iter().filter_map(|host| leads(&host)).max().map(|(_, at)| at)
    }

    /// Adds a host that is not a member yet.
    pub(crate) fn add_host(&mut self) -> usize {
        let number = self.hosts.len();
        let drift = self.plan.drift;
        let rate = 1000 - drift + self.dice.below(2 * drift + 1);
        self.hosts.push(Host::new(number, rate, self.plan.make.clone()));
        self.roles.push(Role::Joining(None));
        self.ids.push(0);
        self.restart(number);
        number
    }

    /// Begins the process of a host that has none.
    pub(crate) fn restart(&mut self, host: usize) {
        if self.hosts[host].process.is_some() || matches!(self.roles[host], Role::Gone) {
            return;
        }
        let seed = self.dice.seed();
        match self.hosts[host].start(&self.net, self.now, seed) {
            Ok(()) => {
                self.logs.restarted(host);
                self.watching.restarted(&self.hosts[host]);
                if let Some(process) = &self.hosts[host].process {
                    process.disk.set_delay(self.plan.disk);
                    self.ids[host] = process.coordinator.member();
                }
                self.tally.add("processes started", 1);
                self.trace.say(self.now, format_args!("host {host} runs"));
            }
            Err(error) => {
                self.trace.say(self.now, format_args!("host {host} does not begin: {error}"));
                // For want of room it may: it is tried again when there is some.
                if error.code() != "log.full" {
                    self.wrong = Some(format!("host {host} does not begin: {error}"));
                }
            }
        }
    }

    /// Ends the process of a host; with the `power` what was not synced is gone as well.
    pub(crate) fn end(&mut self, host: usize, power: Option<u64>) {
        self.hosts[host].end(&self.net, power);
        if power.is_some() && self.plan.mutant == Some(Mutant::DisksAreWiped) {
            self.hosts[host].wipe();
        }
    }

    /// Lets the disk of a host have `room` bytes more and no others.
    pub(crate) fn fill(&self, host: usize, room: usize) {
        let used = self.hosts[host].used();
        self.hosts[host].platter.set_capacity(Some(used + room));
    }

    /// Lets a host join, unless there are enough or others come and go.
    pub(crate) fn join(&mut self) -> Option<usize> {
        let moves = self.roles.iter().any(|role| matches!(role, Role::Joining(_) | Role::Leaving(_)));
        if moves || self.hosts_in_use().len() >= self.plan.members + 2 || self.hosts.len() > 12 {
            return None;
        }
        Some(self.add_host())
    }

    /// Lets a member go, unless there are too few or others come and go.
    pub(crate) fn leave(&mut self) -> Option<usize> {
        let moves = self.roles.iter().any(|role| matches!(role, Role::Joining(_) | Role::Leaving(_)));
        let members = self.hosts_in_use();
        if moves || members.len() <= 3 {
            return None;
        }
        let host = self.dice.one(&members)?;
        self.roles[host] = Role::Leaving(None);
        Some(host)
    }

    /// Lets a millisecond pass.
    pub(crate) fn tick(&mut self) -> Result<(), Violation> {
        self.now += 1;
        self.net.deliver(self.now);
        for host in &self.hosts {
            host.run_until(self.now);
        }
        for host in 0..self.hosts.len() {
            if self.hosts[host].process.as_ref().is_some_and(|process| process.disk.is_off()) {
                self.trace.say(self.now, format_args!("host {host} loses its power while it writes"));
                self.tally.add(faults::name(Fault::PowerLossInWrite), 1);
                self.end(host, Some(0));
                self.tripped(host);
            }
        }
        let told = self.watching.look(self.now)?;
        self.tally.add("changes told", told);
        self.come_and_go();
        let took = self.resource.look(self.now)?;
        self.tally.add("accesses to the resource", took.taken);
        self.tally.add("accesses with an older token refused", took.refused);
        if self.now.is_multiple_of(LOOK) {
            self.look()?;
        }
        let counted = self.net.take_counted();
        self.trace.count(&[self.now, told, counted.arrived, counted.bytes, counted.lost, counted.held]);
        self.tally.add("segments arrived", counted.arrived);
        self.tally.add("segments lost", counted.lost);
        self.tally.add("segments held back", counted.held);
        self.tally.add("connections reset", counted.reset);
        self.wrong.take().map_or(Ok(()), Err)
    }

    /// Looks at every member.
    fn look(&mut self) -> Result<(), Violation> {
        for host in &self.hosts {
            let Some(coordinator) = host.coordinator().filter(|_| !host.paused) else { continue };
            self.logs.look(self.now, host.number, coordinator)?;
            if let Err(fatal) = coordinator.metrics().running_state
                && !self.faults.is_disk_broken(host.number)
            {
                return Err(format!("host {} gave up: {fatal}", host.number));
            }
        }
        Ok(())
    }

    /// Goes on with those who join and those who are let go.
    fn come_and_go(&mut self) {
        for host in 0..self.hosts.len() {
            let role = std::mem::replace(&mut self.roles[host], Role::Gone);
            self.roles[host] = match role {
                Role::Joining(None) => Role::Joining(self.ask_to_join(host)),
                Role::Leaving(None) => Role::Leaving(self.ask_to_leave(host)),
                Role::Joining(Some(asked)) => match asked.told() {
                    Some(Ok(())) => {
                        self.trace.say(self.now, format_args!("host {host} is a member"));
                        self.tally.add("members joined", 1);
                        Role::Member
                    }
                    None if !asked.is_lost() => Role::Joining(Some(asked)),
                    _ => Role::Joining(None),
                },
                Role::Leaving(Some(asked)) => match asked.told() {
                    Some(Ok(())) => {
                        self.trace.say(self.now, format_args!("host {host} is no member any more"));
                        self.tally.add("members left", 1);
                        self.end(host, None);
                        Role::Gone
                    }
                    None if !asked.is_lost() => Role::Leaving(Some(asked)),
                    _ => Role::Leaving(None),
                },
                role => role,
            };
        }
    }

    fn ask_to_join(&mut self, host: usize) -> Option<Asked<kailash_core::Result<()>>> {
        let mut seeds: Vec<Text> = self.hosts_that_serve().into_iter().map(address).collect();
        self.dice.shuffle(&mut seeds);
        if self.hosts.len() == 1 {
            return self.hosts[host].ask(|coordinator| async move { coordinator.found().await.map(drop) });
        }
        self.hosts[host].ask(|coordinator| async move { coordinator.join(&seeds, true).await.map(drop) })
    }

    fn ask_to_leave(&mut self, host: usize) -> Option<Asked<kailash_core::Result<()>>> {
        let others: Vec<usize> = self.hosts_that_serve().into_iter().filter(|other| *other != host).collect();
        let (by, id) = (self.dice.one(&others)?, self.ids[host]);
        self.hosts[by].ask(move |coordinator| async move { coordinator.remove(id).await })
    }

    /// Whether nobody comes or goes.
    pub(crate) fn is_settled(&self) -> bool {
        self.roles.iter().all(|role| matches!(role, Role::Member | Role::Gone))
    }

    /// Lets time pass until `done` says so, at most for `most` ms.
    pub(crate) fn wait(
        &mut self,
        most: u64,
        what: &str,
        mut done: impl FnMut(&mut Self) -> Result<bool, Violation>,
    ) -> Result<(), Violation> {
        let until = self.now + most;
        while !done(self)? {
            if self.now >= until {
                return Err(format!("{what}: not within {most} ms"));
            }
            self.tick()?;
        }
        Ok(())
    }

    /// Whether all members have the same state.
    pub(crate) fn is_one(&mut self) -> Result<bool, Violation> {
        let mut indices = Vec::new();
        for host in self.hosts_that_serve() {
            if let Some(coordinator) = self.hosts[host].coordinator() {
                indices.push(self.logs.hash(host, coordinator)?);
            }
        }
        Ok(!indices.is_empty() && indices.iter().all(|index| *index == indices[0]))
    }

    /// Reads a list as it is now, as somebody who has time.
    pub(crate) fn ask_for_list(
        &self,
        host: usize,
        key: &Text,
    ) -> Option<Asked<kailash_core::Result<Vec<kailash_core::Value>>>> {
        let key = key.clone();
        self.hosts[host].ask(move |coordinator| async move {
            let read = coordinator.get(&key, Consistency::Linearizable).await?;
            let value = read.value.map(|entry| entry.value.value()).transpose()?.unwrap_or_default();
            Ok(value.into_list().unwrap_or_default())
        })
    }
}

/// What became of a world.
pub(crate) struct Report {
    pub(crate) tally: Tally,
    pub(crate) hash: blake3::Hash,
    pub(crate) violation: Option<Violation>,
    pub(crate) last: String,
}

/// Lets a world of `seed` begin and end.
pub(crate) fn run(seed: u64, plan: Plan) -> Report {
    kailash_edge::coordinate::raft::with_seed(seed, || {
        let mut world = World::new(seed, plan);
        let mut clients = Clients::new(world.plan.clients);
        let lived = world.live(&mut clients);
        world.tally.add("worlds", 1);
        world.tally.add("snapshots made", world.logs.snapshots.0);
        world.tally.add("logs purged", world.logs.snapshots.1);
        world.tally.add("leaders elected", world.logs.leaders.len() as u64);
        world.tally.add("milliseconds", world.now);
        Report {
            hash: world.trace.hash(),
            violation: lived.err(),
            last: world.trace.last(),
            tally: world.tally,
        }
    })
}

//! Faults: what goes wrong, when, and for how long.

use std::sync::atomic::Ordering;

use crate::{net::Weather, world::World};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A process ends in the midst of its work.
    Kill,
    /// A host loses its power.
    PowerLoss,
    /// A host loses its power in the midst of writing.
    PowerLossInWrite,
    /// All hosts lose their power at once.
    PowerLossOfAll,
    /// A host cannot reach the others, nor they it; often the leader.
    Isolation,
    /// Two halves cannot reach each other.
    Split,
    /// A host hears nobody; the others hear it.
    Deaf,
    /// Nobody hears a host; it hears the others.
    Mute,
    /// Two halves cannot reach each other, but both reach one host.
    Bridge,
    /// Connections break.
    Resets,
    /// Segments are lost and sent again.
    Loss,
    /// Everything takes long on the network.
    SlowNetwork,
    /// A process stands still while time goes on; often the leader.
    Pause,
    /// Writing takes long.
    SlowDisk,
    /// A disk is full for a while.
    FullDisk,
    /// A disk cannot sync any more: its member gives up, and is started again when the disk is mended.
    BrokenDisk,
    /// The wall clock of a host is set by up to an hour.
    ClockJump,
    /// A host joins.
    Join,
    /// A member is let go.
    Leave,
}

pub(crate) const ALL: [Fault; 19] = [
    Fault::Kill,
    Fault::PowerLoss,
    Fault::PowerLossInWrite,
    Fault::PowerLossOfAll,
    Fault::Isolation,
    Fault::Split,
    Fault::Deaf,
    Fault::Mute,
    Fault::Bridge,
    Fault::Resets,
    Fault::Loss,
    Fault::SlowNetwork,
    Fault::Pause,
    Fault::SlowDisk,
    Fault::FullDisk,
    Fault::BrokenDisk,
    Fault::ClockJump,
    Fault::Join,
    Fault::Leave,
];

/// What is wrong now, and until when.
#[derive(Default)]
pub(crate) struct Faults {
    next: u64,
    now: Vec<(u64, Fault, usize)>,
}

impl Faults {
    /// Whether the disk of a host cannot be relied on.
    pub(crate) fn is_disk_broken(&self, host: usize) -> bool {
        self.now.iter().any(|(_, fault, at)| *at == host && matches!(fault, Fault::BrokenDisk))
    }
}

impl World {
    /// The power of `host` has gone off while it wrote: it is back some time later.
    pub(crate) fn tripped(&mut self, host: usize) {
        let (least, most) = self.plan.lasts;
        let until = self.now + self.dice.from(least, most);
        self.faults.now.push((until, Fault::PowerLossInWrite, host));
    }

    /// Ends what is over and begins something when it is time.
    pub(crate) fn faults(&mut self) {
        let mut faults = std::mem::take(&mut self.faults);
        let over: Vec<_> = faults.now.extract_if(.., |(until, ..)| *until <= self.now).collect();
        self.faults = faults;
        for (_, fault, host) in over {
            self.trace.say(self.now, format_args!("{fault:?} of host {host} is over"));
            self.undo(fault, host);
        }
        if self.faults.next > self.now {
            return;
        }
        let (least, most) = self.plan.gap;
        self.faults.next = self.now + self.dice.from(least, most);
        let Some(fault) = self.dice.one(&self.plan.faults) else { return };
        let (least, most) = self.plan.lasts;
        let until = self.now + self.dice.from(least, most);
        if let Some(host) = self.begin(fault) {
            self.trace.say(self.now, format_args!("{fault:?} of host {host} until {until}"));
            if fault != Fault::PowerLossInWrite {
                self.tally.add(name(fault), 1);
            }
            if fault != Fault::PowerLossInWrite {
                self.faults.now.push((until, fault, host));
            }
        }
    }

    /// Ends all faults.
    pub(crate) fn calm(&mut self) {
        for (_, fault, host) in std::mem::take(&mut self.faults.now) {
            self.undo(fault, host);
        }
        self.net.block(Vec::new());
        self.net.set_weather(self.plan.weather);
        for host in 0..self.hosts.len() {
            self.undo(Fault::FullDisk, host);
            self.undo(Fault::Pause, host);
            self.restart(host);
        }
    }

    /// Begins a fault, and tells of which host; none if it cannot happen now.
    fn begin(&mut self, fault: Fault) -> Option<usize> {
        let up: Vec<usize> = self.hosts_that_run();
        let members: Vec<usize> = self.hosts_in_use();
        let any = self.dice.one(&up)?;
        let dear = match self.leader() {
            Some(leader) if self.dice.chance(60) => leader,
            _ => any,
        };
        if cuts(fault) && self.faults.now.iter().any(|(_, other, _)| cuts(*other)) {
            return None;
        }
        match fault {
            Fault::Kill => self.end(dear, None),
            Fault::PowerLoss => {
                let seed = self.dice.seed();
                self.end(dear, Some(seed));
            }
            Fault::PowerLossOfAll => {
                for host in up {
                    let seed = self.dice.seed();
                    self.end(host, Some(seed));
                }
            }
            Fault::PowerLossInWrite => {
                let operations = self.dice.below(40);
                self.hosts[any].process.as_ref()?.disk.power_off_after(operations);
            }
            Fault::Isolation => self.block(|a, b| (a == dear) != (b == dear)),
            Fault::Deaf => self.block(|_, b| b == dear),
            Fault::Mute => self.block(|a, _| a == dear),
            Fault::Split | Fault::Bridge => {
                let mut sides = members;
                self.dice.shuffle(&mut sides);
                let half = sides.split_off(sides.len() / 2);
                let bridge = half.first().copied().filter(|_| fault == Fault::Bridge);
                self.block(|a, b| {
                    half.contains(&a) != half.contains(&b) && bridge != Some(a) && bridge != Some(b)
                });
            }
            Fault::Resets => {
                let percent = self.dice.from(10, 100);
                self.net.reset(percent);
            }
            Fault::Loss => {
                let loss = self.dice.from(1, 30);
                self.net.set_weather(Weather { loss, ..self.plan.weather });
            }
            Fault::SlowNetwork => {
                let delay = self.dice.from(20, 250);
                self.net.set_weather(Weather { delay, jitter: delay / 2, loss: 0 });
            }
            Fault::Pause => self.hosts[dear].paused = true,
            Fault::SlowDisk => {
                let delay = self.dice.from(20, 400);
                self.hosts[dear].process.as_ref()?.disk.set_delay(delay);
            }
            Fault::FullDisk => {
                let room = usize::try_from(self.dice.below(3_000)).unwrap_or(0);
                self.fill(dear, room);
            }
            Fault::BrokenDisk => self.hosts[any].platter.set_sync_fails(true),
            Fault::ClockJump => {
                let off = i64::try_from(self.dice.below(7_200_000)).unwrap_or(0) - 3_600_000;
                self.hosts[any].off.store(off, Ordering::SeqCst);
            }
            Fault::Join => return self.join(),
            Fault::Leave => return self.leave(),
        }
        Some(if up_only(fault) { any } else { dear })
    }

    fn undo(&mut self, fault: Fault, host: usize) {
        match fault {
            Fault::Kill | Fault::PowerLoss | Fault::PowerLossInWrite => self.restart(host),
            Fault::PowerLossOfAll => (0..self.hosts.len()).for_each(|host| self.restart(host)),
            Fault::Isolation | Fault::Split | Fault::Deaf | Fault::Mute | Fault::Bridge => {
                self.net.block(Vec::new());
            }
            Fault::Loss | Fault::SlowNetwork => self.net.set_weather(self.plan.weather),
            Fault::Pause => self.hosts[host].paused = false,
            Fault::SlowDisk => {
                if let Some(process) = &self.hosts[host].process {
                    process.disk.set_delay(self.plan.disk);
                }
            }
            Fault::FullDisk => self.hosts[host].platter.set_capacity(None),
            Fault::BrokenDisk => {
                self.hosts[host].platter.set_sync_fails(false);
                // Nobody knows what it wrote: what was not synced is gone with its process.
                let seed = self.dice.seed();
                self.end(host, Some(seed));
                self.restart(host);
            }
            Fault::Resets | Fault::ClockJump | Fault::Join | Fault::Leave => {}
        }
    }

    fn block(&mut self, blocked: impl Fn(usize, usize) -> bool) {
        let hosts = 0..self.hosts.len();
        let ways = hosts.clone().flat_map(|a| hosts.clone().map(move |b| (a, b)));
        self.net.block(ways.filter(|(a, b)| a != b && blocked(*a, *b)).collect());
    }
}

/// Whether a fault blocks ways of the network: one of these at a time.
fn cuts(fault: Fault) -> bool {
    matches!(fault, Fault::Isolation | Fault::Split | Fault::Deaf | Fault::Mute | Fault::Bridge)
}

/// Whether a fault strikes any host, the leader no more often than others.
fn up_only(fault: Fault) -> bool {
    matches!(fault, Fault::PowerLossInWrite | Fault::BrokenDisk | Fault::ClockJump)
}

/// What a fault is called where it is counted.
pub(crate) fn name(fault: Fault) -> &'static str {
    match fault {
        Fault::Kill => "fault: process killed",
        Fault::PowerLoss => "fault: power lost",
        Fault::PowerLossInWrite => "fault: power lost while writing",
        Fault::PowerLossOfAll => "fault: power of all lost",
        Fault::Isolation => "fault: host isolated",
        Fault::Split => "fault: network split",
        Fault::Deaf => "fault: host hears nobody",
        Fault::Mute => "fault: nobody hears a host",
        Fault::Bridge => "fault: network with a bridge",
        Fault::Resets => "fault: connections broken",
        Fault::Loss => "fault: segments lost",
        Fault::SlowNetwork => "fault: slow network",
        Fault::Pause => "fault: process paused",
        Fault::SlowDisk => "fault: slow disk",
        Fault::FullDisk => "fault: full disk",
        Fault::BrokenDisk => "fault: broken disk",
        Fault::ClockJump => "fault: wall clock set",
        Fault::Join => "fault: host joins",
        Fault::Leave => "fault: member let go",
    }
}

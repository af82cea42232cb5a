//! A host: a disk, clocks, and while it runs a process, which is an executor of its own. Ending a process is dropping
//! its executor; stopping it for a while is not letting it run.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicI64},
    time::Duration,
};

use kailash_core::{Result, Text, log::Disk, testing::SimulatedDisk};
use kailash_edge::coordinate::{Compaction, Coordinator, Settings, net::serve_connection};
use tokio::{runtime::Runtime, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    clock::HostClock,
    disk::{Lies, Used},
    net::Net,
};

/// How a host is made.
#[derive(Clone, Debug)]
pub(crate) struct Make {
    pub(crate) compaction: Compaction,
    pub(crate) lies: Lies,
}

/// A host.
pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) platter: SimulatedDisk,
    pub(crate) process: Option<Process>,
    pub(crate) off: Arc<AtomicI64>,
    /// How fast its monotonic clock goes, in thousandths of what it should.
    pub(crate) rate: u64,
    /// Since when it does not run, if it is stopped for a while.
    pub(crate) paused: bool,
    make: Make,
}

/// A running process.
pub(crate) struct Process {
    pub(crate) coordinator: Coordinator,
    pub(crate) disk: Used,
    runtime: Runtime,
    /// When it began, by the clock of the world and by its own.
    began: (u64, Instant),
}

/// The address of host `number`.
pub(crate) fn address(number: usize) -> Text {
    format!("h{number}").into()
}

impl Host {
    pub(crate) fn new(number: usize, rate: u64, make: Make) -> Self {
        let (platter, off) = (SimulatedDisk::default(), Arc::default());
        Self { number, platter, process: None, off, rate, paused: false, make }
    }

    pub(crate) fn coordinator(&self) -> Option<&Coordinator> {
        self.process.as_ref().map(|process| &process.coordinator)
    }

    /// Begins a process with what is on the disk.
    pub(crate) fn start(&mut self, net: &Net, now: u64, seed: u64) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let runtime = runtime.expect("an executor needs nothing");
        let disk = Used::new(self.platter.clone(), self.make.lies, seed);
        let settings = Settings {
            host: address(self.number),
            address: address(self.number),
            token: "a token of the simulation".to_owned(),
            compaction: self.make.compaction,
            ..Settings::default()
        };
        let dial = net.dial(self.number);
        let (opened, began) = runtime.block_on(async {
            let clock = Arc::new(HostClock::new(Arc::clone(&self.off)));
            (Coordinator::open(Arc::new(disk.clone()), settings, dial, clock).await, Instant::now())
        });
        let (coordinator, service) = opened?;
        runtime.spawn(service.run(CancellationToken::new()));
        let (incoming, answering) = (net.listen(self.number), Arc::new(coordinator.clone()));
        runtime.spawn(async move {
            loop {
                tokio::spawn(serve_connection(incoming.next().await, Arc::clone(&answering)));
            }
        });
        self.paused = false;
        self.process = Some(Process { coordinator, disk, runtime, began: (now, began) });
        Ok(())
    }

    /// Ends the process as it is. With the `power` everything goes that was not synced.
    pub(crate) fn end(&mut self, net: &Net, power: Option<u64>) {
        let Some(process) = self.process.take() else { return };
        let tripped = process.disk.after_power_off();
        process.disk.detach();
        if let Some(left) = tripped.or_else(|| power.map(|seed| self.platter.after_power_loss(seed))) {
            self.platter = left;
        }
        net.gone(self.number, power.is_some());
        let Process { runtime, coordinator, .. } = process;
        drop(runtime);
        drop(coordinator);
    }

    /// How many bytes its files have.
    pub(crate) fn used(&self) -> usize {
        let names = self.platter.list().unwrap_or_default();
        let sizes = names.iter().filter_map(|name| self.platter.open(name).and_then(|file| file.size()).ok());
        usize::try_from(sizes.sum::<u64>()).unwrap_or(usize::MAX)
    }

    /// Leaves nothing on the disk but who this is.
    pub(crate) fn wipe(&self) {
        for name in self.platter.list().unwrap_or_default().iter().filter(|name| !name.starts_with("member."))
        {
            self.platter.remove(name).expect("a simulated disk removes files");
        }
    }

    /// Lets the process run until the clock of the world is `now`.
    pub(crate) fn run_until(&self, now: u64) {
        if self.paused {
            return;
        }
        let Some(process) = &self.process else { return };
        let (world, own) = process.began;
        let until = own + Duration::from_millis((now - world) * self.rate / 1000);
        process.runtime.block_on(async {
            let behind = until.saturating_duration_since(Instant::now());
            if behind > Duration::from_millis(20) {
                // It stood still: its clocks went on.
                tokio::time::advance(behind - Duration::from_millis(1)).await;
            }
            tokio::time::sleep_until(until).await;
            // What the last tick woke is done now.
            tokio::task::yield_now().await;
        });
    }

    /// Begins work in the process. What becomes of it is told when it is done; never if the process ends before.
    pub(crate) fn ask<T, F>(&self, work: impl FnOnce(Coordinator) -> F) -> Option<Asked<T>>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let process = self.process.as_ref()?;
        let asked = Asked(Arc::default());
        let (answer, work) = (Arc::clone(&asked.0), work(process.coordinator.clone()));
        process.runtime.spawn(async move {
            let told = work.await;
            *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(told);
        });
        Some(asked)
    }
}

/// Work that was begun in a process.
pub(crate) struct Asked<T>(Arc<Mutex<Option<T>>>);

impl<T> Asked<T> {
    /// What became of it, once.
    pub(crate) fn told(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether nobody will ever tell.
    pub(crate) fn is_lost(&self) -> bool {
        Arc::strong_count(&self.0) == 1 && self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

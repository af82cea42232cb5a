//! The network between hosts: streams of bytes with delays, holes in between, and connections that break.
//!
//! ```text
//! host a ── write ──> segments, each with the time of its arrival ──(unless the way is blocked)──> read ── host b
//! ```
//! As under TCP nothing that was sent is lost or overtaken on a connection that holds: loss is delay, and a way that is
//! blocked holds everything back until it is free again or somebody gives up.

mod connection;
mod wire;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::Text;
use kailash_edge::coordinate::net::{Dial, Wire as AnyWire};

use self::connection::{Connection, Segment};
pub(crate) use self::wire::{Incoming, Wire};
use crate::dice::Dice;

/// How long a lost segment waits until it is sent again, in ms.
const RESEND: u64 = 200;

/// How segments travel at present.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// The shortest delay, in ms.
    pub(crate) delay: u64,
    /// How much longer it may be, in ms.
    pub(crate) jitter: u64,
    /// How many of a hundred segments are lost and sent again.
    pub(crate) loss: u64,
}

/// What happened, for the trace.
#[derive(Default)]
pub(crate) struct Counted {
    /// Segments that arrived.
    pub(crate) arrived: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Segments that were lost and sent again.
    pub(crate) lost: u64,
    /// Segments that were due when their way was blocked.
    pub(crate) held: u64,
    /// Connections that broke.
    pub(crate) reset: u64,
}

/// The network. Clones are the same.
#[derive(Clone)]
pub(crate) struct Net(Arc<Mutex<State>>);

struct State {
    dice: Dice,
    now: u64,
    weather: Weather,
    next: u64,
    connections: BTreeMap<u64, Connection>,
    hosts: BTreeMap<usize, Host>,
    /// Ways from one host to another on which nothing arrives.
    blocked: Vec<(usize, usize)>,
    counted: Counted,
}

/// What the network knows of a host.
struct Host {
    /// Whether its operating system answers.
    powered: bool,
    /// Where connections to it come in, while its process listens.
    incoming: Option<Incoming>,
}

impl Net {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        let state = State {
            dice: Dice::new(seed),
            now: 0,
            weather,
            next: 0,
            connections: BTreeMap::new(),
            hosts: BTreeMap::new(),
            blocked: Vec::new(),
            counted: Counted::default(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the process on `host` listen.
    pub(crate) fn listen(&self, host: usize) -> Incoming {
        let incoming = Incoming::default();
        let open = Host { powered: true, incoming: Some(incoming.clone()) };
        self.lock().hosts.insert(host, open);
        incoming
    }

    /// The process on `host` is gone, or with its `power` the whole host.
    pub(crate) fn gone(&self, host: usize, power: bool) {
        let mut state = self.lock();
        let State { connections, hosts, now, .. } = &mut *state;
        let before = hosts.insert(host, Host { powered: !power, incoming: None });
        for connection in connections.values_mut() {
            connection.gone(host, power, *now);
        }
        drop(state);
        // What came in and nobody took is dropped, which needs the network.
        drop(before);
    }

    /// Makes connections from `host`.
    pub(crate) fn dial(&self, host: usize) -> Dial {
        let net = self.clone();
        Arc::new(move |address: Text| {
            let net = net.clone();
            Box::pin(async move {
                let to = address.strip_prefix('h').and_then(|number| number.parse().ok());
                let to = to.ok_or(io::ErrorKind::AddrNotAvailable)?;
                let wire = net.connect(host, to);
                wire.established().await?;
                Ok(Box::new(wire) as Box<dyn AnyWire>)
            })
        })
    }

    fn connect(&self, from: usize, to: usize) -> Wire {
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.connections.insert(id, Connection::new([from, to]));
        state.send(id, 0, Segment::Open);
        drop(state);
        Wire::new(self.clone(), id, 0)
    }

    /// Lets arrive what is due at `now`.
    pub(crate) fn deliver(&self, now: u64) {
        let mut state = self.lock();
        state.now = now;
        let ids: Vec<u64> = state.connections.keys().copied().collect();
        for id in ids {
            for side in [0, 1] {
                while let Some(segment) = state.due(id, side) {
                    let net = self.clone();
                    state.arrive(id, side, segment, || Wire::new(net, id, 1));
                }
            }
        }
        state.connections.retain(|_, connection| !connection.is_over());
    }

    /// Blocks exactly these ways from now on.
    pub(crate) fn block(&self, ways: Vec<(usize, usize)>) {
        let mut state = self.lock();
        let State { connections, blocked, dice, now, .. } = &mut *state;
        let freed: Vec<_> = blocked.iter().filter(|way| !ways.contains(way)).copied().collect();
        for connection in connections.values_mut() {
            // What was held back is sent again some time after the way is free.
            connection.delay(&freed, *now + dice.below(RESEND));
        }
        *blocked = ways;
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.lock().weather = weather;
    }

    /// Breaks about as many of a hundred connections.
    pub(crate) fn reset(&self, percent: u64) {
        let mut state = self.lock();
        let State { connections, dice, counted, .. } = &mut *state;
        for connection in connections.values_mut() {
            if dice.chance(percent) {
                counted.reset += 1;
                connection.break_now();
            }
        }
    }

    /// What happened since this was asked last.
    pub(crate) fn take_counted(&self) -> Counted {
        std::mem::take(&mut self.lock().counted)
    }
}

impl State {
    /// Sends a segment from `side` of a connection.
    fn send(&mut self, id: u64, side: usize, segment: Segment) {
        let Weather { delay, jitter, loss } = self.weather;
        let mut at = self.now + delay + self.dice.below(jitter + 1);
        while self.dice.chance(loss.min(90)) {
            self.counted.lost += 1;
            at += RESEND;
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.send(side, at, segment);
        }
    }

    /// The next segment that was sent from `side` and arrives now.
    fn due(&mut self, id: u64, side: usize) -> Option<Segment> {
        let connection = self.connections.get_mut(&id)?;
        let blocked = self.blocked.contains(&connection.way(side));
        if blocked {
            self.counted.held += u64::from(connection.holds(side, self.now));
            return None;
        }
        connection.due(side, self.now)
    }

    /// Lets a segment arrive that was sent from `side`.
    fn arrive(&mut self, id: u64, side: usize, segment: Segment, wire: impl FnOnce() -> Wire) {
        self.counted.arrived += 1;
        self.counted.bytes += segment.len();
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let (_, to) = connection.way(side);
        let host = self.hosts.get(&to);
        if matches!(segment, Segment::Open) {
            match host {
                Some(Host { incoming: Some(incoming), .. }) => {
                    connection.accept();
                    incoming.push(wire());
                    self.send(id, 1, Segment::Opened);
                }
                Some(Host { powered: true, .. }) => self.send(id, 1, Segment::Reset),
                _ => {}
            }
        } else if !connection.arrive(side, segment) && host.is_some_and(|host| host.powered) {
            // Nobody there knows this connection any more.
            self.send(id, 1 - side, Segment::Reset);
        }
    }
}

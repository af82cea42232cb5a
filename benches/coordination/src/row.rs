//! What a row of the bench sends: clients, to whom, keys and values.

/// How many keys there are.
pub(crate) const KEYS: u64 = 10_000;
/// How long a value is.
pub(crate) const VALUE: usize = 256;

/// A number of clients, each with a connection of its own.
pub(crate) struct Row {
    pub(crate) clients: usize,
    /// Whether they are spread over all members, or all with the leader.
    pub(crate) spread: bool,
}

impl Row {
    const ALL: [Self; 4] = [
        Self { clients: 1, spread: false },
        Self { clients: 16, spread: false },
        Self { clients: 64, spread: false },
        Self { clients: 64, spread: true },
    ];

    /// Those that are wanted.
    pub(crate) fn wanted(clients: Option<usize>) -> Vec<Self> {
        let wanted = |row: &Self| clients.is_none_or(|clients| clients == row.clients);
        Self::ALL.into_iter().filter(wanted).collect()
    }

    pub(crate) fn to(&self) -> &'static str {
        if self.spread { "all members" } else { "the leader" }
    }
}

/// The keys of one client, the same in every round and for every system.
pub(crate) struct Keys(u64);

impl Keys {
    pub(crate) fn of(client: usize) -> Self {
        Self(client as u64 + 1)
    }
}

impl Iterator for Keys {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        // Knuth's linear congruential generator, of which the high bits are drawn from.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(key((self.0 >> 33) % KEYS))
    }
}

pub(crate) fn key(number: u64) -> String {
    format!("key-{number:06}")
}

/// A value that tells which one it is.
pub(crate) fn value(number: u64) -> String {
    format!("{number:0VALUE$}")
}

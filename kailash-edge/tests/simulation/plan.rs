//! What a world is like: everything follows from its seed.

use kailash_edge::coordinate::Compaction;

use crate::{
    dice::Dice,
    disk::Lies,
    faults::{ALL, Fault},
    host::Make,
    net::Weather,
};

/// What is wrong on purpose, to see that it is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The disk says that the log is synced, and it is not.
    LogIsNotSynced,
    /// The disk says that a vote is synced, and it is not.
    VoteIsNotSynced,
    /// Clients take what their own host has for what is there.
    ReadsAreStale,
    /// The resource under a lease takes any token.
    TokensAreNotChecked,
    /// A host whose power went off begins with an empty disk, under the name that it had.
    DisksAreWiped,
}

/// How many kinds of faults a short life has.
const SHORT: usize = 5;

/// What a world is like.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) members: usize,
    pub(crate) clients: usize,
    /// How many entries each are registers and lists, and how many leases there are.
    pub(crate) registers: u64,
    pub(crate) lists: u64,
    pub(crate) leases: u64,
    /// How long a lease lasts that is not renewed, in ms.
    pub(crate) ttl: u64,
    /// How long a client waits at most before it asks for something, in ms.
    pub(crate) think: u64,
    /// How long faults happen, in ms.
    pub(crate) safety: u64,
    /// How long until the next fault, in ms: from, to.
    pub(crate) gap: (u64, u64),
    /// How long a fault lasts, in ms: from, to.
    pub(crate) lasts: (u64, u64),
    pub(crate) weather: Weather,
    /// How long writing the log takes, in ms.
    pub(crate) disk: u64,
    /// How far monotonic clocks may be from the right speed, in thousandths.
    pub(crate) drift: u64,
    pub(crate) faults: Vec<Fault>,
    pub(crate) make: Make,
    pub(crate) mutant: Option<Mutant>,
}

impl Plan {
    /// A long life with some kinds of faults, not all: what one of them hides another world shows.
    pub(crate) fn long(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let mut faults = ALL.to_vec();
        dice.shuffle(&mut faults);
        faults.truncate(usize::try_from(dice.from(3, 9)).unwrap_or(3));
        Self::of(&mut dice, faults, None)
    }

    /// A short life: a few of them meet every kind of fault.
    pub(crate) fn short(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let begin = usize::try_from(seed).unwrap_or(0) * SHORT % ALL.len();
        let faults: Vec<Fault> = ALL.iter().cycle().skip(begin).take(SHORT).copied().collect();
        let come_and_go = faults.contains(&Fault::Leave);
        let plan = Self::of(&mut dice, faults, None);
        Self {
            members: if come_and_go { 4 } else { 3 },
            safety: 5_000,
            gap: (30, 450),
            lasts: (50, 700),
            ..plan
        }
    }

    /// A short life in which something is wrong on purpose, with the faults that show it.
    pub(crate) fn wrong(seed: u64, mutant: Mutant) -> Self {
        let mut dice = Dice::new(seed ^ 0x5EED);
        let faults = match mutant {
            Mutant::LogIsNotSynced => vec![Fault::PowerLossOfAll],
            Mutant::VoteIsNotSynced | Mutant::DisksAreWiped => vec![Fault::PowerLoss, Fault::Isolation],
            Mutant::ReadsAreStale => vec![Fault::SlowNetwork, Fault::Deaf, Fault::Isolation],
            Mutant::TokensAreNotChecked => vec![Fault::Pause],
        };
        let plan = Self::of(&mut dice, faults, Some(mutant));
        Self { members: 3, safety: 4_000, gap: (50, 700), lasts: (300, 1_500), ttl: 300, think: 20, ..plan }
    }

    /// What follows from dice.
    fn of(dice: &mut Dice, faults: Vec<Fault>, mutant: Option<Mutant>) -> Self {
        let lies = match mutant {
            Some(Mutant::LogIsNotSynced) => Lies::Ending(".log"),
            Some(Mutant::VoteIsNotSynced) => Lies::Beginning("vote."),
            _ => Lies::Never,
        };
        let compaction = Compaction {
            changes: usize::try_from(dice.from(2, 64)).unwrap_or(2) << 10,
            log: dice.from(4, 64) << 10,
            keep: dice.below(60),
            segment: dice.from(1, 16) << 10,
        };
        Self {
            members: if dice.chance(70) { 3 } else { 5 },
            clients: usize::try_from(dice.from(3, 7)).unwrap_or(3),
            registers: dice.from(1, 4),
            lists: dice.from(1, 2),
            leases: dice.from(1, 3),
            ttl: dice.from(200, 2500),
            think: dice.from(1, 120),
            safety: dice.from(8_000, 20_000),
            gap: (dice.below(500), dice.from(1_000, 4_000)),
            lasts: (dice.from(20, 400), dice.from(500, 5_000)),
            weather: Weather { delay: dice.from(0, 4), jitter: dice.below(8), loss: 0 },
            disk: dice.below(4),
            drift: if dice.chance(30) { 50 } else { 0 },
            faults,
            make: Make { compaction, lies },
            mutant,
        }
    }
}

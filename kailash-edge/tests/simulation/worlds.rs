//! Many worlds, one after the other.

use std::time::{Duration, Instant};

use crate::{
    faults::{ALL, name},
    plan::Plan,
    tally::Tally,
    world,
};

/// How many short worlds there are where nobody asks for long ones: together they meet every kind of fault, if not
/// everything that follows from one.
const SHORT: u64 = 7;

/// Seeds of long worlds in which something was wrong that is mended: they are always tried.
const MENDED: &[u64] = &[];

/// How many of a hundred worlds may be too much disturbed to say anything.
const USELESS: u64 = 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Tries a world, and tells how to see it again if something is wrong.
fn try_world(seed: u64, plan: Plan) -> Tally {
    let report = world::run(seed, plan);
    if let Some(violation) = report.violation {
        println!("{}", report.last);
        panic!("seed {seed}: {violation}\nsee it again: KAILASH_SEED={seed} KAILASH_SEEDS=1 KAILASH_TRACE=1");
    }
    report.tally
}

/// Refuses worlds in which a kind of fault did not really happen.
fn check_faults(tally: &Tally) {
    for fault in ALL {
        assert!(tally.of(name(fault)) > 0, "no {}\n{tally}", name(fault));
    }
    assert!(tally.of("segments held back") > 0, "nothing was held back\n{tally}");
}

/// Refuses worlds in which nothing happened that proves something.
fn check_coverage(tally: &Tally) {
    for what in [
        "connections reset",
        "leases lapsed",
        "writes under a lease",
        "writes refused by the fence",
        "accesses with an older token refused",
        "operations of unknown outcome",
        "items found in lists at the end",
        "members joined",
        "members left",
        "snapshots made",
        "logs purged",
    ] {
        assert!(tally.of(what) > 0, "no {what}\n{tally}");
    }
    let useless = tally.of("worlds with too little load");
    assert!(useless * 100 <= tally.of("worlds") * USELESS, "{useless} worlds had too little load\n{tally}");
}

/// Tries the worlds that the environment asks for.
fn try_long(first: u64, seeds: Option<u64>, seconds: Option<u64>) -> Tally {
    let began = Instant::now();
    let mut tally = Tally::default();
    for seed in first..first.saturating_add(seeds.unwrap_or(u64::MAX - first)) {
        if seconds.is_some_and(|seconds| began.elapsed() > Duration::from_secs(seconds)) {
            break;
        }
        tally.merge(&try_world(seed, Plan::long(seed)));
        println!("seed {seed} is fine, {} s", began.elapsed().as_secs());
    }
    tally
}

#[test]
fn whatever_goes_wrong_what_was_told_is_true() {
    let (seeds, seconds) = (number("KAILASH_SEEDS"), number("KAILASH_SECONDS"));
    let mut tally = Tally::default();
    if seeds.is_some() || seconds.is_some() {
        tally.merge(&try_long(number("KAILASH_SEED").unwrap_or(1), seeds, seconds));
    } else {
        (0..SHORT).for_each(|seed| tally.merge(&try_world(seed, Plan::short(seed))));
        MENDED.iter().for_each(|seed| tally.merge(&try_world(*seed, Plan::long(*seed))));
    }
    println!("{tally}");
    // One world, or few of them, are asked for to look at them.
    if seeds.is_none() && seconds.is_none() || tally.of("worlds") >= 100 {
        check_faults(&tally);
    }
    if tally.of("worlds") >= 100 {
        check_coverage(&tally);
    }
}

#[test]
fn a_world_of_the_same_seed_is_the_same() {
    let run = || world::run(2, Plan { safety: 2_500, ..Plan::short(2) });
    let (one, other) = (run(), run());
    assert!(one.tally.of("operations answered") > 20, "{}", one.tally);
    assert_eq!(one.hash, other.hash, "{}\n\n{}", one.last, other.last);
    assert_ne!(one.hash, world::run(3, Plan { safety: 100, ..Plan::short(2) }).hash);
}

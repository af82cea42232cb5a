//! Something is wrong on purpose: somebody must notice within a few worlds.

use crate::{
    plan::{Mutant, Plan},
    world,
};

/// In how many worlds it must be noticed.
const WORLDS: u64 = 8;

/// What is noticed, and in which world.
fn noticed(mutant: Mutant) -> String {
    let found = (1..=WORLDS)
        .find_map(|seed| world::run(seed, Plan::wrong(seed, mutant)).violation.map(|what| (seed, what)));
    let (seed, what) = found.expect("something is wrong and nobody notices");
    println!("{mutant:?} is noticed in world {seed}: {what}");
    what
}

#[test]
fn a_disk_that_does_not_sync_the_log_is_noticed() {
    noticed(Mutant::LogIsNotSynced);
}

#[test]
fn a_disk_that_does_not_sync_votes_is_noticed() {
    noticed(Mutant::VoteIsNotSynced);
}

#[test]
fn members_that_forget_everything_and_keep_their_names_are_noticed() {
    noticed(Mutant::DisksAreWiped);
}

#[test]
fn reads_from_any_member_without_asking_the_leader_are_noticed() {
    assert!(noticed(Mutant::ReadsAreStale).contains("not linearizable"));
}

#[test]
fn a_resource_that_does_not_check_tokens_is_noticed() {
    assert!(noticed(Mutant::TokensAreNotChecked).contains("was let in after"));
}

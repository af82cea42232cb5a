//! Sagas under power losses: every deed under one key, compensations in reverse order, never both ends.

#![expect(clippy::print_stdout, reason = "how many losses there were is told beside the result")]

use std::{cell::Cell, sync::Arc};

use kailash::{
    Error, Journal, LocalRuntime, ParallelRuntime, Params, Results, RunError, RunStatus, Runtime, Settings,
    Value, Workflow,
    exec::MemoryBlobStore,
    log::{LogSettings, SegmentRunLog},
    value,
};
use kailash_core::testing::SimulatedDisk;

use super::world::{World, booking, deed, saga};

/// How many power losses a test wants to see in each runtime.
const WANTED: u32 = 60;

fn journal(disk: &SimulatedDisk) -> Journal {
    let log = SegmentRunLog::open(disk.clone(), LogSettings::default()).expect("the disk is sound");
    Journal::new(Arc::new(log), Arc::new(MemoryBlobStore::default()))
}

fn runtime(which: usize, world: &World, journal: &Journal) -> Arc<dyn Runtime> {
    let settings = Settings { journal: Some(journal.clone()), ..Settings::default() };
    if which == 0 {
        Arc::new(LocalRuntime::with_settings(world.services(), settings).expect("settings"))
    } else {
        Arc::new(ParallelRuntime::with_settings(world.services(), settings).expect("settings"))
    }
}

/// How a run ended that lost power on its way.
struct Ended {
    /// What it gave, or failed with; none if its beginning was never durable.
    outcome: Option<Result<Results, Error>>,
    losses: u32,
}

/// Runs until `moments` syncs have happened each, takes what a power loss would leave of the disk, and goes on from that in
/// another process's place.
async fn with_power_losses(
    which: usize,
    workflow: &Workflow,
    world: &World,
    moments: &[u64],
    seed: u64,
) -> Ended {
    let told = |outcome: Result<(Results, kailash::RunId), RunError>| match outcome {
        Ok((results, _)) => Some(Ok(results)),
        Err(RunError::Unfinished(unfinished)) if unfinished.status == RunStatus::Failed => {
            Some(Err(unfinished.error))
        }
        Err(error) => panic!("seed {seed}: it comes to its end, whatever happens: {error}"),
    };
    let mut disk = SimulatedDisk::default();
    let mut kept = journal(&disk);
    let mut handle = runtime(which, world, &kept).start(workflow, Params::new()).expect("it begins");
    let run = handle.id();
    let mut losses = 0;
    for (n, moment) in moments.iter().enumerate() {
        let mut events = handle.events().expect("nobody took them");
        let control = handle.control();
        let mut outcome = std::pin::pin!(handle.into_future());
        let before = disk.syncs();
        let ended = loop {
            if disk.syncs() >= before + moment {
                break None;
            }
            tokio::select! {
                outcome = &mut outcome => break Some(outcome),
                event = events.next() => drop(event),
            }
        };
        if let Some(outcome) = ended {
            return Ended { outcome: told(outcome), losses };
        }
        losses += 1;
        disk = disk.after_power_loss(seed.wrapping_add(n as u64));
        control.cancel();
        drop(outcome.await);
        kept = journal(&disk);
        match kept.past(run).await {
            Ok(past) if past.end().is_none() => {
                handle = runtime(which, world, &kept).resume(workflow, past).expect("it goes on");
            }
            Ok(past) => {
                let end = past.end().expect("it has ended").clone();
                let outcome = if end.status == RunStatus::Completed {
                    Ok(runtime(which, world, &kept).recall(workflow, past).expect("it is recalled"))
                } else {
                    assert_eq!(end.status, RunStatus::Failed, "seed {seed}");
                    Err(end.error.expect("a failure has a reason"))
                };
                return Ended { outcome: Some(outcome), losses };
            }
            Err(error) => {
                assert_eq!(error.code(), "run.unknown", "only a run that was never durable is unknown");
                return Ended { outcome: None, losses };
            }
        }
    }
    Ended { outcome: told(handle.await), losses }
}

/// Checks sagas that lose power at many moments: as many of them as it takes to see enough losses.
async fn check(workflow: &Workflow, ended: impl Fn(&Result<Results, Error>, &[&str], u64)) {
    for which in 0..2 {
        let losses = Cell::new(0);
        for seed in (0..5000_u64).take_while(|seed| *seed < 60 || losses.get() < WANTED) {
            let world = World::default();
            let moments = [1 + seed % 9, 1 + seed / 9 % 5, 1 + seed / 45 % 3];
            let end = with_power_losses(which, workflow, &world, &moments, seed).await;
            losses.set(losses.get() + end.losses);
            let counted = world.counted();
            let Some(outcome) = end.outcome else {
                assert!(counted.is_empty(), "what was never durable never acted");
                continue;
            };
            for (what, keys) in &counted {
                assert_eq!(*keys, 1, "seed {seed}: `{what}` was done under one key");
            }
            let deeds: Vec<&str> = counted.iter().map(|(what, _)| what.as_str()).collect();
            ended(&outcome, &deeds, seed);
        }
        let losses = losses.get();
        println!("{losses} power losses");
        assert!(losses >= WANTED, "{losses} power losses are too few to tell");
    }
}

/// What a saga gave that completes, by one branch or the other.
fn taken(outcome: &Result<Results, Error>, seed: u64) -> &Results {
    outcome.as_ref().unwrap_or_else(|error| panic!("seed {seed}: a branch is taken: {error}"))
}

fn compensated(results: &Results) -> Option<&Value> {
    results.get("ill", "result").and_then(|given| given.get("compensated"))
}

const TAKEN_BACK: [&str; 6] =
    ["car", "hotel", "bus", "cancel of \"bus\"", "cancel of \"hotel\"", "cancel of \"car\""];

fn pay(action: Value) -> Value {
    value!({"id": "pay", "action": action})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_power_goes_off_a_saga_completes_with_each_step_once() {
    let workflow = saga(vec![booking("car"), booking("hotel"), pay(deed("pay"))], "branch");
    check(&workflow, |outcome, deeds, seed| {
        let results = taken(outcome, seed);
        assert_eq!(deeds, ["car", "hotel", "pay"], "seed {seed}");
        assert!(results.get("well", "result").is_some() && compensated(results).is_none(), "seed {seed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_power_goes_off_a_saga_is_taken_back_in_reverse_order_and_once() {
    let refused = super::world::refused("pay");
    let workflow = saga(vec![booking("car"), booking("hotel"), booking("bus"), pay(refused)], "branch");
    check(&workflow, |outcome, deeds, seed| {
        let results = taken(outcome, seed);
        assert_eq!(deeds, TAKEN_BACK, "seed {seed}");
        assert_eq!(compensated(results), Some(&value!(["bus", "hotel", "car"])), "seed {seed}");
        assert!(results.get("well", "result").is_none(), "seed {seed}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saga_never_ends_both_ways_though_a_step_answers_differently_after_a_loss() {
    let whim = value!({"type": "Deed", "config": {"what": "pay", "whim": true}});
    let workflow = saga(vec![booking("car"), booking("hotel"), booking("bus"), pay(whim)], "branch");
    let ways = Cell::new((0, 0));
    check(&workflow, |outcome, deeds, seed| {
        let results = taken(outcome, seed);
        let (well, ill) = ways.get();
        if let Some(compensated) = compensated(results) {
            ways.set((well, ill + 1));
            assert!(results.get("well", "result").is_none(), "seed {seed}");
            assert_eq!(*compensated, value!(["bus", "hotel", "car"]), "seed {seed}");
            assert_eq!(deeds, TAKEN_BACK, "seed {seed}: nothing was paid");
        } else {
            ways.set((well + 1, ill));
            assert!(results.get("well", "result").is_some(), "seed {seed}");
            assert_eq!(deeds, ["car", "hotel", "bus", "pay"], "seed {seed}: nothing was taken back");
        }
    })
    .await;
    let (well, ill) = ways.get();
    println!("{well} completed, {ill} taken back");
    assert!(ill > 0, "some are taken back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_action_that_nobody_can_be_sure_of_is_not_repeated_and_leaves_the_saga_in_doubt() {
    let blind = value!({"type": "Deed", "config": {"what": "pay", "keyed": false}});
    let workflow = saga(vec![booking("car"), pay(blind)], "branch");
    let doubts = Cell::new(0);
    check(&workflow, |outcome, deeds, seed| {
        let Err(error) = outcome else {
            assert_eq!(deeds, ["car", "pay"], "seed {seed}");
            return;
        };
        doubts.set(doubts.get() + 1);
        assert_eq!(error.code(), "saga.in_doubt", "seed {seed}: {error}");
        assert!(error.message().contains("step `pay`"), "seed {seed}: {error}");
        assert_eq!(deeds.last(), Some(&"cancel of \"car\""), "seed {seed}: {deeds:?}");
    })
    .await;
    println!("{} in doubt", doubts.get());
    assert!(doubts.get() > 0, "no power loss fell into the action");
}

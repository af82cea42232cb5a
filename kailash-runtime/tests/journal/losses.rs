//! Power losses and full disks in the midst of runs.

use std::cell::Cell;

use kailash_core::{
    ErrorKind, RunStatus, Value, Workflow, WorkflowBuilder,
    exec::FailurePolicy,
    testing::SimulatedDisk,
    workflow::{CycleDraft, Params},
};
use kailash_runtime::{RunError, Unfinished};

use super::world::{WANTED, World, journal, registry, runtimes};

/// A chain with a cycle in its midst: count -> send -> (turn x 5) -> keyed -> count.
fn workflow(acting: &str) -> Workflow {
    let mut builder = WorkflowBuilder::new("journal");
    builder
        .add_node("Count", "first", Value::Null)
        .add_node(acting, "act", Value::Null)
        .add_node("Count", "turn", Value::Null)
        .add_node("Keyed", "keyed", Value::Null)
        .add_node("Count", "last", Value::Null);
    builder.connect("first.out", "act.x").connect("act.out", "turn.x");
    builder.connect("turn.out", "turn.x").cycle(CycleDraft::new(5));
    builder.connect("turn.out", "keyed.x").connect("keyed.out", "last.x");
    builder.build(&registry()).expect("the workflow is sound")
}

/// What a run of [`workflow`] gives at its end.
const END: i64 = 9;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_leaves_a_journal_that_says_so() {
    for which in 0..2 {
        let (world, disk) = (World::default(), SimulatedDisk::default());
        let journal = journal(&disk);
        let runtime = &runtimes(&world, &journal, false)[which];
        let (results, run) =
            runtime.execute_async(&workflow("Send"), Params::new()).await.expect("the run completes");
        assert_eq!(results.get("last", "out").and_then(Value::as_i64), Some(END));
        let past = journal.past(run).await.expect("the journal knows it");
        assert_eq!(past.end().map(|end| end.status), Some(RunStatus::Completed));
        assert_eq!((past.answered(), past.document().name.as_str()), (9, "journal"));
        let refused = runtime.resume(&workflow("Send"), past).err().expect("it has ended");
        assert_eq!(refused.kind(), ErrorKind::Conflict);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_kept_and_told_again() {
    let (world, disk) = (World::default(), SimulatedDisk::default());
    let journal = journal(&disk);
    let mut builder = WorkflowBuilder::new("broken");
    builder.add_node("Broken", "broken", Value::Null).on_failure(FailurePolicy::Continue);
    let workflow = builder.build(&registry()).expect("sound");
    let ended = runtimes(&world, &journal, false)[0].execute_async(&workflow, Params::new()).await;
    let Err(RunError::Unfinished(ended)) = ended else { panic!("the run fails") };
    let Unfinished { run, .. } = *ended;
    let end = journal.past(run).await.expect("known").end().cloned().expect("ended");
    assert_eq!(end.status, RunStatus::Failed);
    let error = end.error.expect("why");
    assert_eq!((error.code(), error.hint()), ("test.broken", Some("mend it")));
}

/// Runs until `moment` log syncs have happened, takes what a power loss would leave of the disk, and goes on from that
/// in another process's place. Returns how often that had to be done until the run ended.
async fn with_power_losses(
    which: usize,
    acting: &str,
    moments: &[u64],
    seed: u64,
) -> (World, Option<Value>, u32) {
    let world = World::default();
    let workflow = workflow(acting);
    let mut disk = SimulatedDisk::default();
    let mut kept = journal(&disk);
    let mut handle =
        runtimes(&world, &kept, false)[which].start(&workflow, Params::new()).expect("it begins");
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
            return (
                world,
                outcome.ok().and_then(|(results, _)| results.get("last", "out").cloned()),
                losses,
            );
        }
        losses += 1;
        // What the lost process still does nobody sees: its world is not written to any more.
        disk = disk.after_power_loss(seed.wrapping_add(n as u64));
        control.cancel();
        drop(outcome.await);
        kept = journal(&disk);
        let past = match kept.past(run).await {
            Ok(past) if past.end().is_none() => past,
            Ok(past) => {
                let completed = past.end().is_some_and(|end| end.status == RunStatus::Completed);
                return (world, completed.then(|| Value::from(END)), losses);
            }
            Err(error) => {
                assert_eq!(error.code(), "run.unknown", "only a run that was never durable is unknown");
                return (world, None, losses);
            }
        };
        handle = runtimes(&world, &kept, false)[which].resume(&workflow, past).expect("it goes on");
    }
    let outcome = handle.await;
    (world, outcome.ok().and_then(|(results, _)| results.get("last", "out").cloned()), losses)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_power_goes_off_keyed_effects_happen_once_and_the_run_ends() {
    // How many losses fall into a run is up to the machine: as many runs as it takes.
    for which in 0..2 {
        let losses = Cell::new(0);
        for seed in (0..5000_u64).take_while(|seed| *seed < 60 || losses.get() < WANTED) {
            let moments = [1 + seed % 6, 1 + seed / 6 % 3, 1 + seed / 18 % 2];
            let (world, given, lost) = with_power_losses(which, "Keyed", &moments, seed).await;
            losses.set(losses.get() + lost);
            if given.is_none() {
                assert_eq!(world.keys(), 0, "what was never durable never acted");
                continue;
            }
            assert_eq!(given, Some(Value::from(END)), "seed {seed}");
            assert_eq!(world.keys(), 2, "each of both keyed nodes acted under one key, seed {seed}");
        }
        println!("{} power losses", losses.get());
        assert!(losses.get() >= WANTED, "{} power losses are too few to tell", losses.get());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_nobody_can_be_sure_of_is_never_repeated() {
    let doubts = Cell::new(0);
    for seed in (0..5000_u64).take_while(|seed| *seed < 40 || doubts.get() < 3) {
        let moments = [1 + seed % 5, 1 + seed / 5 % 3];
        let (world, given, _) = with_power_losses(0, "Send", &moments, seed).await;
        let calls = world.calls();
        doubts.set(doubts.get() + u32::from(given.is_none() && calls.contains_key("act")));
        assert!(calls.get("act").copied().unwrap_or(0) <= 1, "seed {seed}: {calls:?}");
    }
    println!("{} runs ended in doubt", doubts.get());
    assert!(doubts.get() >= 3, "no power loss fell into an effect");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_is_full_a_run_waits_and_goes_on_when_there_is_room() {
    for which in 0..2 {
        let (world, disk) = (World::default(), SimulatedDisk::default());
        let journal = journal(&disk);
        let runtime = &runtimes(&world, &journal, false)[which];
        disk.set_capacity(Some(64));
        let handle = runtime.start(&workflow("Send"), Params::new()).expect("it begins");
        let run = handle.id();
        while journal.past(run).await.is_ok() || !world.calls().contains_key("first") {
            tokio::task::yield_now().await;
        }
        assert!(!world.calls().contains_key("act"), "nothing acts before the journal knows of it");
        while !journal.is_waited_for() {
            tokio::task::yield_now().await;
        }
        disk.set_capacity(None);
        let (results, _) = handle.await.expect("the run completes without being started again");
        assert_eq!(results.get("last", "out").and_then(Value::as_i64), Some(END));
        assert_eq!(journal.past(run).await.expect("known").answered(), 9);
        assert!(!journal.is_waited_for(), "nobody waits any more");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_failed_ends_its_runs_loudly() {
    let (world, disk) = (World::default(), SimulatedDisk::default());
    let journal = journal(&disk);
    disk.set_sync_fails(true);
    let runtime = &runtimes(&world, &journal, false)[0];
    let ended = runtime.execute_async(&workflow("Send"), Params::new()).await;
    let Err(RunError::Unfinished(ended)) = ended else { panic!("no success without a journal: {ended:?}") };
    assert_eq!((ended.status, ended.error.code()), (RunStatus::Failed, "log.broken"));
    assert!(!world.calls().contains_key("act"), "nothing acted");
}

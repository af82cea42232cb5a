//! Power losses in runs that wait for a signal and are put aside meanwhile.

use std::cell::Cell;

use kailash_core::{Value, WorkflowBuilder, testing::SimulatedDisk, workflow::Params};
use kailash_runtime::RunError;

use super::world::{WANTED, World, journal, registry, runtimes};

/// Starts a run that waits for a signal and sends it, with a power loss after each of `moments` log syncs. A signal
/// that was answered is never sent again. Returns what the run gave and how often the power went off.
async fn signalled_with_power_losses(
    which: usize,
    moments: &[u64],
    seed: u64,
) -> (World, Option<Value>, u32) {
    let mut builder = WorkflowBuilder::new("signalled");
    builder.add_node("Count", "first", Value::Null).add_node("Pause", "pause", Value::Null);
    let workflow = builder.connect("first.out", "pause.x").build(&registry()).expect("sound");
    let (world, mut disk) = (World::default(), SimulatedDisk::default());
    let mut kept = journal(&disk);
    let mut handle = runtimes(&world, &kept, true)[which].start(&workflow, Params::new()).expect("it begins");
    let run = handle.id();
    let (mut moments, mut losses, mut answered) = (moments.iter(), 0, false);
    let mut until = moments.next().map(|moment| disk.syncs() + moment);
    loop {
        let mut events = handle.events().expect("nobody took them");
        let control = handle.control();
        let silent = answered;
        let signal =
            async { if silent { std::future::pending().await } else { control.signal("go", 7).await } };
        let (mut outcome, mut signal) = (std::pin::pin!(handle.into_future()), std::pin::pin!(signal));
        let mut sending = true;
        let ended = loop {
            if until.is_some_and(|until| disk.syncs() >= until) {
                break None;
            }
            tokio::select! {
                biased;
                sent = &mut signal, if sending => {
                    sending = false;
                    answered |= sent.is_ok();
                }
                outcome = &mut outcome => break Some(outcome),
                event = events.next() => drop(event),
            }
        };
        match ended {
            Some(Err(RunError::Suspended { .. })) => {}
            Some(outcome) => {
                return (
                    world,
                    outcome.ok().and_then(|(results, _)| results.get("pause", "out").cloned()),
                    losses,
                );
            }
            None => {
                losses += 1;
                disk = disk.after_power_loss(seed + u64::from(losses));
                control.cancel();
                drop(outcome.await);
                kept = journal(&disk);
                until = moments.next().map(|moment| disk.syncs() + moment);
            }
        }
        let Ok(past) = kept.past(run).await else {
            assert!(!answered, "seed {seed}: a run whose signal was answered is known");
            return (world, None, losses);
        };
        if past.end().is_some() {
            return (world, Some(7.into()), losses);
        }
        handle = runtimes(&world, &kept, true)[which].resume(&workflow, past).expect("it goes on");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_that_was_answered_survives_every_power_loss_and_wakes_its_node_once() {
    for which in 0..2 {
        let losses = Cell::new(0);
        for seed in (0..5000_u64).take_while(|seed| *seed < 60 || losses.get() < WANTED) {
            let moments = [1 + seed % 5, 1 + seed / 5 % 3, 1 + seed / 15 % 2];
            let (world, given, lost) = signalled_with_power_losses(which, &moments, seed).await;
            losses.set(losses.get() + lost);
            assert!(given.is_none() || given == Some(7.into()), "seed {seed}: {given:?}");
            assert_eq!(world.keys(), usize::from(given.is_some()), "seed {seed}: it acted under one key");
        }
        println!("{} power losses", losses.get());
        assert!(losses.get() >= WANTED, "{} power losses are too few to tell", losses.get());
    }
}

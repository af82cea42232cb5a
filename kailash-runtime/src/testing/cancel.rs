//! Cancelling a run, and dropping its future.

use std::time::{Duration, Instant};

use kailash_core::{
    ErrorKind, RunStatus, value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, out, unfinished},
    node::{FLAVOURS, Node, one},
    tools::{Counter, Gate},
};
use crate::RunError;

/// A node that opens `begun`, waits for ever and opens `dropped` when it is dropped.
fn endless(begun: &Gate, dropped: &Gate) -> Node {
    let (begun, dropped) = (begun.clone(), dropped.clone());
    Node::future(move |_, _| {
        let (begun, guard) = (begun.clone(), dropped.on_drop());
        async move {
            begun.open(1);
            std::future::pending::<()>().await;
            drop(guard);
            one(1)
        }
    })
    .takes(&["x"])
}

pub(super) async fn a_cancelled_run_answers_at_once_and_drops_its_bodies(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, dropped) = (Gate::default(), Gate::default());
    lab.node("first", Node::give(1)).node("endless", endless(&begun, &dropped)).node("after", Node::pass());
    lab.wire("first.out", "endless.x").wire("endless.out", "after.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    begun.pass().await;
    let id = handle.id();
    let cancelled = Instant::now();
    handle.cancel();
    let outcome = handle.await;
    println!("answered {:?} after it was cancelled", cancelled.elapsed());
    assert!(cancelled.elapsed() < Duration::from_millis(300));
    let ended = unfinished(outcome);
    assert_eq!((ended.status, ended.error.kind()), (RunStatus::Cancelled, ErrorKind::Cancelled));
    assert_eq!(ended.run, id);
    assert_eq!(*out(&ended.results, "first"), value!(1), "partial results are kept");
    assert!(ended.errors.is_empty(), "no node failed");
    dropped.pass().await;
}

pub(super) async fn a_cancelled_run_of_tiny_nodes_answers(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let begun = Gate::default();
        let opened = begun.clone();
        lab.node(
            "turns",
            Node::with(flavour, move |_, _| {
                opened.open(1);
                one(1)
            })
            .takes(&["x"]),
        );
        lab.back("turns.out", "turns.x", CycleDraft::new(u32::MAX));
        let (runtime, workflow) = lab.ready();
        let handle = runtime.start(&workflow, Params::new()).expect("it starts");
        begun.pass().await;
        handle.control().cancel();
        assert_eq!(unfinished(handle.await).status, RunStatus::Cancelled, "{flavour:?}");
    }
}

pub(super) async fn a_body_that_asks_sees_that_its_run_was_cancelled(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, seen) = (Gate::default(), Gate::default());
    let (opened, saw) = (begun.clone(), seen.clone());
    let node = Node::future(move |_, cx| {
        let (opened, saw) = (opened.clone(), saw.clone());
        async move {
            let asking = cx.clone();
            cx.blocking(move || {
                opened.open(1);
                loop {
                    if let Err(error) = asking.check() {
                        assert_eq!(error.kind(), ErrorKind::Cancelled);
                        saw.open(1);
                        return Err(error);
                    }
                    std::thread::yield_now();
                }
            })
            .await?;
            one(1)
        }
    });
    lab.node("asks", node);
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    begun.pass().await;
    handle.cancel();
    assert_eq!(unfinished(handle.await).status, RunStatus::Cancelled);
    seen.pass().await;
}

/// A compute node with a time limit far away, so that it has a thread of its own in every runtime. It opens `begun`, asks
/// until it is told to stop, and then opens `stopped`.
fn asking(begun: &Gate, stopped: &Gate) -> Node {
    let (begun, stopped) = (begun.clone(), stopped.clone());
    Node::compute(move |_, cx| {
        begun.open(1);
        loop {
            if let Err(error) = cx.check() {
                stopped.open(1);
                return Err(error);
            }
            std::thread::yield_now();
        }
    })
    .timeout_ms(60_000)
}

pub(super) async fn compute_at_work_is_told_when_its_run_has_failed(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, stopped) = (Gate::default(), Gate::default());
    lab.node("asks", asking(&begun, &stopped));
    lab.node(
        "fails",
        Node::future(move |_, _| {
            let begun = begun.clone();
            async move {
                begun.pass().await;
                Err(kailash_core::Error::node("test.fails", "on purpose"))
            }
        }),
    );
    assert_eq!(lab.unfinished().await.error.code(), "test.fails");
    stopped.pass().await;
}

pub(super) async fn a_run_whose_future_is_dropped_stops(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, stopped, calls) = (Gate::default(), Gate::default(), Counter::default());
    let counted = calls.clone();
    lab.node("asks", asking(&begun, &stopped));
    lab.node(
        "after",
        Node::compute(move |_, _| {
            counted.hit();
            one(1)
        })
        .takes(&["x"]),
    );
    lab.wire("asks.out", "after.x");
    let (runtime, workflow) = lab.ready();
    tokio::select! {
        outcome = runtime.execute_async(&workflow, Params::new()) => panic!("it never ends by itself: {outcome:?}"),
        () = begun.pass() => {}
    }
    stopped.pass().await;
    assert_eq!(calls.get(), 0, "nothing more was started");
}

pub(super) async fn dropping_the_handle_lets_the_run_go_on(make: Make) {
    let mut lab = Lab::new(&make);
    let (go, done) = (Gate::default(), Gate::default());
    let (gone, opened) = (go.clone(), done.clone());
    lab.node(
        "node",
        Node::future(move |_, _| {
            let (go, done) = (gone.clone(), opened.clone());
            async move {
                go.pass().await;
                done.open(1);
                one(1)
            }
        }),
    );
    let (runtime, workflow) = lab.ready();
    drop(runtime.start(&workflow, Params::new()).expect("it starts"));
    go.open(1);
    done.pass().await;
}

pub(super) async fn a_run_cancelled_before_it_began_runs_nothing(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("node", Node::future(|_, _| async { std::future::pending().await }));
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    handle.cancel();
    let outcome = handle.await;
    assert!(
        matches!(&outcome, Err(RunError::Unfinished(ended)) if ended.status == RunStatus::Cancelled),
        "{outcome:?}"
    );
}

//! Nodes that wait for time or signals, in a run that stays where it is.

use std::time::Duration;

use kailash_core::{
    ErrorKind, Value,
    event::What,
    exec::{Clock, SystemClock, Timestamp},
    node::{OnItemError, Outcome, Wake, Woken},
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Flow, Lab, failures, out},
    node::{FLAVOURS, Flavour, Node, one},
    tools::Counter,
};
use crate::RunHandle;

pub(super) fn in_ms(millis: u64) -> Timestamp {
    SystemClock::default().now().after(Duration::from_millis(millis))
}

pub(super) fn for_go() -> Wake {
    Wake::Signal("go".into())
}

/// A node that waits and gives what woke it: a signal's value, or `"time"`.
pub(super) fn waits(flavour: Flavour, calls: &Counter, wake: fn() -> Wake) -> Node {
    let calls = calls.clone();
    Node::with(flavour, move |inputs, _| {
        calls.hit();
        match inputs.woken() {
            None => Ok(Outcome::Suspend(wake())),
            Some(Woken::Time) => one("time"),
            Some(Woken::Signal(value)) => one(value.clone()),
        }
    })
    .suspending()
    .takes(&["x"])
}

/// Waits until a node of the run has been suspended.
async fn suspended(handle: &mut RunHandle) {
    let mut events = handle.events().expect("nobody took them");
    while let Some(event) = events.next().await {
        if matches!(event.what, What::NodeSuspended { .. }) {
            return;
        }
    }
    panic!("the run ended and nothing was suspended");
}

pub(super) async fn a_node_that_is_not_declared_as_suspending_may_not(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let calls = Counter::default();
        let mut node = waits(flavour, &calls, for_go);
        node.body.suspends = false;
        lab.node("waits", node);
        let ended = lab.unfinished().await;
        assert_eq!(failures(&ended), [("waits", "internal")], "{flavour:?}");
        assert_eq!(calls.get(), 1, "the body was called once");
    }
}

pub(super) async fn a_node_is_woken_by_time(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let calls = Counter::default();
        lab.node("waits", waits(flavour, &calls, || Wake::At(in_ms(20)))).node("after", Node::pass());
        lab.wire("waits.out", "after.x");
        let began = SystemClock::default();
        assert_eq!(*out(&lab.ok().await, "after"), value!("time"), "{flavour:?}");
        assert!(began.monotonic() >= kailash_core::exec::Monotonic::from_nanos(20_000_000), "{flavour:?}");
        assert_eq!(calls.get(), 2, "it ran once before and once after");
    }
}

pub(super) async fn a_node_is_woken_by_a_signal_with_its_inputs_and_value(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let node = Node::with(flavour, |inputs, _| match inputs.woken() {
            Some(Woken::Signal(value)) => {
                one(Value::list(vec![inputs.get(0).cloned().unwrap_or_default(), value.clone()]))
            }
            _ => Ok(Outcome::Suspend(for_go())),
        });
        lab.node("first", Node::give(7)).node("waits", node.suspending().needs(&["x"]));
        lab.wire("first.out", "waits.x");
        let (runtime, workflow) = lab.ready();
        let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
        suspended(&mut handle).await;
        let control = handle.control();
        control.signal("other", 1).await.expect("it is kept");
        control.signal("go", 8).await.expect("it is taken");
        let (results, _) = handle.await.expect("the run completes");
        assert_eq!(*out(&results, "waits"), value!([7, 8]), "{flavour:?}");
        let late = control.signal("go", 9).await.expect_err("nobody is there");
        assert_eq!((late.kind(), late.code()), (ErrorKind::Conflict, "run.over"));
    }
}

pub(super) async fn a_signal_that_comes_early_is_kept(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("waits", waits(Flavour::Inline, &calls, for_go));
    lab.node("again", waits(Flavour::Later, &calls, for_go)).wire("waits.out", "again.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    for n in 1..=2 {
        handle.control().signal("go", n).await.expect("it is taken or kept");
    }
    let (results, _) = handle.await.expect("the run completes");
    assert_eq!((out(&results, "waits"), out(&results, "again")), (&value!(1), &value!(2)));
}

pub(super) async fn others_run_while_a_node_waits(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    lab.node("waits", waits(Flavour::Inline, &calls, for_go)).node("busy", Node::pass());
    lab.node("turn", Node::add()).wire("turn.out", "busy.x");
    lab.back("turn.out", "turn.a", CycleDraft::new(1000));
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let mut events = handle.events().expect("nobody took them");
    while let Some(event) = events.next().await {
        if matches!(event.what, What::NodeFinished { .. }) && event.unit.as_deref() == Some("busy") {
            break;
        }
    }
    handle.control().signal("go", "now").await.expect("it is taken");
    assert_eq!(*out(&handle.await.expect("the run completes").0, "waits"), value!("now"));
}

pub(super) async fn a_run_that_waits_is_cancelled_and_ends_at_its_time_limit(make: Make) {
    let calls = Counter::default();
    let mut lab = Lab::new(&make);
    lab.node("waits", waits(Flavour::Inline, &calls, for_go));
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    suspended(&mut handle).await;
    handle.cancel();
    assert_eq!(super::lab::unfinished(handle.await).error.kind(), ErrorKind::Cancelled);
    lab.settings.timeout = Some(Duration::from_millis(30));
    assert_eq!(lab.unfinished().await.error.code(), "run.timeout");
}

pub(super) async fn many_items_wait_at_once(make: Make) {
    const ITEMS: i64 = 2000;
    let mut inner = Flow::new();
    let calls = Counter::default();
    inner.node("waits", waits(Flavour::Inline, &calls, || Wake::At(in_ms(5))));
    let mut lab = Lab::new(&make);
    lab.node("items", Node::give((0..ITEMS).map(Value::from).collect::<Value>()));
    let each = inner.each(&[(0, "waits.x")], "waits.out", usize::MAX >> 33, OnItemError::Fail);
    lab.node("each", each).wire("items.out", "each.items");
    let results = lab.ok().await;
    assert_eq!(out(&results, "each").as_list().map(<[Value]>::len), Some(ITEMS as usize));
    assert_eq!(calls.get(), 2 * ITEMS as usize);
}

pub(super) async fn only_so_many_signals_are_kept(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("waits", waits(Flavour::Inline, &Counter::default(), for_go));
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    suspended(&mut handle).await;
    let control = handle.control();
    let mut refused = None;
    for n in 0..10_000 {
        refused = refused.or(control.signal("other", n).await.err());
    }
    let refused = refused.expect("there is a limit");
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Limit, "run.signals"));
    control.signal("go", 1).await.expect("one that is waited for is always taken");
    handle.await.expect("the run completes");
}

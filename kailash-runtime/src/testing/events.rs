//! What listeners and hooks are told.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use kailash_core::{
    Event, RunStatus,
    event::What,
    exec::FailurePolicy,
    node::OnItemError,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Flow, Lab},
    node::{FLAVOURS, Node, one, only},
    streams::{count_to, sum},
};
use crate::Events;

/// All events of a run.
pub(super) async fn record(mut events: Events) -> Vec<Arc<Event>> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await {
        all.push(event);
    }
    all
}

/// What happened to each unit, in order.
fn by_unit(events: &[Arc<Event>]) -> HashMap<&str, Vec<&'static str>> {
    let mut units: HashMap<&str, Vec<&'static str>> = HashMap::new();
    for event in events {
        let what = match &event.what {
            What::NodeStarted => "started",
            What::NodeFinished { .. } => "finished",
            What::NodeFailed { .. } => "failed",
            What::NodeSkipped => "skipped",
            _ => continue,
        };
        units.entry(event.unit.as_deref().expect("events of nodes name the unit")).or_default().push(what);
    }
    units
}

/// A run with something of everything. Both runtimes tell the same of it, if not in the same order.
fn rich(make: &Make) -> Lab {
    let mut lab = Lab::new(make);
    lab.settings.on_failure = FailurePolicy::SkipDependents;
    for flavour in FLAVOURS {
        lab.node(&format!("{flavour:?}"), Node::with(flavour, |_, _| one(1)));
    }
    lab.node("switch", Node::inline(|_, _| only(0, 1)).gives(&["yes", "no"])).node("dead", Node::pass());
    lab.wire("switch.no", "dead.x");
    lab.node("fails", Node::fail("test.fails"))
        .node("poisoned", Node::pass())
        .wire("fails.out", "poisoned.x");
    lab.node("deadA", Node::add())
        .node("deadB", Node::add())
        .wire("switch.no", "deadA.a")
        .wire("deadA.out", "deadB.a");
    lab.back("deadB.out", "deadA.b", CycleDraft::new(3));
    lab.node("data", Node::give(kailash_core::value!({"list": [1, 2]})));
    lab.node("path", Node::pass()).wire("data.out.nothing", "path.x");
    lab.node("turn", Node::add()).back("turn.out", "turn.a", CycleDraft::new(2));
    let mut inner = Flow::new();
    inner.node("item", Node::pass());
    lab.node("each", inner.each(&[(0, "item.x")], "item.out", 1, OnItemError::Fail))
        .wire("data.out.list", "each.items");
    let mut inner = Flow::new();
    inner.node("bad", Node::fail("test.bad"));
    lab.node("nest", inner.nested(&[], &["bad.out"], None));
    lab.node("count", count_to().set("to", 3)).node("sum", sum()).stream("count.out", "sum.items");
    lab.node(
        "many",
        Node::inline(|_, _| {
            let mut outputs = kailash_core::node::Outputs::one(1);
            outputs.set(3, 1);
            Ok(outputs.into())
        }),
    );
    lab
}

pub(super) async fn every_node_is_told_of_once_and_in_order(make: Make) {
    let lab = rich(&make);
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let id = handle.id();
    let events = record(handle.events().expect("the first call gets them")).await;
    assert!(handle.events().is_none(), "only the first");
    handle.await.expect_err("a node fails");
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (0..events.len() as u64).collect::<Vec<_>>(), "numbers are dense from 0");
    assert!(events.iter().all(|event| event.run == id));
    assert!(matches!(&events[0].what, What::RunStarted { nodes, .. } if *nodes == workflow.nodes().len()));
    let last = &events.last().expect("at least one").what;
    assert!(matches!(last, What::RunFinished { status: RunStatus::Failed, .. }), "{last:?}");
    let mut expected: HashMap<&str, Vec<&str>> = HashMap::new();
    let done = [
        "Inline",
        "Compute",
        "Future",
        "Later",
        "switch",
        "data",
        "turn",
        "turn#1",
        "each",
        "each/item",
        "each/item[1]",
        "count",
        "sum",
    ];
    expected.extend(done.map(|unit| (unit, vec!["started", "finished"])));
    expected.extend(["dead", "poisoned", "deadA", "deadB"].map(|unit| (unit, vec!["skipped"])));
    expected.extend(["fails", "nest", "nest/bad", "many"].map(|unit| (unit, vec!["started", "failed"])));
    expected.insert("path", vec!["failed"]);
    assert_eq!(by_unit(&events), expected);
    let turns: Vec<_> =
        events.iter().filter(|event| matches!(event.what, What::CycleTurned { .. })).collect();
    assert_eq!(turns.len(), 2);
}

pub(super) async fn a_scope_begins_before_and_ends_after_what_is_in_it(make: Make) {
    let lab = rich(&make);
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let events = record(handle.events().expect("the first call gets them")).await;
    let at = |unit: &str, of: fn(&What) -> bool| {
        let found = events.iter().position(|event| event.unit.as_deref() == Some(unit) && of(&event.what));
        found.unwrap_or_else(|| panic!("`{unit}` is told of: {events:#?}"))
    };
    let (started, finished) = (
        |what: &What| matches!(what, What::NodeStarted),
        |what: &What| matches!(what, What::NodeFinished { .. }),
    );
    assert!(at("each", started) < at("each/item", started));
    assert!(at("each/item", finished) < at("each/item[1]", started), "one item at a time");
    assert!(at("each/item[1]", finished) < at("each", finished));
    drop(handle);
}

pub(super) async fn a_failure_in_a_stream_is_told_of_the_node_that_failed(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 1_000_000));
    lab.node(
        "fails",
        super::streams::failing_after(2, || Err(kailash_core::Error::node("test.stage", "two are enough"))),
    );
    lab.stream("count.out", "fails.items");
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let events = record(handle.events().expect("the first call gets them")).await;
    handle.await.expect_err("a stage fails");
    let failed: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::NodeFailed { code, .. } => Some((event.unit.as_deref().unwrap_or(""), code.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(failed, [("count", "link.closed"), ("fails", "test.stage")]);
}

pub(super) async fn hooks_are_called_with_every_event_whether_or_not_somebody_listens(make: Make) {
    let mut lab = rich(&make);
    let heard = Arc::new(Mutex::new(Vec::<Arc<Event>>::new()));
    let hook = Arc::clone(&heard);
    lab.settings.hooks =
        vec![Arc::new(move |event| hook.lock().expect("no panic").push(Arc::new(event.clone())))];
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let listened = record(handle.events().expect("the first call gets them")).await;
    handle.await.expect_err("a node fails");
    assert_eq!(*heard.lock().expect("no panic"), listened, "the same events in the same order");
    heard.lock().expect("no panic").clear();
    runtime.execute_async(&workflow, Params::new()).await.expect_err("a node fails");
    let (alone, listened): (HashSet<_>, HashSet<_>) = {
        let heard = heard.lock().expect("no panic");
        (
            by_unit(&heard).into_keys().map(str::to_owned).collect(),
            by_unit(&listened).into_keys().map(str::to_owned).collect(),
        )
    };
    assert_eq!(alone, listened);
}

pub(super) async fn nothing_is_told_after_the_end(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, ended) = (super::Gate::default(), super::Gate::default());
    let heard = Arc::new(Mutex::new(Vec::<What>::new()));
    let hook = Arc::clone(&heard);
    lab.settings.hooks = vec![Arc::new(move |event| hook.lock().expect("no panic").push(event.what.clone()))];
    let (opened, over) = (begun.clone(), ended.clone());
    let talks = Node::compute(move |_, cx| {
        opened.open(1);
        while cx.check().is_ok() {
            std::thread::yield_now();
        }
        for done in 0..10 {
            cx.emit(What::NodeProgress { message: "still here".into(), done, total: None });
        }
        over.open(1);
        one(1)
    });
    lab.node("talks", talks.timeout_ms(60_000));
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    begun.pass().await;
    handle.cancel();
    handle.await.expect_err("it is cancelled");
    ended.pass().await;
    let heard = heard.lock().expect("no panic");
    assert!(
        matches!(heard.last(), Some(What::RunFinished { status: RunStatus::Cancelled, .. })),
        "{heard:?}"
    );
}

pub(super) async fn a_slow_listener_misses_events_and_slows_nobody(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("turn", Node::add().set("b", 1)).back("turn.out", "turn.a", CycleDraft::new(5_000));
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let mut events = handle.events().expect("the first call gets them");
    handle.await.expect("the run does not wait for its listener");
    let first = events.next().await.expect("something is left to hear");
    let What::Lagged { missed } = first.what else { panic!("it was too slow: {first:?}") };
    let rest = record(events).await;
    assert_eq!(rest[0].seq, missed, "the next event is the first that was not missed");
    assert!(matches!(
        rest.last().map(|event| &event.what),
        Some(What::RunFinished { status: RunStatus::Completed, .. })
    ));
}

pub(super) async fn progress_names_its_node(make: Make) {
    let mut lab = Lab::new(&make);
    for flavour in FLAVOURS {
        let node = Node::with(flavour, |_, cx| {
            cx.emit(What::NodeProgress { message: "half".into(), done: 1, total: Some(2) });
            one(1)
        });
        lab.node(&format!("{flavour:?}"), node);
    }
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let events = record(handle.events().expect("the first call gets them")).await;
    let progress = events.iter().filter(|event| matches!(event.what, What::NodeProgress { .. }));
    let units: HashSet<_> = progress.map(|event| event.unit.as_deref().unwrap_or("")).collect();
    assert_eq!(units, ["Inline", "Compute", "Future", "Later"].into());
    drop(handle);
}

//! What runs beside what.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kailash_core::{
    Value, value,
    workflow::{CycleDraft, Params},
};
use tokio::sync::Barrier;

use super::{
    Make,
    lab::{Lab, out},
    node::{FLAVOURS, Node, one},
    tools::{Counter, Gauge},
};

pub(super) async fn independent_async_nodes_run_at_the_same_time(make: Make) {
    let mut lab = Lab::new(&make);
    let barrier = Arc::new(Barrier::new(10));
    for n in 0..10 {
        let barrier = Arc::clone(&barrier);
        lab.node(
            &format!("n{n}"),
            Node::future(move |_, _| {
                let barrier = Arc::clone(&barrier);
                async move {
                    barrier.wait().await;
                    one(1)
                }
            }),
        );
    }
    assert_eq!(lab.ok().await.to_map().len(), 10, "each waited for all others");
}

pub(super) async fn no_more_async_nodes_than_allowed_are_under_way(make: Make) {
    let mut lab = Lab::new(&make);
    let gauge = Gauge::default();
    lab.settings.max_concurrency = 3;
    for n in 0..30 {
        let watched = gauge.clone();
        lab.node(
            &format!("n{n}"),
            Node::future(move |_, _| {
                let inside = watched.enter();
                async move {
                    for _ in 0..5 {
                        tokio::task::yield_now().await;
                    }
                    drop(inside);
                    one(1)
                }
            }),
        );
    }
    lab.ok().await;
    assert_eq!(gauge.peak(), 3, "as many as allowed, and no more");
}

pub(super) async fn limits_that_allow_nothing_are_refused(make: Make) {
    use kailash_core::Services;
    for (max_concurrency, link_capacity) in [(0, 1), (1, 0)] {
        let settings = crate::Settings { max_concurrency, link_capacity, ..crate::Settings::default() };
        let refused = settings.validate().expect_err("a limit of zero is refused");
        assert_eq!(refused.code(), "settings.zero");
    }
    let settings = crate::Settings { max_concurrency: 1, link_capacity: 1, ..crate::Settings::default() };
    drop(make(Services::default(), settings));
}

pub(super) async fn one_plan_serves_a_hundred_runs_at_a_time(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let plus = || Node::with(flavour, |inputs, _| one(inputs.int(0)?.unwrap_or(0) + 1)).needs(&["x"]);
        lab.node("a", plus()).node("b", plus()).node("c", plus()).node("sum", Node::add());
        lab.wire("a.out", "b.x").wire("a.out", "c.x").wire("b.out", "sum.a").wire("c.out", "sum.b");
        let (runtime, workflow) = lab.ready();
        let runs: Vec<_> = (0..100_i64)
            .map(|n| runtime.start(&workflow, Params::new().with("a", "x", n)).expect("it starts"))
            .collect();
        let mut ids = std::collections::HashSet::new();
        for (n, run) in (0_i64..).zip(runs) {
            let (results, id) = run.await.expect("it completes");
            assert_eq!(
                *out(&results, "sum"),
                Value::from(2 * n + 4),
                "{flavour:?}: each run has its own values"
            );
            assert!(ids.insert(id), "each run has its own id");
        }
    }
}

pub(super) async fn every_node_runs_once_in_a_wide_and_deep_workflow(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let calls = Counter::default();
        let (width, depth) = (20, 20);
        for level in 0..depth {
            for n in 0..width {
                let counted = calls.clone();
                let node = Node::with(flavour, move |inputs, _| {
                    counted.hit();
                    one(inputs.int(0)?.unwrap_or(0) + inputs.int(1)?.unwrap_or(0) + 1)
                });
                lab.node(&format!("n{level}_{n}"), node.takes(&["a", "b"]));
                if level > 0 {
                    for (input, from) in [("a", n), ("b", (n + 1) % width)] {
                        lab.wire(&format!("n{}_{from}.out", level - 1), &format!("n{level}_{n}.{input}"));
                    }
                }
            }
        }
        let results = lab.ok().await;
        assert_eq!(calls.get(), width * depth, "{flavour:?}");
        assert_eq!(*out(&results, "n19_7"), value!((1 << 20) - 1), "{flavour:?}");
    }
}

pub(super) async fn a_run_that_computes_without_end_leaves_room_for_another(make: Make) {
    let mut lab = Lab::new(&make);
    let (stop, turns) = (Arc::new(AtomicBool::new(false)), Counter::default());
    for lane in 0..4 {
        let id = format!("lane{lane}");
        let (stopped, turned) = (Arc::clone(&stop), turns.clone());
        let turn = Node::compute(move |inputs, _| {
            turned.hit();
            let until = Instant::now() + Duration::from_millis(1);
            while Instant::now() < until {
                std::hint::spin_loop();
            }
            one(inputs.bool(0)? != Some(true) || stopped.load(Ordering::Acquire))
        });
        lab.node(&id, turn.takes(&["long", "x"]));
        lab.back(&format!("{id}.out"), &format!("{id}.x"), CycleDraft::new(u32::MAX).until("out"));
    }
    let (runtime, workflow) = lab.ready();
    let mut params = Params::new();
    params.set_everywhere("long", true);
    let long = runtime.start(&workflow, params).expect("it begins");
    while turns.get() < 16 {
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    runtime.execute_async(&workflow, Params::new()).await.expect("the short run completes");
    let took = began.elapsed();
    println!("beside a run without end a short one took {took:?}");
    stop.store(true, Ordering::Release);
    long.await.expect("the long run completes");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

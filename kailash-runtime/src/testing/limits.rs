//! Time limits of nodes and runs. These are the checks that need real time; each prints what it took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kailash_core::{
    Error, ErrorKind, RunStatus,
    exec::{FailurePolicy, RetryPolicy},
    node::Lift,
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, failures, out},
    node::{FLAVOURS, Flavour, Node, one},
    streams::count_to,
    tools::{Counter, Gate},
};

/// Spins without ever asking, until it is let go or the check is over.
#[derive(Clone, Default)]
struct Spin(Arc<AtomicBool>);

impl Spin {
    fn node(&self) -> Node {
        let stop = Arc::clone(&self.0);
        Node::compute(move |_, _| {
            while !stop.load(Ordering::Acquire) {
                std::hint::spin_loop();
            }
            one(1)
        })
        .takes(&["x"])
    }
}

impl Drop for Spin {
    fn drop(&mut self) {
        if Arc::strong_count(&self.0) <= 2 {
            self.0.store(true, Ordering::Release);
        }
    }
}

/// Runs the lab and asserts that it failed by `code` no later than three times `limit`.
async fn in_time(lab: &Lab, limit: Duration, code: &str) -> crate::Unfinished {
    let (runtime, workflow) = lab.ready();
    let began = Instant::now();
    let ended = super::lab::unfinished(runtime.execute_async(&workflow, Params::new()).await);
    let took = began.elapsed();
    println!("a limit of {limit:?} answered after {took:?}");
    assert_eq!((ended.error.kind(), ended.error.code()), (ErrorKind::Timeout, code));
    assert!(took >= limit, "not before the limit: {took:?}");
    assert!(took < limit * 3, "in time: {took:?}");
    ended
}

pub(super) async fn an_async_node_past_its_limit_is_given_up(make: Make) {
    let mut lab = Lab::new(&make);
    let dropped = Gate::default();
    let on_drop = dropped.clone();
    let node = Node::future(move |_, cx| {
        let guard = on_drop.on_drop();
        async move {
            assert!(
                cx.deadline().is_some_and(|left| left <= Duration::from_millis(200)),
                "the body knows its limit"
            );
            std::future::pending::<()>().await;
            drop(guard);
            one(1)
        }
    });
    lab.node("slow", node.timeout_ms(200));
    let ended = in_time(&lab, Duration::from_millis(200), "node.timeout").await;
    assert_eq!(failures(&ended), [("slow", "node.timeout")]);
    dropped.pass().await;
}

pub(super) async fn a_busy_compute_node_past_its_limit_is_left_behind(make: Make) {
    let (mut lab, spin) = (Lab::new(&make), Spin::default());
    lab.node("busy", spin.node().timeout_ms(200));
    let ended = in_time(&lab, Duration::from_millis(200), "node.timeout").await;
    assert_eq!(failures(&ended), [("busy", "node.timeout")]);
    spin.0.store(true, Ordering::Release);
}

pub(super) async fn a_busy_inline_node_past_its_limit_is_left_behind(make: Make) {
    let (mut lab, spin) = (Lab::new(&make), Spin::default());
    let stop = Arc::clone(&spin.0);
    let busy = Node::inline(move |_, _| {
        while !stop.load(Ordering::Acquire) {
            std::hint::spin_loop();
        }
        one(1)
    });
    lab.node("busy", busy.timeout_ms(200));
    let ended = in_time(&lab, Duration::from_millis(200), "node.timeout").await;
    assert_eq!(failures(&ended), [("busy", "node.timeout")]);
    spin.0.store(true, Ordering::Release);
}

pub(super) async fn a_busy_lifted_node_does_not_keep_its_run_past_its_limit(make: Make) {
    let (mut lab, spin) = (Lab::new(&make), Spin::default());
    lab.node("count", count_to().set("to", 3)).node("busy", spin.node().lifted(Lift::PerItem));
    lab.stream("count.out", "busy.x");
    let mut document = lab.builder.document().clone();
    document.timeout_ms = Some(200);
    lab.builder = document.into();
    in_time(&lab, Duration::from_millis(200), "run.timeout").await;
    spin.0.store(true, Ordering::Release);
}

pub(super) async fn what_is_under_way_ends_while_others_are_always_ready(make: Make) {
    let mut lab = Lab::new(&make);
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    // Turns as long as nobody has seen the limit, which a run that sees it too late never does.
    let turn = Node::inline(move |_, _| {
        if stopped.load(Ordering::Acquire) { Err(Error::node("test.late", "too late")) } else { one(1) }
    });
    lab.node("turn", turn.takes(&["x"])).back("turn.out", "turn.x", CycleDraft::new(u32::MAX));
    let never = Node::future(|_, _| async {
        std::future::pending::<()>().await;
        one(1)
    });
    lab.node("never", never.timeout_ms(200));
    let clock = tokio::time::sleep(Duration::from_secs(5));
    let late = tokio::spawn(async move {
        clock.await;
        stop.store(true, Ordering::Release);
    });
    let ended = in_time(&lab, Duration::from_millis(200), "node.timeout").await;
    assert_eq!(failures(&ended), [("never", "node.timeout")]);
    late.abort();
}

pub(super) async fn a_node_in_time_is_not_touched_by_its_limit(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        lab.node("node", Node::with(flavour, |_, cx| cx.check().and_then(|()| one(1))).timeout_ms(60_000));
        assert_eq!(*out(&lab.ok().await, "node"), value!(1), "{flavour:?}");
    }
}

pub(super) async fn a_limit_counts_for_each_attempt(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    let counted = calls.clone();
    let node = Node::future(move |_, _| {
        let last = counted.hit() == 3;
        async move {
            if !last {
                std::future::pending::<()>().await;
            }
            one(1)
        }
    });
    let retry = RetryPolicy { delay_ms: 0, ..RetryPolicy::default() };
    lab.node("slow", node.timeout_ms(50).retry(retry));
    assert_eq!(*out(&lab.ok().await, "slow"), value!(1));
    assert_eq!(calls.get(), 3);
}

pub(super) async fn compute_nodes_that_wait_for_a_thread_are_not_past_their_limit(make: Make) {
    let mut lab = Lab::new(&make);
    // Far more work than fits the limit on the machine's cores at once, though each node does.
    let (each, limit) = (Duration::from_millis(60), 400);
    let nodes = 16 * std::thread::available_parallelism().map_or(1, usize::from);
    for n in 0..nodes {
        let node = Node::compute(move |_, _| {
            let began = Instant::now();
            while began.elapsed() < each {
                std::hint::spin_loop();
            }
            one(1)
        });
        lab.node(&format!("n{n}"), node.timeout_ms(limit));
    }
    let began = Instant::now();
    lab.ok().await;
    println!("{nodes} nodes of {each:?} took {:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_millis(limit), "or the check shows nothing");
}

pub(super) async fn stuck_threads_are_counted_up_to_a_cap_and_down_again(make: Make) {
    let (mut lab, spin) = (Lab::new(&make), Spin::default());
    lab.settings.max_stuck = 1;
    lab.settings.on_failure = FailurePolicy::Continue;
    lab.node("busy", spin.node().timeout_ms(50));
    lab.node("next", Node::compute(|_, _| one(1)).takes(&["x"]).timeout_ms(60_000))
        .wire("busy.out", "next.x");
    let (runtime, workflow) = lab.ready();
    let run = async || super::lab::unfinished(runtime.execute_async(&workflow, Params::new()).await);
    let ended = run().await;
    assert_eq!(failures(&ended), [("busy", "node.timeout"), ("next", "compute.stuck")]);
    assert_eq!(
        failures(&run().await),
        [("busy", "compute.stuck"), ("next", "compute.stuck")],
        "also in other runs"
    );
    spin.0.store(true, Ordering::Release);
    // The thread ends by itself: then both run.
    let began = Instant::now();
    loop {
        match runtime.execute_async(&workflow, Params::new()).await {
            Ok((results, _)) => return assert_eq!(*out(&results, "next"), value!(1)),
            Err(error) => {
                assert!(began.elapsed() < Duration::from_secs(60), "the thread ended long ago: {error}");
            }
        }
        tokio::task::yield_now().await;
    }
}

pub(super) async fn a_run_answers_at_its_limit(make: Make) {
    for flavour in [Flavour::Later, Flavour::Compute] {
        let (mut lab, spin) = (Lab::new(&make), Spin::default());
        let slow = || match flavour {
            Flavour::Compute => spin.node(),
            _ => Node::future(|_, _| async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                one(1)
            })
            .takes(&["x"]),
        };
        lab.node("first", Node::give(1)).node("one", slow()).node("two", slow());
        lab.wire("first.out", "one.x").wire("one.out", "two.x");
        lab.settings.timeout = Some(Duration::from_millis(300));
        let ended = in_time(&lab, Duration::from_millis(300), "run.timeout").await;
        assert_eq!(ended.status, RunStatus::Failed);
        assert_eq!(*out(&ended.results, "first"), value!(1), "partial results are kept");
        spin.0.store(true, Ordering::Release);
    }
}

pub(super) async fn a_run_of_tiny_nodes_answers_at_its_limit(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        lab.node("turns", Node::with(flavour, |_, _| one(1)).takes(&["x"]));
        lab.back("turns.out", "turns.x", CycleDraft::new(u32::MAX));
        lab.settings.timeout = Some(Duration::from_millis(300));
        println!("{flavour:?}");
        in_time(&lab, Duration::from_millis(300), "run.timeout").await;
    }
}

pub(super) async fn a_workflows_own_limit_counts_too(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("slow", Node::future(|_, _| async { std::future::pending().await }));
    let mut document = lab.builder.document().clone();
    document.timeout_ms = Some(200);
    lab.builder = document.into();
    in_time(&lab, Duration::from_millis(200), "run.timeout").await;
}

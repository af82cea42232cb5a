//! The conformance suite of runtimes, each check a test of its own for each runtime, and what only one of them promises.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use kailash_core::{RunStatus, workflow::Params};
use kailash_runtime::{
    RunError, Settings,
    testing::{Lab, Node, maker, one},
};

/// Spins until `holds`, but no longer than half a minute.
fn spin_until(holds: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while !holds() && began.elapsed() < Duration::from_secs(30) {
        std::hint::spin_loop();
    }
    holds()
}

/// Threads that are stuck are counted, and counted down when they end.
macro_rules! stuck_threads_are_counted {
    ($runtime:ty) => {
        #[tokio::test]
        async fn threads_left_behind_are_counted_while_they_last() {
            static STOP: AtomicBool = AtomicBool::new(false);
            let mut lab = lab();
            let busy = Node::compute(|_, _| {
                spin_until(|| STOP.load(Ordering::SeqCst));
                one(1)
            });
            lab.node("busy", busy.timeout_ms(50));
            let runtime =
                <$runtime>::with_settings(lab.services(), Settings::default()).expect("good settings");
            runtime.execute_async(&lab.workflow(), Params::new()).await.expect_err("it is past its limit");
            assert_eq!(runtime.stuck_threads(), 1);
            STOP.store(true, Ordering::SeqCst);
            while runtime.stuck_threads() > 0 {
                tokio::task::yield_now().await;
            }
        }
    };
}

mod local {
    use kailash_runtime::LocalRuntime;

    use super::*;

    kailash_runtime::runtime_conformance!(LocalRuntime::with_settings);

    fn lab() -> Lab {
        Lab::new(&maker(LocalRuntime::with_settings))
    }

    stuck_threads_are_counted!(LocalRuntime);

    #[test]
    fn inline_and_compute_nodes_stay_on_the_thread_that_awaits_the_run() {
        let mut lab = lab();
        let here = std::thread::current().id();
        for n in 0..20 {
            let check = move |_, _: &kailash_core::node::Context| {
                assert_eq!(std::thread::current().id(), here);
                one(1)
            };
            lab.node(&format!("compute{n}"), Node::compute(check))
                .node(&format!("inline{n}"), Node::inline(check));
        }
        let (runtime, workflow) = lab.ready();
        runtime.execute(&workflow, Params::new()).expect("every node is on this thread");
    }
}

mod parallel {
    use kailash_runtime::ParallelRuntime;

    use super::*;

    kailash_runtime::runtime_conformance!(ParallelRuntime::with_settings);

    fn lab() -> Lab {
        Lab::new(&maker(ParallelRuntime::with_settings))
    }

    stuck_threads_are_counted!(ParallelRuntime);

    #[test]
    fn compute_nodes_run_at_the_same_time_on_all_cores() {
        static INSIDE: AtomicUsize = AtomicUsize::new(0);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut lab = lab();
        lab.node("start", Node::give(1));
        for n in 0..cores {
            let meets = Node::compute(move |_, _| {
                INSIDE.fetch_add(1, Ordering::SeqCst);
                assert!(
                    spin_until(|| INSIDE.load(Ordering::SeqCst) == cores),
                    "{n} waits in vain for the others"
                );
                one(1)
            });
            lab.node(&format!("n{n}"), meets.needs(&["x"])).wire("start.out", &format!("n{n}.x"));
        }
        let (runtime, workflow) = lab.ready();
        runtime.execute(&workflow, Params::new()).expect("all meet");
    }

    #[tokio::test]
    async fn a_run_is_cancelled_at_once_while_compute_is_at_work_and_the_body_is_told() {
        static BEGUN: AtomicBool = AtomicBool::new(false);
        static TOLD: AtomicBool = AtomicBool::new(false);
        let mut lab = lab();
        let asks = Node::compute(|_, cx| {
            BEGUN.store(true, Ordering::SeqCst);
            spin_until(|| cx.check().is_err());
            TOLD.store(true, Ordering::SeqCst);
            one(1)
        });
        lab.node("asks", asks);
        let (runtime, workflow) = lab.ready();
        let handle = runtime.start(&workflow, Params::new()).expect("it starts");
        while !BEGUN.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        let cancelled = Instant::now();
        handle.cancel();
        let outcome = handle.await;
        println!("answered after {:?}", cancelled.elapsed());
        assert!(cancelled.elapsed() < Duration::from_millis(300));
        assert!(matches!(outcome, Err(RunError::Unfinished(ended)) if ended.status == RunStatus::Cancelled));
        while !TOLD.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }

    #[test]
    fn a_dropped_run_starts_no_more_compute() {
        static CALLS: AtomicUsize = AtomicUsize::new(0);
        let mut lab = lab();
        lab.node("n0", Node::give(1));
        for n in 1..10_000 {
            let counts = Node::compute(|_, _| {
                let began = Instant::now();
                CALLS.fetch_add(1, Ordering::SeqCst);
                spin_until(|| began.elapsed() > Duration::from_millis(1));
                one(1)
            });
            lab.node(&format!("n{n}"), counts.needs(&["x"]))
                .wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
        }
        let (runtime, workflow) = lab.ready();
        let executor =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor");
        executor.block_on(async {
            let run = runtime.execute_async(&workflow, Params::new());
            let begun = async {
                while CALLS.load(Ordering::SeqCst) < 3 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                _ = run => panic!("10,000 nodes take longer than three"),
                () = begun => {}
            }
        });
        // Whoever was at work may end the node it is in, and no more.
        let at_drop = CALLS.load(Ordering::SeqCst);
        let began = Instant::now();
        spin_until(|| began.elapsed() > Duration::from_millis(50));
        let after = CALLS.load(Ordering::SeqCst);
        assert!(after <= at_drop + 1, "{at_drop} began before it was dropped, {after} in all");
    }
}

//! Retries and circuit breakers.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use kailash_core::{
    Error, Retry,
    event::What,
    exec::{Backoff, BreakerPolicy, Jitter, ManualClock, NodeOptions, RetryPolicy},
    value,
    workflow::Params,
};

use super::{
    Make,
    events::record,
    lab::{Lab, failures, out},
    node::{FLAVOURS, Node, one},
    tools::Counter,
};

fn policy(max_attempts: u32, delay_ms: u64, backoff: Backoff) -> RetryPolicy {
    RetryPolicy { max_attempts, delay_ms, backoff, jitter: Jitter::None, ..RetryPolicy::default() }
}

pub(super) async fn a_node_is_tried_until_it_succeeds(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let calls = Counter::default();
        let (counted, seen) = (calls.clone(), Arc::new(Mutex::new(Vec::new())));
        let noted = Arc::clone(&seen);
        let node = Node::with(flavour, move |inputs, cx| {
            noted.lock().expect("no panic").push((
                cx.attempt(),
                cx.idempotency_key(),
                inputs.get(0).cloned(),
            ));
            if counted.hit() < 3 { Err(Error::node("test.early", "not yet")) } else { one(7) }
        });
        lab.node("before", Node::give("given"))
            .node("node", node.needs(&["x"]).retry(policy(5, 0, Backoff::Fixed)));
        lab.wire("before.out", "node.x");
        assert_eq!(*out(&lab.ok().await, "node"), value!(7), "{flavour:?}");
        assert_eq!(calls.get(), 3);
        let seen = seen.lock().expect("no panic");
        assert_eq!(seen.iter().map(|(attempt, ..)| *attempt).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(seen.iter().all(|(_, key, _)| *key == seen[0].1), "the key is the same for every attempt");
        assert!(seen.iter().all(|(.., input)| *input == Some(value!("given"))), "so are the inputs");
    }
}

pub(super) async fn attempts_end_at_the_most_allowed(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    let counted = calls.clone();
    let node = Node::inline(move |_, cx| {
        counted.hit();
        Err(Error::node("test.again", format!("attempt {}", cx.attempt())))
    });
    lab.node("node", node.retry(policy(3, 0, Backoff::Fixed)));
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("node", "test.again")]);
    assert_eq!(ended.error.message(), "attempt 3", "the last failure is told");
    assert_eq!(calls.get(), 3);
}

pub(super) async fn what_cannot_succeed_is_not_tried_again(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    let counted = calls.clone();
    let node = Node::compute(move |_, _| {
        counted.hit();
        Err(Error::node("test.never", "never").with_retry(Retry::Never))
    });
    lab.node("node", node.retry(policy(5, 0, Backoff::Fixed)));
    lab.unfinished().await;
    assert_eq!(calls.get(), 1);
}

pub(super) async fn waits_between_attempts_are_kept(make: Make) {
    for (backoff, least) in [(Backoff::Fixed, 60), (Backoff::Exponential, 140)] {
        let mut lab = Lab::new(&make);
        lab.node("node", Node::fail("test.again").retry(policy(4, 20, backoff)));
        let began = Instant::now();
        lab.unfinished().await;
        let took = began.elapsed();
        println!("{backoff:?}: three waits took {took:?}, at least {least} ms");
        assert!(took >= Duration::from_millis(least), "{backoff:?}: {took:?}");
    }
}

pub(super) async fn a_wait_that_the_failure_asks_for_is_kept(make: Make) {
    let mut lab = Lab::new(&make);
    let wait = Duration::from_millis(80);
    let node =
        Node::inline(move |_, _| Err(Error::node("test.later", "later").with_retry(Retry::After(wait))));
    lab.node("node", node.retry(policy(2, 1, Backoff::Fixed)));
    let began = Instant::now();
    lab.unfinished().await;
    println!("took {:?}, at least {wait:?}", began.elapsed());
    assert!(began.elapsed() >= wait);
}

pub(super) async fn each_retry_is_told(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("node", Node::fail("test.again").retry(policy(3, 5, Backoff::Exponential)));
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let events = record(handle.events().expect("the first call gets them")).await;
    let retrying: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::NodeRetrying { delay_ms, .. } => Some((event.attempt, *delay_ms)),
            _ => None,
        })
        .collect();
    assert_eq!(retrying, [(Some(1), 5.0), (Some(2), 10.0)]);
    handle.await.expect_err("it fails in the end");
}

pub(super) async fn a_breaker_that_opens_between_attempts_does_not_hide_the_failure(make: Make) {
    let mut lab = Lab::new(&make);
    let breaker = BreakerPolicy { failure_threshold: 2, ..BreakerPolicy::default() };
    let retry = RetryPolicy { max_attempts: 5, delay_ms: 0, ..RetryPolicy::default() };
    let options = NodeOptions { breaker: Some(breaker), retry: Some(retry), ..NodeOptions::default() };
    let down = Node::inline(|_, _| Err(Error::node("test.down", "down")));
    lab.node("node", down.options(options));
    assert_eq!(failures(&lab.unfinished().await), [("node", "test.down")]);
}

pub(super) async fn a_breaker_opens_over_runs_and_closes_after_a_trial(make: Make) {
    let mut lab = Lab::new(&make);
    let clock = Arc::new(ManualClock::default());
    lab.settings.clock = Arc::clone(&clock) as _;
    let calls = Counter::default();
    let counted = calls.clone();
    let node = Node::inline(move |inputs, _| {
        counted.hit();
        if inputs.bool(0)? == Some(true) { one(1) } else { Err(Error::node("test.down", "down")) }
    });
    let breaker = BreakerPolicy { failure_threshold: 3, open_ms: 1000, half_open_trials: 1 };
    let options = NodeOptions { breaker: Some(breaker), ..NodeOptions::default() };
    lab.node("node", node.needs(&["up"]).options(options));
    let (runtime, workflow) = lab.ready();
    let run = async |up: bool| {
        let outcome = runtime.execute_async(&workflow, Params::new().with("node", "up", up)).await;
        outcome.map_or_else(|error| error.errors()[0].error.code().to_owned(), |_| "ok".to_owned())
    };
    for _ in 0..3 {
        assert_eq!(run(false).await, "test.down");
    }
    assert_eq!((run(true).await.as_str(), calls.get()), ("breaker.open", 3), "open: the body is not called");
    clock.advance(Duration::from_millis(1000));
    assert_eq!(run(false).await, "test.down", "half open: one trial");
    assert_eq!((run(true).await.as_str(), calls.get()), ("breaker.open", 4), "the trial failed: open again");
    clock.advance(Duration::from_millis(1000));
    assert_eq!(run(true).await, "ok");
    assert_eq!(run(false).await, "test.down", "closed again");
    assert_eq!(run(true).await, "ok", "one failure does not open it");
}

//! Limiters against their laws; limits shared by runs, on time that stands still until all wait.

use std::time::Duration;

use futures_util::future::join_all;
use kailash_core::{
    ErrorKind, Map, Result, Retry, Services, Value, exec::Monotonic, testing::NodeTest, value,
};
use proptest::prelude::*;
use reqwest::StatusCode;
use tokio::time::Instant;
use wiremock::ResponseTemplate;

use super::{
    RateLimitedApi, RateLimits, Strategy as Counting,
    limiter::{Limiter, RateLimit},
};
use crate::http::tests::served::serving;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn limit(strategy: Counting, max_requests: u32, window: Duration, burst: u32) -> RateLimit {
    RateLimit { strategy, max_requests, window, burst }
}

fn at(nanos: u64) -> Monotonic {
    Monotonic::from_nanos(nanos)
}

#[test]
fn a_bucket_gives_its_burst_at_once_and_then_one_by_one() {
    let mut limiter = Limiter::new(limit(Counting::TokenBucket, 10, SECOND, 3));
    let start = at(5_000_000_000);
    for _ in 0..3 {
        limiter.admit(start).unwrap();
    }
    assert_eq!(limiter.admit(start), Err(SECOND / 10));
    assert_eq!(limiter.admit(start.after(SECOND / 20)), Err(SECOND / 20));
    limiter.admit(start.after(SECOND / 10)).unwrap();
    assert_eq!(limiter.wait(start.after(SECOND / 10), 4), SECOND / 2);
    assert!(!limiter.is_idle(start.after(SECOND / 10)) && limiter.is_idle(start.after(SECOND)));
}

#[test]
fn a_window_gives_no_more_until_its_oldest_request_is_a_window_ago() {
    let mut limiter = Limiter::new(limit(Counting::SlidingWindow, 2, SECOND, 1));
    limiter.admit(at(0)).unwrap();
    limiter.admit(at(600_000_000)).unwrap();
    assert_eq!(limiter.admit(at(700_000_000)), Err(Duration::from_millis(300)));
    limiter.admit(at(1_000_000_000)).unwrap();
    assert_eq!(limiter.admit(at(1_000_000_000)), Err(Duration::from_millis(600)));
    assert!(!limiter.is_idle(at(1_999_999_999)) && limiter.is_idle(at(2_000_000_000)));
}

proptest! {
    #[test]
    fn no_window_ever_sees_more_than_its_limit(
        sliding: bool,
        most in 1_u32..12,
        burst in 1_u32..12,
        window in 1_u64..1000,
        steps in prop::collection::vec(0_u64..200, 1..200),
    ) {
        let strategy = if sliding { Counting::SlidingWindow } else { Counting::TokenBucket };
        let mut limiter = Limiter::new(limit(strategy, most, Duration::from_nanos(window), burst));
        let mut now = 0;
        let mut sent: Vec<u64> = Vec::new();
        for step in steps {
            now += step;
            match limiter.admit(at(now)) {
                Ok(()) => sent.push(now),
                // What it says is neither too long nor too short.
                Err(wait) => {
                    let wait = u64::try_from(wait.as_nanos()).unwrap();
                    prop_assert_eq!(limiter.wait(at(now + wait), 0), Duration::ZERO);
                    prop_assert!(limiter.wait(at(now + wait - 1), 0) > Duration::ZERO);
                }
            }
        }
        for (first, from) in sent.iter().enumerate() {
            for (last, to) in sent.iter().enumerate().skip(first) {
                let (seen, length) = ((last - first + 1) as u64, to - from);
                if sliding {
                    prop_assert!(length >= window || seen <= u64::from(most), "{seen} within {length}");
                } else {
                    let allowed = u64::from(burst) + length * u64::from(most) / window;
                    prop_assert!(seen <= allowed, "{seen} within {length}, {allowed} allowed");
                }
            }
        }
    }

    #[test]
    fn the_wait_behind_others_is_what_it_turns_out_to_be(
        sliding: bool,
        most in 1_u32..6,
        burst in 1_u32..6,
        window in 1_u64..100,
        steps in prop::collection::vec(0_u64..50, 0..20),
        ahead in 0_usize..20,
    ) {
        let strategy = if sliding { Counting::SlidingWindow } else { Counting::TokenBucket };
        let mut limiter = Limiter::new(limit(strategy, most, Duration::from_nanos(window), burst));
        let (mut now, mut went) = (0, 0);
        for step in steps {
            now += step;
            went += u32::from(limiter.admit(at(now)).is_ok());
        }
        prop_assert!(now == 0 || went > 0);
        let told = limiter.wait(at(now), ahead);
        let mut then = at(now);
        for _ in 0..=ahead {
            while let Err(wait) = limiter.admit(then) {
                then = then.after(wait);
            }
        }
        prop_assert_eq!(told, then.saturating_since(at(now)));
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_runs_share_a_limit_and_go_in_the_order_in_which_they_came() {
    let limits = RateLimits::default();
    let limit = limit(Counting::SlidingWindow, 2, SECOND, 1);
    let began = Instant::now();
    let went = join_all((0..6).map(|_| async {
        limits.clone().pass("api", limit, MINUTE).await.unwrap();
        began.elapsed().as_secs()
    }));
    assert_eq!(went.await, [0, 0, 1, 1, 2, 2]);
}

#[tokio::test(start_paused = true)]
async fn keys_and_different_limits_do_not_wait_for_each_other() {
    let limits = RateLimits::default();
    let one = limit(Counting::TokenBucket, 1, MINUTE, 1);
    let two = limit(Counting::TokenBucket, 2, MINUTE, 1);
    for (key, limit) in [("a", one), ("b", one), ("a", two)] {
        assert_eq!(limits.pass(key, limit, Duration::ZERO).await.unwrap(), Duration::ZERO);
    }
    assert!(limits.pass("a", one, Duration::ZERO).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn too_long_a_line_is_refused_at_once_with_the_time_it_would_take() {
    let limits = RateLimits::default();
    let limit = limit(Counting::TokenBucket, 1, SECOND, 1);
    limits.pass("api", limit, Duration::ZERO).await.unwrap();
    let (first, second) = tokio::join!(limits.pass("api", limit, 3 * SECOND / 2), async {
        let began = Instant::now();
        let error = limits.pass("api", limit, 3 * SECOND / 2).await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        error
    });
    assert!(first.unwrap() <= SECOND + Duration::from_millis(2));
    assert_eq!((second.kind(), second.code()), (ErrorKind::Limit, "http.rate_limited"));
    assert_eq!(second.retry(), Retry::After(2 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_waiting_takes_nothing_from_the_others() {
    let limits = RateLimits::default();
    let limit = limit(Counting::TokenBucket, 1, SECOND, 1);
    limits.pass("api", limit, Duration::ZERO).await.unwrap();
    let given_up = tokio::time::timeout(SECOND / 2, limits.pass("api", limit, MINUTE)).await;
    assert!(given_up.is_err());
    let waited = limits.pass("api", limit, MINUTE).await.unwrap();
    assert!(waited <= SECOND / 2 + Duration::from_millis(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_has_enough_makes_all_with_the_key_wait() {
    let limits = RateLimits::default();
    let wide = limit(Counting::TokenBucket, 1000, SECOND, 1000);
    limits.heard("api", StatusCode::TOO_MANY_REQUESTS, Some(10 * SECOND));
    let (api, other) = tokio::join!(limits.pass("api", wide, MINUTE), limits.pass("other", wide, MINUTE));
    assert_eq!((api.unwrap().as_secs(), other.unwrap()), (10, Duration::ZERO));
    limits.heard("api", StatusCode::TOO_MANY_REQUESTS, Some(MINUTE));
    let error = limits.pass("api", wide, SECOND).await.unwrap_err();
    assert_eq!(error.retry(), Retry::After(MINUTE));
    // A server that never wants to hear of anybody again is asked again after an hour.
    limits.heard("api", StatusCode::TOO_MANY_REQUESTS, Some(Duration::MAX));
    assert_eq!(limits.pass("api", wide, 100 * MINUTE).await.unwrap().as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_say_how_long_is_left_alone_for_longer_each_time() {
    let limits = RateLimits::default();
    let wide = limit(Counting::TokenBucket, 1000, SECOND, 1000);
    let mut waits = Vec::new();
    for status in [429, 429, 429, 200, 429] {
        limits.heard("api", StatusCode::from_u16(status).unwrap(), None);
        waits.push(limits.pass("api", wide, MINUTE).await.unwrap().as_secs());
    }
    assert_eq!(waits, [1, 2, 4, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_comes_while_one_waits_ends_in_refusal_not_in_waiting_forever() {
    let limits = RateLimits::default();
    let limit = limit(Counting::TokenBucket, 1, SECOND, 1);
    limits.pass("api", limit, Duration::ZERO).await.unwrap();
    let began = Instant::now();
    let waiting = join_all((0..2).map(|_| limits.pass("api", limit, 3 * SECOND)));
    let pause = async {
        tokio::time::sleep(SECOND / 2).await;
        limits.heard("api", StatusCode::TOO_MANY_REQUESTS, Some(MINUTE));
    };
    let (results, ()) = tokio::join!(waiting, pause);
    assert!(
        results.iter().all(|result| result.as_ref().is_err_and(|error| error.code() == "http.rate_limited"))
    );
    assert!(began.elapsed() <= 3 * SECOND);
}

fn node(config: Value, limits: &RateLimits) -> NodeTest {
    let services = Services::builder().with(limits.clone()).unwrap().build();
    NodeTest::new::<RateLimitedApi>(config, &services).unwrap()
}

async fn run(config: Value, given: Value) -> Result<Map> {
    node(config, &RateLimits::default()).run(given).await
}

#[tokio::test]
async fn two_plans_share_the_limit_of_an_origin() {
    let server = serving(ResponseTemplate::new(200)).await;
    let limits = RateLimits::default();
    let config = value!({"max_requests": 1, "time_window_s": 0.2, "strategy": "sliding_window"});
    let plans = [node(config.clone(), &limits), node(config, &limits)];
    let began = std::time::Instant::now();
    let runs = plans.iter().flat_map(|plan| {
        ["/a", "/b"].map(|path| plan.run(value!({"url": (format!("{}{path}", server.uri()))})))
    });
    let outputs: Vec<Map> = join_all(runs).await.into_iter().map(Result::unwrap).collect();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(600), "four requests, the last three windows later: {took:?}");
    let mut waits: Vec<f64> =
        outputs.iter().map(|outputs| outputs.get("waited_ms").and_then(Value::as_f64).unwrap()).collect();
    waits.sort_by(f64::total_cmp);
    // With a limit of its own, neither plan would wait for more than one window.
    assert!(waits[0] < 200.0 && waits[3] >= 300.0, "{waits:?}");
    assert_eq!(server.received_requests().await.unwrap().len(), 4);
}

#[tokio::test]
async fn every_attempt_counts() {
    let server = serving(ResponseTemplate::new(503)).await;
    let config = value!({"max_requests": 2, "time_window_s": 60, "max_wait_s": 0, "retry_count": 5, "retry_backoff_s": 0});
    let error = run(config, value!({"url": (server.uri())})).await.unwrap_err();
    assert_eq!(error.code(), "http.rate_limited");
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn redirects_count() {
    let server = serving(ResponseTemplate::new(302).insert_header("location", "/again")).await;
    let config = value!({"max_requests": 3, "time_window_s": 60, "max_wait_s": 0});
    let error = run(config, value!({"url": (server.uri())})).await.unwrap_err();
    assert_eq!(error.code(), "http.rate_limited");
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_429_for_one_run_slows_the_next_one() {
    let server = serving(ResponseTemplate::new(429).insert_header("retry-after", "3600")).await;
    let limits = RateLimits::default();
    let given = value!({"url": (server.uri())});
    let config = value!({"limit_key": "shop"});
    let first = node(config.clone(), &limits).run(given.clone()).await.unwrap();
    assert_eq!(first.get("status_code"), Some(&value!(429)));
    let error = node(config, &limits).run(given.clone()).await.unwrap_err();
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!(wait > 59 * MINUTE && wait <= 60 * MINUTE, "{wait:?}");
    assert_eq!(error.place(), Some("shop"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    assert!(node(value!({"limit_key": "else"}), &limits).run(given).await.is_ok());
}

#[test]
fn limits_that_cannot_be_kept_are_refused_all_at_once() {
    let config =
        value!({"max_requests": 0, "time_window_s": 0, "max_wait_s": (-1), "burst_limit": 0, "timeout_s": 0});
    let error = NodeTest::new::<RateLimitedApi>(config, &Services::default()).err().unwrap();
    let text = format!("{error:?} {error}");
    for name in ["max_requests", "time_window_s", "max_wait_s", "burst_limit", "timeout_s"] {
        assert!(text.contains(name), "{name}: {text}");
    }
    let config = value!({"strategy": "sliding_window", "burst_limit": 5});
    assert!(NodeTest::new::<RateLimitedApi>(config, &Services::default()).is_err());
}

#[test]
fn thousands_of_keys_at_rest_are_forgotten_and_those_in_use_are_not() {
    let limits = RateLimits::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let hour = limit(Counting::SlidingWindow, 1, 60 * MINUTE, 1);
        limits.pass("kept", hour, Duration::ZERO).await.unwrap();
        for n in 0..5000 {
            limits.heard(&n.to_string(), StatusCode::OK, None);
        }
        assert!(limits.keys() <= 4097, "{}", limits.keys());
        assert!(limits.pass("kept", hour, Duration::ZERO).await.is_err());
    });
}

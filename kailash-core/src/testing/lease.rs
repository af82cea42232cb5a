//! What every [`Lease`] must do.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use super::{
    Check,
    together::{checks, together},
};
use crate::{
    Error, ErrorKind, Text,
    exec::{Grant, Lease, Token},
};

/// Leases with nobody holding any, and a way to let their time pass.
#[derive(Clone)]
pub struct Bench {
    /// The leases.
    pub lease: Arc<dyn Lease>,
    /// Lets time pass: moves the clock they read, or waits.
    pub pass: Pass,
    /// A time to live that is long beside a round trip and short enough to wait for.
    pub ttl: Duration,
}

/// Lets time pass: moves the clock that leases read, or waits.
pub type Pass = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Every check; each wants leases that nobody holds.
pub const CHECKS: &[Check<Bench>] = checks![
    Bench:
    a_grant_names_key_and_holder,
    a_held_key_is_refused_to_everybody,
    of_concurrent_holders_exactly_one_wins,
    keys_are_apart_from_each_other,
    a_lease_expires_by_itself,
    renewing_extends_a_lease,
    renewing_may_shorten_a_lease,
    an_expired_lease_cannot_be_renewed_even_if_nobody_took_it,
    a_released_key_is_free_at_once,
    a_released_lease_cannot_be_renewed,
    tokens_grow_with_every_grant,
    a_stale_token_neither_renews_nor_releases,
];

/// Runs every check, each on leases of its own.
///
/// # Panics
/// If a rule is broken.
pub async fn conformance(make: impl AsyncFn() -> Bench) {
    for (_, check) in CHECKS {
        check(make().await).await;
    }
}

impl Bench {
    async fn take(&self, holder: &str) -> Grant {
        self.lease.acquire("key", holder, self.ttl).await.expect("a free key is granted")
    }

    async fn pass(&self, part: f64) {
        (self.pass)(self.ttl.mul_f64(part)).await;
    }

    async fn holder(&self) -> Option<Grant> {
        self.lease.holder("key").await.expect("asking for the holder succeeds")
    }
}

fn assert_code(result: Result<(), Error>, code: &str, why: &str) {
    let error = result.expect_err(why);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Conflict, code), "{why}: {error}");
}

async fn a_grant_names_key_and_holder(bench: Bench) {
    assert_eq!(bench.holder().await, None, "a key that nobody took has no holder");
    let grant = bench.take("a").await;
    assert_eq!((&*grant.key, &*grant.holder), ("key", "a"), "a grant names its key and holder");
    assert_eq!(bench.holder().await, Some(grant), "the grant in force is the one given");
}

async fn a_held_key_is_refused_to_everybody(bench: Bench) {
    let grant = bench.take("a").await;
    for holder in ["b", "a"] {
        let result = bench.lease.acquire("key", holder, bench.ttl).await;
        assert_code(result.map(drop), "lease.held", "a held key is refused, to its holder too");
    }
    assert_eq!(bench.holder().await, Some(grant), "a refused attempt changes nothing");
}

async fn of_concurrent_holders_exactly_one_wins(bench: Bench) {
    let holders: Vec<Text> = (0..8).map(|n| Text::from(format!("holder-{n}"))).collect();
    let results = together(holders.iter().map(|holder| bench.lease.acquire("key", holder, bench.ttl))).await;
    let granted: Vec<Grant> = results.into_iter().filter_map(Result::ok).collect();
    assert_eq!(granted.len(), 1, "of 8 holders exactly one is granted the key");
    assert_eq!(bench.holder().await.as_ref(), granted.first(), "and it is the holder");
}

async fn keys_are_apart_from_each_other(bench: Bench) {
    let grant = bench.take("a").await;
    let other = bench.lease.acquire("other", "b", bench.ttl).await.expect("another key is free");
    bench.lease.release(&other).await.expect("releasing succeeds");
    assert_eq!(bench.holder().await, Some(grant), "another key's release changes nothing");
}

async fn a_lease_expires_by_itself(bench: Bench) {
    bench.take("a").await;
    bench.pass(0.5).await;
    assert!(bench.holder().await.is_some(), "a lease holds until its time to live is over");
    bench.pass(0.6).await;
    assert_eq!(bench.holder().await, None, "an expired lease is not in force");
    assert_eq!(&*bench.take("b").await.holder, "b", "an expired key is free");
}

async fn renewing_extends_a_lease(bench: Bench) {
    let grant = bench.take("a").await;
    for _ in 0..3 {
        bench.pass(0.6).await;
        bench.lease.renew(&grant, bench.ttl).await.expect("a lease in force is renewed");
    }
    assert_eq!(bench.holder().await, Some(grant), "a renewed lease keeps its token and stays in force");
}

async fn renewing_may_shorten_a_lease(bench: Bench) {
    let grant = bench.take("a").await;
    bench.lease.renew(&grant, bench.ttl.mul_f64(0.2)).await.expect("a lease in force is renewed");
    bench.pass(0.4).await;
    assert_eq!(bench.holder().await, None, "a renewal counts from now, whatever was left");
}

async fn an_expired_lease_cannot_be_renewed_even_if_nobody_took_it(bench: Bench) {
    let grant = bench.take("a").await;
    bench.pass(1.2).await;
    assert_code(bench.lease.renew(&grant, bench.ttl).await, "lease.lost", "an expired lease is lost");
    assert_eq!(bench.holder().await, None, "a failed renewal does not bring it back");
    bench.lease.release(&grant).await.expect("releasing a lost lease is no error");
}

async fn a_released_key_is_free_at_once(bench: Bench) {
    let grant = bench.take("a").await;
    bench.lease.release(&grant).await.expect("releasing succeeds");
    assert_eq!(bench.holder().await, None, "a released key has no holder");
    bench.take("b").await;
    bench.lease.release(&grant).await.expect("releasing again is no error");
    assert!(bench.holder().await.is_some(), "releasing again does not end somebody else's lease");
}

async fn a_released_lease_cannot_be_renewed(bench: Bench) {
    let grant = bench.take("a").await;
    bench.lease.release(&grant).await.expect("releasing succeeds");
    assert_code(bench.lease.renew(&grant, bench.ttl).await, "lease.lost", "a released lease is lost");
}

async fn tokens_grow_with_every_grant(bench: Bench) {
    let mut last = Token(0);
    for round in 0..4 {
        let grant = bench.take("a").await;
        assert!(round == 0 || grant.token > last, "a token is larger than all before it: {:?}", grant.token);
        last = grant.token;
        if round % 2 == 0 {
            bench.lease.release(&grant).await.expect("releasing succeeds");
        } else {
            bench.pass(1.2).await;
        }
    }
}

async fn a_stale_token_neither_renews_nor_releases(bench: Bench) {
    let stale = bench.take("a").await;
    bench.pass(1.2).await;
    let current = bench.take("a").await;
    assert_code(bench.lease.renew(&stale, bench.ttl).await, "lease.lost", "a stale token is never renewed");
    bench.lease.release(&stale).await.expect("releasing a lost lease is no error");
    assert_eq!(
        bench.holder().await,
        Some(current),
        "a stale token does not touch the same holder's new lease"
    );
}

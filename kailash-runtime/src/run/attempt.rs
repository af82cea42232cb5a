//! One unit under its policies: circuit breaker, time limit, retries with backoff.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use kailash_core::{
    Error, ErrorKind, Result, Retry,
    event::What,
    exec::{Admitted, Breaker, Monotonic, NodeOptions},
    node::{Context, Inputs, Outcome, UnitKey},
};

use super::{Run, body, engine::BreakerKey};
use crate::{
    plan::{Unit, Work},
    schedule::Ready,
};

/// How many circuit breakers a runtime keeps before it forgets those that nothing is known of.
const MAX_BREAKERS: usize = 4096;

/// Runs a unit until it succeeds or its policies give up.
pub(crate) async fn attempts(run: Arc<Run>, scope: u32, unit: UnitKey, inputs: Inputs) -> Result<Outcome> {
    let plan = Arc::clone(&run.shared.plan);
    let planned = &plan.scopes[scope as usize].units[unit.node as usize];
    let default = NodeOptions::default();
    let options = planned.options.as_deref().unwrap_or(&default);
    let mut attempt = 1;
    let mut failed: Option<Error> = None;
    loop {
        // A breaker that the node's own failures opened is not why it failed.
        let breaker = match BreakerCall::admit(&run, scope, unit, options) {
            Ok(breaker) => breaker,
            Err(open) => return Err(failed.unwrap_or(open)),
        };
        let last = options.retry.as_ref().is_none_or(|retry| attempt >= retry.max_attempts);
        let error = match one(&run, planned, options, unit, attempt, inputs.clone()).await {
            Ok(outcome) => {
                breaker.record(true);
                if let Outcome::Suspend(_) = outcome {
                    run.keep(Ready { unit, scope, inputs });
                }
                return Ok(outcome);
            }
            Err(error) => error,
        };
        if error.kind() == ErrorKind::Cancelled {
            breaker.forget();
        } else {
            breaker.record(false);
        }
        let delay = match &options.retry {
            Some(retry) if !last => retry.next_delay(attempt, &error, chance(&run, unit, attempt)),
            _ => None,
        };
        let Some(delay) = delay else { return Err(error) };
        let delay_ms = delay.as_secs_f64() * 1e3;
        run.shared.tell_each(
            unit,
            Some(attempt),
            &What::NodeRetrying { message: error.to_string(), delay_ms },
        );
        tokio::time::sleep(delay).await;
        attempt += 1;
        failed = Some(error);
    }
}

/// One attempt, within the time limits of the node and of the run.
async fn one(
    run: &Arc<Run>,
    planned: &Unit,
    options: &NodeOptions,
    unit: UnitKey,
    attempt: u32,
    inputs: Inputs,
) -> Result<Outcome> {
    let work = &planned.work;
    let seat = match work {
        Work::Compute(_) => Some(run.engine.lane.seat().await?),
        // What is tiny runs here, unless its author is not so sure.
        Work::Inline(_) if options.timeout().is_some() => Some(run.engine.lane.seat().await?),
        _ => None,
    };
    let now = run.shared.clock.monotonic();
    let own = options.timeout().map(|timeout| now.after(timeout));
    let deadline = [own, run.deadline].into_iter().flatten().min();
    let scope: Arc<dyn kailash_core::node::RunScope> = Arc::clone(&run.shared) as _;
    let cx = Context::new(scope, unit, attempt, deadline);
    run.shared.tell_each(unit, Some(attempt), &What::NodeStarted);
    let call = async {
        match work {
            Work::Inline(body) | Work::Compute(body) => match seat {
                Some(seat) => run.engine.lane.run(seat, Arc::clone(body), inputs, cx).await,
                None => body::guarded(|| body.run(inputs, &cx)),
            },
            Work::Future(future) => {
                let future = body::guarded(|| Ok(future.run(inputs, cx)))?;
                body::Flight::new(unit, future).await.1
            }
            Work::Pipeline(pipeline) => {
                super::pipeline::run(run, Arc::clone(pipeline), inputs, &cx, deadline).await
            }
            Work::Cycle(_) | Work::Nested(_) | Work::Each(_) => Err(Error::internal("a scope is no body")),
        }
    };
    let outcome = match options.timeout() {
        None => call.await,
        Some(limit) => tokio::time::timeout(limit, call).await.unwrap_or_else(|_| Err(timed_out(limit))),
    };
    let outcome = outcome.and_then(|outcome| body::checked(outcome, planned));
    match &outcome {
        Ok(Outcome::Done(_)) => finished(run, unit, attempt, now),
        Ok(Outcome::Suspend(wake)) => {
            let (until, signal) = (wake.at(), wake.signal().cloned());
            run.shared.tell(unit, Some(attempt), What::NodeSuspended { until, signal });
        }
        Err(_) => {}
    }
    outcome
}

/// Tells listeners that an attempt succeeded.
pub(crate) fn finished(run: &Run, unit: UnitKey, attempt: u32, started: Monotonic) {
    if run.shared.events.is_some() {
        let took = run.shared.clock.monotonic().saturating_since(started);
        let duration_ms = took.as_secs_f64() * 1e3;
        run.shared.tell_each(unit, Some(attempt), &What::NodeFinished { duration_ms });
    }
}

fn timed_out(limit: Duration) -> Error {
    Error::new(
        ErrorKind::Timeout,
        "node.timeout",
        format!("the node took longer than {} ms", limit.as_millis()),
    )
}

/// A number in [0, 1) that is the same whenever the same attempt of the same run is decided again.
fn chance(run: &Run, unit: UnitKey, attempt: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (run.shared.run, unit, attempt).hash(&mut hasher);
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    let fraction = (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}

/// A call that a circuit breaker let through. A call that is dropped half-way says nothing about the callee.
struct BreakerCall<'r> {
    run: &'r Run,
    call: Option<(BreakerKey, Admitted)>,
}

impl<'r> BreakerCall<'r> {
    fn admit(run: &'r Run, scope: u32, unit: UnitKey, options: &NodeOptions) -> Result<Self> {
        let Some(policy) = &options.breaker else { return Ok(Self { run, call: None }) };
        let plan = &run.shared.plan;
        let node = plan.scopes[scope as usize].unit_name(unit.node).clone();
        let key = (plan.workflow.fingerprint(), scope, node);
        let now = run.shared.clock.monotonic();
        let mut breakers = run.engine.breakers();
        if breakers.len() >= MAX_BREAKERS {
            breakers.retain(|_, breaker| !breaker.is_idle());
        }
        let breaker = breakers.entry(key.clone()).or_insert_with(|| Breaker::new(policy.clone()));
        if let Some(admitted) = breaker.admit(now) {
            return Ok(Self { run, call: Some((key, admitted)) });
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            "breaker.open",
            "the circuit breaker is open after repeated failures",
        )
        .with_retry(Retry::After(Duration::from_millis(policy.open_ms))))
    }

    fn with(&mut self, act: impl FnOnce(&mut Breaker, Admitted)) {
        if let Some((key, admitted)) = self.call.take()
            && let Some(breaker) = self.run.engine.breakers().get_mut(&key)
        {
            act(breaker, admitted);
        }
    }

    fn record(mut self, success: bool) {
        let now = self.run.shared.clock.monotonic();
        self.with(|breaker, admitted| breaker.record(admitted, success, now));
    }

    fn forget(mut self) {
        self.with(Breaker::forget);
    }
}

impl Drop for BreakerCall<'_> {
    fn drop(&mut self) {
        self.with(Breaker::forget);
    }
}

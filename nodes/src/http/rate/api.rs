//! Sends HTTP requests under a rate limit that all runs of a host share.

use std::{sync::Arc, time::Duration};

use kailash_core::{
    Kind, Result, Text, Value,
    node::{Body, BuildContext, Effect, NodeType, Output, Setup, Spec},
    validate::Issue,
};

use super::{
    limiter::{RateLimit, Strategy},
    limits::{Gate, RateLimits},
};
use crate::http::{
    ResponseFormat,
    config::{check_bound, check_seconds, check_url, duration, request_config},
    parts::method,
    request::{Requester, inputs, outputs},
};

/// The most requests that a window may be given.
const MOST: u32 = 100_000;

request_config! {
    /// Sends an HTTP request under a rate limit.
    ///
    /// Requests with the same `limit_key` and the same limit are counted together, whatever run or workflow of the host
    /// they are part of; each attempt and each redirect counts. When a server answers 429, all requests with the key
    /// wait.
    pub struct RateLimitedApi {
        /// The most requests in a window; for `token_bucket` on average.
        #[serde(default = "max_requests")]
        max_requests: u32,
        /// The length of a window in seconds.
        #[serde(default = "time_window_s", alias = "time_window")]
        time_window_s: f64,
        /// How requests are counted.
        #[serde(default)]
        strategy: Strategy,
        /// The most requests at once, of a `token_bucket`; `max_requests` if not given.
        #[serde(default)]
        burst_limit: Option<u32>,
        /// Seconds that a request may wait for its turn. If it is known to take longer, the node fails at once with the
        /// advice to try again later.
        #[serde(default = "max_wait_s")]
        max_wait_s: f64,
        /// Whose requests are counted together; those to one origin if not given.
        #[serde(default)]
        limit_key: Option<String>,
        /// What the content of the answer becomes.
        #[serde(default)]
        response_format: ResponseFormat,
        /// Whether a status other than 2xx fails the node.
        #[serde(default)]
        raise_for_status: bool,
    }
}

fn max_requests() -> u32 {
    100
}

fn time_window_s() -> f64 {
    60.0
}

fn max_wait_s() -> f64 {
    60.0
}

impl NodeType for RateLimitedApi {
    fn spec() -> Spec {
        let waited = Output::new(
            "waited_ms",
            Kind::Number,
            "How long the requests waited for their turn, in milliseconds.",
        );
        Spec::new(
            "RateLimitedAPI",
            "http",
            "Sends an HTTP request under a rate limit that all runs of a host share.",
        )
        .inputs(inputs())
        .outputs(outputs().into_iter().chain([waited]))
        .effect(Effect::Effectful)
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        setup.honours_key = self.idempotent;
        self.how().check(setup);
        check_url(setup);
        check_bound(setup, self.auth.as_ref());
        check_seconds(setup, "time_window_s", self.time_window_s, 0.001);
        check_seconds(setup, "max_wait_s", self.max_wait_s, 0.0);
        let mut wrong = |name: &str, message: String| {
            setup.issues.push(Issue::error("config.limit", message).at(format!("config.{name}")));
        };
        if !(1..=MOST).contains(&self.max_requests) {
            wrong("max_requests", format!("max_requests is {}, must be 1 to {MOST}", self.max_requests));
        }
        match (self.strategy, self.burst_limit) {
            (Strategy::SlidingWindow, Some(_)) => {
                wrong("burst_limit", "a sliding window has no burst_limit".to_owned());
            }
            (_, Some(burst)) if !(1..=MOST).contains(&burst) => {
                wrong("burst_limit", format!("burst_limit is {burst}, must be 1 to {MOST}"));
            }
            _ => {}
        }
        match setup.config.get("method").and_then(Value::as_str) {
            Some(name) => method(name).map(drop).map_err(|error| error.at("method")),
            None => Ok(()),
        }
    }

    fn build(&self, cx: &BuildContext<'_>) -> Result<Body> {
        let mut exchange = self.how().exchange(cx.services)?;
        exchange.sending.gate = Some(Gate {
            limits: cx.services.require::<RateLimits>("RateLimits")?.clone(),
            limit: RateLimit {
                strategy: self.strategy,
                max_requests: self.max_requests,
                window: duration(self.time_window_s)?,
                burst: self.burst_limit.unwrap_or(self.max_requests),
            },
            key: self.limit_key.as_deref().map(Text::from),
            max_wait: duration(self.max_wait_s)?,
        });
        let (format, raise, idempotent) = (self.response_format, self.raise_for_status, self.idempotent);
        let requester = Arc::new(Requester { exchange, format, raise, idempotent });
        Ok(Body::future(move |inputs, cx| {
            let requester = Arc::clone(&requester);
            async move {
                let (mut outputs, waited) = requester.run(inputs, &cx).await?;
                outputs.set(3, millis(waited));
                Ok(outputs.into())
            }
        }))
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

//! Sends a request: one time limit per attempt, redirects followed without secrets, failures tried again.
//!
//! ```text
//! attempt ─> exchange ─> 3xx: next exchange (secrets only within one origin)
//!    ^          │
//!    └─ wait <──┴─ no connection, 429, 5xx: again, if repeating is harmless and attempts are left
//! ```

use std::time::Duration;

use kailash_core::{Error, ErrorKind, Result, Retry, node::Context};
use reqwest::{
    Client, Method, Response, StatusCode, Url,
    header::{
        AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, PROXY_AUTHORIZATION,
        RETRY_AFTER,
    },
};

use super::{
    error::{sending, shown, timeout, uncertain},
    exchange::Secret,
    message::Message,
    origin::Origins,
    rate::{Gate, RATE_LIMITED},
    response::{Answer, read_body},
};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;
/// The longest wait before another attempt; a server that asks for more gets no other attempt.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// How requests are sent.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    pub(super) timeout: Duration,
    pub(super) most: usize,
    pub(super) follow: bool,
    pub(super) retries: u32,
    pub(super) backoff: Duration,
    /// Where requests may go; anywhere without it.
    pub(super) within: Option<Origins>,
    /// What every request waits at.
    pub(super) gate: Option<Gate>,
}

impl Sending {
    /// Sends `message` with the header `secret` and gives the answer, whatever its status.
    ///
    /// # Errors
    /// What the last attempt failed with.
    pub(super) async fn send(
        &self,
        client: &Client,
        message: Message,
        secret: Option<Secret>,
        cx: &Context,
    ) -> Result<Answer> {
        let mut attempt = 0;
        let mut waited = Duration::ZERO;
        loop {
            cx.check()?;
            let outcome = self.attempt(client, message.clone(), secret.clone(), &mut waited, cx).await;
            let again = attempt < self.retries && worth_another(&outcome, message.harmless);
            let wait = match &outcome {
                Ok(answer) => retry_after(&answer.headers, cx),
                Err(_) => None,
            };
            let wait = wait.unwrap_or_else(|| self.pause(attempt));
            if !again || wait > MAX_WAIT || cx.deadline().is_some_and(|left| left <= wait) {
                return outcome.map(|answer| Answer { waited, ..answer });
            }
            attempt += 1;
            tracing::debug!(url = shown(&message.url), attempt, ?wait, "an HTTP request is tried again");
            tokio::time::sleep(wait).await;
        }
    }

    /// The wait after attempt number `attempt`, from 0, where the server asks for none.
    fn pause(&self, attempt: u32) -> Duration {
        self.backoff.saturating_mul(1 << attempt.min(16)).min(MAX_WAIT)
    }

    /// One request and the redirects that it leads to. The time at the gate is added to `waited` and does not count.
    ///
    /// # Errors
    /// Code `http.in_doubt` once a redirect has answered a request that may not be repeated: what it asked for may be
    /// done.
    async fn attempt(
        &self,
        client: &Client,
        message: Message,
        secret: Option<Secret>,
        waited: &mut Duration,
        cx: &Context,
    ) -> Result<Answer> {
        let harmless = message.harmless;
        let mut redirected = false;
        match self.hops(client, message, secret, waited, &mut redirected, cx).await {
            Ok(answer) => Ok(Answer { redirected, ..answer }),
            Err(error) if redirected && !harmless => Err(uncertain(error)),
            Err(error) => Err(error),
        }
    }

    /// As [`Self::attempt`], but for its errors; `redirected` becomes true with the first redirect.
    async fn hops(
        &self,
        client: &Client,
        mut message: Message,
        mut secret: Option<Secret>,
        waited: &mut Duration,
        redirected: &mut bool,
        cx: &Context,
    ) -> Result<Answer> {
        let mut took = Duration::ZERO;
        for _ in 0..=MAX_REDIRECTS {
            if let Some(origins) = &self.within {
                origins.check(&message.url)?;
            }
            if let Some(gate) = &self.gate {
                *waited += gate.pass(&message.url).await?;
            }
            let began = cx.clock().monotonic();
            let hop =
                tokio::time::timeout(self.timeout.saturating_sub(took), self.hop(client, &message, &secret));
            let hop = hop
                .await
                .unwrap_or_else(|_| Err(timeout(&message.url, Some(self.timeout), message.harmless)))?;
            took += cx.clock().monotonic().saturating_since(began);
            match hop {
                Hop::Moved(status, next) => {
                    *redirected = true;
                    redirect(&mut message, &mut secret, status, next);
                }
                Hop::Arrived(answer) => {
                    if let Some(gate) = &self.gate {
                        gate.heard(&message.url, answer.status, retry_after(&answer.headers, cx));
                    }
                    return Ok(Answer { took, ..answer });
                }
            }
        }
        let message = format!("more than {MAX_REDIRECTS} redirects, the last one to {}", shown(&message.url));
        Err(Error::new(ErrorKind::Limit, "http.redirects", message).with_retry(Retry::Never))
    }

    /// One request with its answer.
    async fn hop(&self, client: &Client, message: &Message, secret: &Option<Secret>) -> Result<Hop> {
        let response = exchange(client, message, secret.as_ref()).await?;
        let status = response.status();
        if let Some(next) = self.follow.then(|| next_url(&response)).flatten() {
            return next.map(|next| Hop::Moved(status, next));
        }
        let (headers, url) = (response.headers().clone(), response.url().clone());
        let body = read_body(response, self.most, message.harmless).await?;
        let (took, waited) = (Duration::ZERO, Duration::ZERO);
        Ok(Hop::Arrived(Answer { status, headers, url, body, took, waited, redirected: false }))
    }
}

/// What one request led to.
enum Hop {
    Moved(StatusCode, Url),
    Arrived(Answer),
}

/// Sends `message` as it is and gives the answer as soon as its head is there.
pub(super) async fn exchange(
    client: &Client,
    message: &Message,
    secret: Option<&Secret>,
) -> Result<Response> {
    let mut headers = message.headers.clone();
    if let Some((name, value)) = secret {
        headers.insert(name, value.clone());
    }
    let mut request = client.request(message.method.clone(), message.url.clone()).headers(headers);
    if let Some(body) = &message.body {
        request = request.body(body.clone());
    }
    request.send().await.map_err(|error| sending(error, &message.url, message.harmless))
}

/// Where a redirect leads.
fn next_url(response: &Response) -> Option<Result<Url>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let next = location.to_str().ok().and_then(|location| response.url().join(location).ok());
    let next = next.filter(|url| matches!(url.scheme(), "http" | "https"));
    Some(next.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, "http.redirect", "a redirect leads to no address of http or https")
            .at(shown(response.url()))
    }))
}

/// Turns `message` to `next` (RFC 9110, 15.4). What proves who sends it stays behind when the origin changes.
fn redirect(message: &mut Message, secret: &mut Option<Secret>, status: StatusCode, next: Url) {
    let becomes_get = match status.as_u16() {
        303 => message.method != Method::HEAD,
        301 | 302 => message.method == Method::POST,
        _ => false,
    };
    if becomes_get {
        message.method = Method::GET;
        message.body = None;
        message.headers.remove(CONTENT_TYPE);
        message.headers.remove(CONTENT_LENGTH);
    }
    if next.origin() != message.url.origin() {
        *secret = None;
        leave_origin(&mut message.headers);
    }
    message.url = next;
}

/// Takes out what proves who sends a request, before it goes to another origin.
pub(super) fn leave_origin(headers: &mut HeaderMap) {
    for name in [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
}

/// Whether another attempt may do better and can do no harm.
fn worth_another(outcome: &Result<Answer>, repeatable: bool) -> bool {
    match outcome {
        Ok(answer) => {
            let status = answer.status;
            repeatable && (status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error())
        }
        // Without a connection nothing was sent, unless a redirect came before: then the code is another one.
        Err(error) if error.code() == "http.connect" => true,
        Err(error) if error.code() == RATE_LIMITED => false,
        Err(error) => repeatable && error.retry() != Retry::Never,
    }
}

/// The wait that the server asks for: seconds, or a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap, cx: &Context) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond();
    let millis = at.saturating_sub(cx.clock().now().unix_millis());
    Some(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_give_up() {
        let sending = Sending {
            timeout: Duration::from_secs(1),
            most: 1,
            follow: true,
            retries: u32::MAX,
            backoff: Duration::from_millis(500),
            within: None,
            gate: None,
        };
        assert_eq!(sending.pause(0), Duration::from_millis(500));
        assert_eq!(sending.pause(3), Duration::from_secs(4));
        for attempt in [7, 16, u32::MAX] {
            assert_eq!(sending.pause(attempt), MAX_WAIT);
        }
    }
}

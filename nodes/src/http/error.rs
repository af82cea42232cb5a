//! Failures of HTTP in Kailash's terms. No message shows a query, a header's value or the user part of an address.

use std::{error::Error as StdError, time::Duration};

use kailash_core::{Error, ErrorKind, Retry};
use reqwest::{StatusCode, Url};

/// The address without what may be secret in it.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}

/// What `error`, met on the way to `url`, means. `repeatable` says whether repeating the request is harmless.
pub(super) fn sending(error: reqwest::Error, url: &Url, repeatable: bool) -> Error {
    let cause = cause(&error);
    let place = shown(url);
    let described = if error.is_timeout() {
        return timeout(url, None, repeatable);
    } else if is_tls(&cause) {
        Error::new(ErrorKind::Unavailable, "http.tls", format!("no secure connection: {cause}"))
            .with_retry(Retry::Never)
            .with_hint("is the server's certificate valid, and its authority known to this machine?")
    } else if error.is_connect() {
        Error::new(ErrorKind::Unavailable, "http.connect", format!("cannot connect: {cause}"))
    } else if error.is_builder() || error.is_request() && cause.contains("invalid URL") {
        Error::invalid("http.request", format!("not a request that can be sent: {cause}"))
    } else {
        let retry = if repeatable { Retry::After(Duration::ZERO) } else { Retry::Never };
        let error = Error::new(ErrorKind::Unavailable, "http.io", format!("the exchange broke off: {cause}"));
        in_doubt(error.with_retry(retry), repeatable)
    };
    described.at(place).with_source(error.without_url())
}

/// The time limit passed.
pub(super) fn timeout(url: &Url, limit: Option<Duration>, repeatable: bool) -> Error {
    let message = match limit {
        Some(limit) => format!("no answer within {limit:?}"),
        None => "no answer in time".to_owned(),
    };
    let retry = if repeatable { Retry::After(Duration::ZERO) } else { Retry::Never };
    in_doubt(Error::new(ErrorKind::Timeout, "http.timeout", message).with_retry(retry), repeatable)
        .at(shown(url))
}

fn in_doubt(error: Error, repeatable: bool) -> Error {
    if repeatable {
        return error;
    }
    error.with_hint(
        "it may have been carried out; set `idempotent` if the server recognises a repeated request",
    )
}

/// What went wrong after a redirect has answered a request that may not be repeated.
pub(super) fn uncertain(error: Error) -> Error {
    let message = format!("the request was answered with a redirect, and then: {}", error.message());
    let place = error.place().map(str::to_owned);
    let described = Error::new(error.kind(), "http.in_doubt", message).with_retry(Retry::Never);
    let described = in_doubt(described, false).with_source(error);
    match place {
        Some(place) => described.at(place),
        None => described,
    }
}

/// An answer whose status is not a success, where that is to be an error. `repeatable` says whether repeating the request
/// is harmless, `redirected` whether a redirect answered it before.
///
/// A request that may not be repeated is worth another attempt only where the server says that it did nothing: by 429, or
/// by 503 with the time of the next attempt.
pub(super) fn status(
    status: StatusCode,
    url: &Url,
    after: Option<Duration>,
    repeatable: bool,
    redirected: bool,
) -> Error {
    let (kind, passes) = match status.as_u16() {
        401 | 403 | 407 => (ErrorKind::Denied, false),
        404 | 410 => (ErrorKind::Missing, false),
        408 | 504 => (ErrorKind::Timeout, true),
        409 | 412 => (ErrorKind::Conflict, false),
        429 => (ErrorKind::Limit, true),
        500..=599 => (ErrorKind::Unavailable, true),
        _ => (ErrorKind::Invalid, false),
    };
    let refused = !redirected && (status.as_u16() == 429 || status.as_u16() == 503 && after.is_some());
    let certain = repeatable || refused || !passes;
    let retry = if passes && certain { Retry::After(after.unwrap_or_default()) } else { Retry::Never };
    let error = Error::new(kind, "http.status", format!("the server answered {status}"));
    in_doubt(error.with_retry(retry).at(shown(url)), certain)
}

/// The innermost cause, which says what happened.
fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn is_tls(cause: &str) -> bool {
    let cause = cause.to_ascii_lowercase();
    ["certificate", "tls", "handshake", "invalidcontenttype", "corrupt message"]
        .iter()
        .any(|sign| cause.contains(sign))
}

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

/// An answer whose status is not a success, where that is to be an error.
pub(super) fn status(status: StatusCode, url: &Url, after: Option<Duration>) -> Error {
    let (kind, retry) = match status.as_u16() {
        401 | 403 | 407 => (ErrorKind::Denied, Retry::Never),
        404 | 410 => (ErrorKind::Missing, Retry::Never),
        408 | 504 => (ErrorKind::Timeout, Retry::After(after.unwrap_or_default())),
        409 | 412 => (ErrorKind::Conflict, Retry::Never),
        429 => (ErrorKind::Limit, Retry::After(after.unwrap_or_default())),
        500..=599 => (ErrorKind::Unavailable, Retry::After(after.unwrap_or_default())),
        _ => (ErrorKind::Invalid, Retry::Never),
    };
    Error::new(kind, "http.status", format!("the server answered {status}")).with_retry(retry).at(shown(url))
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

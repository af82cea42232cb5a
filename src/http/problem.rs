//! Errors as clients see them: problem details (RFC 9457), with a status that derives from the error's kind.

use std::time::Duration;

use crate::host::runs::Refused;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use kailash_core::{
    Error, ErrorKind, Retry,
    validate::{Issue, Issues},
};
use kailash_runtime::RunError;
use serde_json::{Map as JsonMap, Value as Json, json};

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    retry: Retry,
    body: JsonMap<String, Json>,
}

impl Problem {
    /// A problem with a status of its own, where the kind alone says too little.
    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.body.insert("status".into(), status.as_u16().into());
        self
    }

    /// The problem as JSON.
    pub(super) fn into_json(self) -> Json {
        self.body.into()
    }

    /// Adds a member.
    pub(super) fn with(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.body.insert(name.into(), value.into());
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let status = StatusCode::from_u16(error.kind().http_status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = json!({
            "type": format!("urn:kailash:error:{}", error.code()),
            "title": title(error.kind()),
            "status": status.as_u16(),
            "detail": error.message(),
            "kind": error.kind().as_str(),
            "code": error.code(),
            "retry": error.retry().as_str(),
        });
        let Json::Object(mut body) = body else { unreachable!("an object was written") };
        for (name, text) in [("place", error.place()), ("hint", error.hint())] {
            body.extend(text.map(|text| (name.to_owned(), text.into())));
        }
        Self { status, retry: error.retry(), body }
    }
}

impl From<Issues> for Problem {
    fn from(issues: Issues) -> Self {
        let told: Vec<Json> = issues.0.iter().map(told).collect();
        let missing = issues.kind() == ErrorKind::Missing;
        let problem = Self::from(Error::from(issues)).with("issues", told);
        // Whatever a document names that does not exist: the path is right.
        if missing { problem.with_status(StatusCode::UNPROCESSABLE_ENTITY) } else { problem }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Run(error) => error.into(),
            Refused::Host(error) => error.into(),
        }
    }
}

impl From<RunError> for Problem {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Refused(issues) => issues.into(),
            RunError::Lost { error, .. } => error.into(),
            RunError::Unfinished(unfinished) => unfinished.error.into(),
            suspended @ RunError::Suspended { .. } => Error::internal(suspended.to_string()).into(),
        }
    }
}

fn told(issue: &Issue) -> Json {
    json!({
        "code": issue.code, "message": issue.message, "node": issue.node, "place": issue.place, "hint": issue.hint,
        "severity": if issue.is_error() { "error" } else { "warning" },
    })
}

fn title(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Invalid => "the request is wrong",
        ErrorKind::Missing => "something named does not exist",
        ErrorKind::Denied => "it is not allowed",
        ErrorKind::Unavailable => "something needed cannot be reached",
        ErrorKind::Timeout => "a time limit passed",
        ErrorKind::Cancelled => "it was cancelled",
        ErrorKind::Limit => "a limit was reached",
        ErrorKind::Conflict => "it disagrees with what was done before",
        ErrorKind::Node => "a node failed",
        ErrorKind::Internal => "a defect of the server",
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content = serde_json::to_vec(&self.body).unwrap_or_default();
        let mut response = (self.status, content).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let (Retry::After(wait), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) =
            (self.retry, self.status)
        {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        response
    }
}

/// A wait in whole seconds, as the header says it: not before it is over, and never at once.
fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_never_told_to_come_back_too_early() {
        let told = [0, 1, 1000, 1001, 59_900].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(told, [1, 1, 1, 2, 60]);
    }
}

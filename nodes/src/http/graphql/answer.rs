//! Answers of a GraphQL service, which may hold errors under any status (GraphQL over HTTP; GraphQL, October 2021,
//! 7.1).

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Result, Retry, Value,
    node::{Context, Outputs},
};
use reqwest::Url;

use crate::http::{ResponseFormat, error::shown, response::Answer};

/// How many errors a message shows.
const SHOWN_ERRORS: usize = 5;
/// How many characters of each error's own message are shown.
const SHOWN_CHARS: usize = 200;

/// What a service answered.
pub(super) struct Reply {
    pub(super) data: Value,
    pub(super) errors: Vec<Value>,
    pub(super) extensions: Value,
    /// Whether the status is 2xx and there is no error.
    pub(super) success: bool,
    url: Url,
}

impl Reply {
    /// Reads an answer. `repeatable` says whether repeating the request is harmless.
    ///
    /// # Errors
    /// Code `http.status` for a failure that is none of GraphQL; kind `Invalid`, code `graphql.answer`, for anything
    /// else that is no answer of a GraphQL service.
    pub(super) fn read(answer: &Answer, repeatable: bool, cx: &Context) -> Result<Self> {
        let content = answer.content(ResponseFormat::Json);
        let is_success = answer.status.is_success();
        let reply = content.ok().filter(|reply| {
            let has_errors =
                reply.get("errors").and_then(Value::as_list).is_some_and(|errors| !errors.is_empty());
            has_errors || is_success && reply.get("data").is_some()
        });
        let Some(reply) = reply else {
            if !is_success {
                return Err(answer.failure(repeatable, cx));
            }
            let message = "the answer has neither `data` nor `errors`";
            return Err(Error::invalid("graphql.answer", message)
                .with_hint("is that the address of a GraphQL service?")
                .at(shown(&answer.url)));
        };
        let part = |name: &str| reply.get(name).cloned().unwrap_or_default();
        let errors = part("errors").into_list().unwrap_or_default();
        let success = is_success && errors.is_empty();
        Ok(Self {
            data: part("data"),
            errors,
            extensions: part("extensions"),
            success,
            url: answer.url.clone(),
        })
    }

    /// The error that its errors are together. `repeatable` says whether repeating the request is harmless.
    pub(super) fn failure(&self, repeatable: bool) -> Option<Error> {
        let first = self.errors.first()?;
        let told: Vec<String> = self.errors.iter().take(SHOWN_ERRORS).map(describe).collect();
        let more = self.errors.len().saturating_sub(SHOWN_ERRORS);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let code =
            first.get("extensions").and_then(|extensions| extensions.get("code")).and_then(Value::as_str);
        let (kind, passes) = kind(code.unwrap_or_default());
        let retry = if passes && repeatable { Retry::After(Duration::ZERO) } else { Retry::Never };
        let message = format!("the service reports errors: {}{more}", told.join("; "));
        Some(Error::new(kind, "graphql.errors", message).with_retry(retry).at(shown(&self.url)))
    }

    /// The outputs.
    pub(super) fn outputs(self) -> Outputs {
        let mut outputs = Outputs::none(5);
        outputs.set(0, self.data);
        outputs.set(1, Value::list(self.errors));
        outputs.set(2, self.extensions);
        outputs.set(3, self.success);
        outputs
    }
}

/// The class of a failure by the code that services use by custom, and whether it may pass.
fn kind(code: &str) -> (ErrorKind, bool) {
    match code {
        "UNAUTHENTICATED" | "FORBIDDEN" => (ErrorKind::Denied, false),
        "NOT_FOUND" => (ErrorKind::Missing, false),
        "BAD_USER_INPUT" | "GRAPHQL_PARSE_FAILED" | "GRAPHQL_VALIDATION_FAILED" => {
            (ErrorKind::Invalid, false)
        }
        "RATE_LIMITED" | "THROTTLED" => (ErrorKind::Limit, true),
        "INTERNAL_SERVER_ERROR" | "SERVICE_UNAVAILABLE" => (ErrorKind::Unavailable, true),
        _ => (ErrorKind::Node, false),
    }
}

/// The path of an error with its message.
fn describe(error: &Value) -> String {
    let message = error.get("message").and_then(Value::as_str).unwrap_or("no message");
    let message: String = message.chars().filter(|sign| !sign.is_control()).take(SHOWN_CHARS).collect();
    let path = error.get("path").and_then(Value::as_list).unwrap_or_default();
    let path: Vec<String> = path
        .iter()
        .map(|step| {
            step.as_str()
                .map_or_else(|| step.as_i64().map_or_else(String::new, |n| n.to_string()), str::to_owned)
        })
        .collect();
    if path.is_empty() { message } else { format!("{}: {message}", path.join(".")) }
}

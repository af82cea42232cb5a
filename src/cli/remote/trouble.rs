//! Why a host did not answer as it should, and whether that may pass.

use kailash_core::{Error, validate::Issue};
use reqwest::StatusCode;
use serde::Deserialize;

/// What went wrong.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Trouble {
    pub(in crate::cli) issue: Box<Issue>,
    /// Whether trying again may help.
    pub(in crate::cli) passing: bool,
}

/// Problem details (RFC 9457), as a host writes them.
#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
    hint: Option<String>,
}

impl Trouble {
    /// What `issue` says; it may pass by itself.
    pub(in crate::cli) fn of(issue: Issue, passing: bool) -> Self {
        Self { issue: Box::new(issue), passing }
    }

    /// Nothing answers at `url`.
    pub(in crate::cli) fn unreachable(url: &str, error: &reqwest::Error) -> Self {
        let error = error.without_url_in_text();
        let issue = Issue::error("host.unreachable", format!("no host answers at {url}: {error}"));
        let hint = "is `kailash serve` running there? `--url` names another host";
        Self::of(issue.hint(hint), true)
    }

    /// The host went away.
    pub(in crate::cli) fn gone(what: &str) -> Self {
        Self::of(Issue::error("host.gone", what), true)
    }

    /// Something answers that is no host.
    pub(in crate::cli) fn stranger(url: &str, what: &str) -> Self {
        let issue =
            Issue::error("host.stranger", format!("what answers at {url} is no Kailash host: {what}"));
        Self::of(issue.hint("`--url` names the host"), false)
    }

    /// The host answered with `status` and `content`.
    pub(in crate::cli) fn refused(url: &str, status: StatusCode, content: &[u8]) -> Self {
        let passing = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
        let Ok(problem) = serde_json::from_slice::<Problem>(content) else {
            return Self { passing, ..Self::stranger(url, &format!("it says {status}")) };
        };
        let hint = match status {
            StatusCode::UNAUTHORIZED => Some(
                "give a key with `--key env:NAME` or `--key file:PATH`; `kailash keys add` makes one".into(),
            ),
            StatusCode::FORBIDDEN if problem.code == "key.scope" => {
                Some("use a key with the scope `read`: `kailash keys add NAME --scopes read`".into())
            }
            _ => problem.hint,
        };
        let issue = Issue::error(&problem.code, problem.detail);
        Self::of(hint.into_iter().fold(issue, Issue::hint), passing)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::of(Issue::from_error(&error), false)
    }
}

/// The text of an error of the HTTP client.
trait Text {
    /// With its causes, which say more than it does itself, and without the URL.
    fn without_url_in_text(&self) -> String;
}

impl Text for reqwest::Error {
    fn without_url_in_text(&self) -> String {
        let mut deepest: &dyn std::error::Error = self;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        let text = deepest.to_string();
        if self.is_timeout() { "it took too long".to_owned() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8470";

    #[test]
    fn a_problem_keeps_its_code_and_a_missing_key_gets_a_hint_for_this_command() {
        let content = br#"{"code":"key.none","detail":"an API key is needed here","hint":"send a header"}"#;
        let trouble = Trouble::refused(URL, StatusCode::UNAUTHORIZED, content);
        assert_eq!((trouble.issue.code.as_str(), trouble.passing), ("key.none", false));
        assert!(trouble.issue.hint.unwrap().contains("--key env:NAME"));
        let content = br#"{"code":"key.scope","detail":"the API key lacks the scope `read`"}"#;
        let trouble = Trouble::refused(URL, StatusCode::FORBIDDEN, content);
        assert!(trouble.issue.hint.unwrap().contains("--scopes read"));
    }

    #[test]
    fn a_busy_or_stopping_host_may_answer_later_and_a_stranger_will_not() {
        let content = br#"{"code":"http.requests","detail":"too many requests are under way"}"#;
        assert!(Trouble::refused(URL, StatusCode::TOO_MANY_REQUESTS, content).passing);
        let trouble = Trouble::refused(URL, StatusCode::NOT_FOUND, b"<html>");
        assert_eq!((trouble.issue.code.as_str(), trouble.passing), ("host.stranger", false));
        assert!(Trouble::refused(URL, StatusCode::BAD_GATEWAY, b"<html>").passing, "a proxy before the host");
    }
}

//! Tokens by client credentials (RFC 6749, 4.4), fetched once for all nodes and runs of a host.
//!
//! ```text
//! nobody has one ──fetch──> held until shortly before its end ──401──> forgotten, fetched anew once
//!                  └fails─> told to all who waited for it; who comes later fetches
//! ```

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use kailash_core::{Error, ErrorKind, Result, Retry, Value, node::Context};
use reqwest::{
    Client, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use super::{
    SecretRef,
    auth::sensitive,
    error::{shown, timeout},
    exchange::Secret,
    message::Message,
    parts::url,
    response::Answer,
    send::Sending,
};

/// The most bytes of a token server's answer.
const MAX_ANSWER: usize = 64 << 10;
/// How long a token is held whose server does not say when it ends.
const UNKNOWN_LIFE: Duration = Duration::from_secs(300);
/// How long before its end a token is replaced, if it lives that long.
const MARGIN: Duration = Duration::from_secs(30);

/// Client credentials of OAuth 2.0, for a token that is fetched when it is needed and held until it ends.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentials {
    /// The address that gives tokens.
    pub token_url: String,
    /// Who asks.
    pub client_id: String,
    /// Where the client's secret is found.
    pub client_secret: SecretRef,
    /// What the token is to allow, several things separated by spaces.
    #[serde(default)]
    pub scope: Option<String>,
    /// For whom the token is meant, where the server asks for that.
    #[serde(default)]
    pub audience: Option<String>,
    /// Where id and secret stand in the request for a token.
    #[serde(default)]
    pub credentials_in: CredentialsIn,
}

/// Where id and secret stand in a request for a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialsIn {
    /// In the header `Authorization`.
    #[default]
    Header,
    /// In the content, beside the grant.
    Body,
}

/// A handle to the tokens of a host.
#[derive(Clone, Default)]
pub struct OAuthTokens(Arc<Mutex<HashMap<ClientCredentials, Slot>>>);

/// One token; whoever holds the lock fetches it, all others wait for that.
type Slot = Arc<AsyncMutex<Held>>;

/// What became of the last fetch.
#[derive(Default)]
struct Held {
    token: Option<Token>,
    /// Why there is no token, and since when.
    failure: Option<(Error, Instant)>,
}

struct Token {
    header: HeaderValue,
    until: Instant,
}

impl fmt::Debug for OAuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthTokens").finish_non_exhaustive()
    }
}

impl OAuthTokens {
    fn slot(&self, grant: &ClientCredentials) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(grant.clone()).or_default())
    }

    /// The header with a token that has not ended. Waits for a token that somebody else fetches as long as one attempt of
    /// a request may take.
    ///
    /// # Errors
    /// Kind `Denied` or that of the failure, codes `http.token` and those of requests.
    pub(super) async fn header(
        &self,
        grant: &ClientCredentials,
        client: &Client,
        sending: &Sending,
        cx: &Context,
    ) -> Result<Secret> {
        let slot = self.slot(grant);
        let asked = Instant::now();
        let Ok(mut held) = tokio::time::timeout(sending.timeout, slot.lock()).await else {
            return Err(timeout(&url(&grant.token_url)?, Some(sending.timeout), true));
        };
        if let Some(token) = held.token.as_ref().filter(|token| token.until > Instant::now()) {
            return Ok((AUTHORIZATION, token.header.clone()));
        }
        if let Some((error, _)) = held.failure.as_ref().filter(|(_, since)| asked <= *since) {
            return Err(error.clone());
        }
        match fetch(grant, client, sending, cx).await {
            Ok(token) => {
                let header = token.header.clone();
                *held = Held { token: Some(token), failure: None };
                Ok((AUTHORIZATION, header))
            }
            Err(error) => {
                // That one run has ended is nothing to the others.
                let is_shared = error.code().starts_with("http.");
                held.failure = is_shared.then(|| (error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    /// Gives the token `refused` up, unless it was replaced already.
    pub(super) async fn forget(&self, grant: &ClientCredentials, refused: &HeaderValue) {
        let slot = self.slot(grant);
        let mut held = slot.lock().await;
        if held.token.as_ref().is_some_and(|token| token.header == *refused) {
            held.token = None;
        }
    }
}

impl ClientCredentials {
    /// Whether it can work at all.
    pub(super) fn check(&self) -> Result<()> {
        url(&self.token_url).map(drop)
    }
}

async fn fetch(grant: &ClientCredentials, client: &Client, sending: &Sending, cx: &Context) -> Result<Token> {
    let place = url(&grant.token_url)?;
    let secret = grant.client_secret.read("http.secret", cx).await?;
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(grant.scope.as_deref().map(|scope| ("scope", scope)));
    form.extend(grant.audience.as_deref().map(|audience| ("audience", audience)));
    let proof = match grant.credentials_in {
        CredentialsIn::Header => {
            let pair = format!("{}:{}", encoded(&grant.client_id), encoded(&secret));
            Some((AUTHORIZATION, sensitive(format!("Basic {}", BASE64.encode(pair)))?))
        }
        CredentialsIn::Body => {
            form.extend([("client_id", grant.client_id.as_str()), ("client_secret", secret.as_str())]);
            None
        }
    };
    let headers = HeaderMap::from_iter([
        (ACCEPT, HeaderValue::from_static("application/json")),
        (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
    ]);
    let body = Some(Bytes::from(form_text(&form)));
    // Asking twice gives two tokens and does no harm.
    let message = Message { method: Method::POST, url: place, headers, body, harmless: true };
    let sending = Sending { most: MAX_ANSWER, follow: false, within: None, gate: None, ..sending.clone() };
    token(&sending.send(client, message, proof, cx).await?)
}

fn token(answer: &Answer) -> Result<Token> {
    let wrong = |kind, message: String| {
        Error::new(kind, "http.token", message).with_retry(Retry::Never).at(shown(&answer.url))
    };
    let status = answer.status;
    let data = Value::from_json_slice(&answer.body).unwrap_or_default();
    if !status.is_success() {
        let reason = data.get("error").and_then(Value::as_str).filter(|code| is_error_code(code));
        let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
        let message = format!("the token server answered {status}{reason}");
        return Err(match status.as_u16() {
            429 | 500..=599 => {
                wrong(ErrorKind::Unavailable, message).with_retry(Retry::After(Duration::ZERO))
            }
            _ => wrong(ErrorKind::Denied, message),
        });
    }
    let text = |name| data.get(name).and_then(Value::as_str);
    let bearer = text("token_type").is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let Some(token) = text("access_token").filter(|token| bearer && !token.is_empty()) else {
        let message = "the token server's answer has no `access_token` of type bearer".to_owned();
        return Err(wrong(ErrorKind::Invalid, message));
    };
    let life = data.get("expires_in").and_then(Value::as_f64);
    let life = life.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(UNKNOWN_LIFE);
    // A day at most: nobody knows what a server means by more.
    let life = life.min(Duration::from_secs(86_400));
    let until = Instant::now() + life.checked_sub(MARGIN).unwrap_or(life / 2);
    Ok(Token { header: sensitive(format!("Bearer {token}"))?, until })
}

/// Codes are short words (RFC 6749, 5.2); nothing else of the answer is shown.
fn is_error_code(code: &str) -> bool {
    code.len() <= 40 && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn form_text(pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// `text` as a form carries it; `%20` for a space is read everywhere.
fn encoded(text: &str) -> String {
    super::parts::percent_encoded(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_carries_every_sign() {
        assert_eq!(
            form_text(&[("scope", "a b"), ("client_secret", "p&q=%é")]),
            "scope=a%20b&client_secret=p%26q%3D%25%C3%A9"
        );
    }

    #[test]
    fn only_words_of_an_error_are_shown() {
        assert!(is_error_code("invalid_client"));
        assert!(!is_error_code("the secret hunter2 is wrong") && !is_error_code(&"x".repeat(41)));
    }
}

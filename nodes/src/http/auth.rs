//! How a request proves who sends it. Documents carry references to secrets, never secrets.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use kailash_core::{Error, Result, node::Context};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::{ClientCredentials, exchange::Secret};

/// Where a secret is found at each run: `env:NAME`, a variable of the environment, or `file:PATH`, a file without the
/// white space around its text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // What stands here may be a secret, so it is not shown.
            _ => Err(serde::de::Error::custom(
                "a secret is given as `env:NAME` or `file:PATH`, never by itself",
            )),
        }
    }
}

impl SecretRef {
    pub(super) async fn read(&self, cx: &Context) -> Result<String> {
        let secret = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                Error::missing("http.secret", format!("there is no environment variable `{name}`"))
                    .with_hint("set it where Kailash is started")
            })?,
            Self::File(path) => {
                let path = path.clone();
                cx.blocking(move || std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error)))
                    .await?
            }
        };
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(Error::missing("http.secret", format!("the secret at {self:?} is empty")));
        }
        Ok(secret.to_owned())
    }
}

/// How a request proves who sends it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A bearer token (RFC 6750).
    Bearer(SecretRef),
    /// A name and a password (RFC 7617).
    Basic {
        /// The name.
        username: String,
        /// Where the password is found.
        password: SecretRef,
    },
    /// A key in a header of its own.
    ApiKey {
        /// The header.
        #[serde(default = "api_key_header")]
        header: String,
        /// Where the key is found.
        value: SecretRef,
    },
    /// A bearer token that is fetched with a client's credentials (RFC 6749, 4.4).
    #[serde(rename = "oauth2")]
    OAuth2(ClientCredentials),
}

fn api_key_header() -> String {
    "X-API-Key".into()
}

impl Auth {
    /// Whether it can work at all.
    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::ApiKey { header, .. } => name(header).map(drop),
            Self::OAuth2(grant) => grant.check(),
            Self::Bearer(_) | Self::Basic { .. } => Ok(()),
        }
    }

    /// The header to send, marked as sensitive; none for tokens, which are the host's.
    pub(super) async fn header(&self, cx: &Context) -> Result<Option<Secret>> {
        let (name, text) = match self {
            Self::Bearer(token) => (AUTHORIZATION, format!("Bearer {}", token.read(cx).await?)),
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.read(cx).await?);
                (AUTHORIZATION, format!("Basic {}", BASE64.encode(pair)))
            }
            Self::ApiKey { header, value } => (name(header)?, value.read(cx).await?),
            Self::OAuth2(_) => return Ok(None),
        };
        Ok(Some((name, sensitive(text)?)))
    }
}

/// The value of a header that nobody else may see.
pub(super) fn sensitive(text: String) -> Result<HeaderValue> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Error::invalid("http.secret", "the secret has signs that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn name(header: &str) -> Result<HeaderName> {
    HeaderName::try_from(header)
        .map_err(|_| Error::invalid("http.header", format!("`{header}` is not the name of a header")))
}

#[cfg(test)]
mod tests {
    use kailash_core::{from_value, value};

    use super::*;

    #[test]
    fn a_literal_secret_is_refused_and_not_shown() {
        let error = from_value::<Auth>(&value!({"bearer": "hunter2"})).unwrap_err();
        assert!(error.message().contains("env:NAME") && !error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn references_are_read() {
        let auth: Auth = from_value(&value!({"api_key": {"value": "file:/run/secrets/key"}})).unwrap();
        assert!(matches!(auth, Auth::ApiKey { header, value: SecretRef::File(_) } if header == "X-API-Key"));
        let auth: Auth = from_value(&value!({"basic": {"username": "u", "password": "env:P"}})).unwrap();
        assert!(matches!(auth, Auth::Basic { password: SecretRef::Env(name), .. } if name == "P"));
    }
}

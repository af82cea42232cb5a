//! How a request proves who sends it. Documents carry references to secrets, never secrets.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use kailash_core::{Error, Result, node::Context};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ClientCredentials, exchange::Secret};
pub(super) use crate::SecretRef;

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
            Self::Bearer(token) => {
                (AUTHORIZATION, format!("Bearer {}", token.read("http.secret", cx).await?))
            }
            Self::Basic { username, password } => {
                let pair = format!("{username}:{}", password.read("http.secret", cx).await?);
                (AUTHORIZATION, format!("Basic {}", BASE64.encode(pair)))
            }
            Self::ApiKey { header, value } => (name(header)?, value.read("http.secret", cx).await?),
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

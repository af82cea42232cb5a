//! Where the requests of a node may go.

use kailash_core::{Error, ErrorKind, Result};
use reqwest::Url;

/// The origin that a node speaks to, and others that it was allowed.
#[derive(Clone, Debug)]
pub(super) struct Origins {
    home: String,
    allowed: Vec<String>,
}

impl Origins {
    /// The origin of `base`, and those of the addresses `allowed`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `http.origin`, for one that is no address of http or https.
    pub(super) fn new(base: &Url, allowed: &[String]) -> Result<Self> {
        let origin = |text: &String| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
                Error::invalid("http.origin", format!("`{text}` is no origin"))
                    .with_hint("write it as https://host or https://host:port")
            })
        };
        let allowed = allowed.iter().map(origin).collect::<Result<_>>()?;
        Ok(Self { home: base.origin().ascii_serialization(), allowed })
    }

    /// Whether `url` is at home: only there goes what proves who sends a request.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        url.origin().ascii_serialization() == self.home
    }

    /// Whether a request may go to `url`.
    ///
    /// # Errors
    /// Kind `Denied`, code `http.origin`.
    pub(super) fn check(&self, url: &Url) -> Result<()> {
        let origin = url.origin().ascii_serialization();
        if origin == self.home || self.allowed.contains(&origin) {
            return Ok(());
        }
        let message = format!("the way leads from {} to {origin}", self.home);
        Err(Error::new(ErrorKind::Denied, "http.origin", message)
            .with_hint("name that origin in `pagination.allowed_origins` if links may lead there"))
    }
}

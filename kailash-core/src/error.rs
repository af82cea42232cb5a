//! The one error of Kailash: what went wrong, where, and whether trying again can help.
//!
//! ```text
//! kind   what a caller can do about it   -> HTTP status, exit code
//! code   stable, for programs            "input.missing"
//! place  stable, for people              node `r`, parameter `file_path`
//! retry  never | now | after a while
//! ```

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

/// `Result` with Kailash's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The class of a failure; every other status (HTTP, process exit) derives from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The document, parameter or value is wrong; the same request fails again.
    Invalid,
    /// Something named does not exist: a file, a node type, a key.
    Missing,
    /// A permission, credential or sandbox forbids it.
    Denied,
    /// A peer, service or device cannot be reached at present.
    Unavailable,
    /// A time limit passed.
    Timeout,
    /// Somebody asked to stop.
    Cancelled,
    /// A bound on size, depth, count or rate was reached.
    Limit,
    /// Another writer or an earlier request with the same key disagrees.
    Conflict,
    /// A node's own code failed.
    Node,
    /// A defect of Kailash itself.
    Internal,
}

impl ErrorKind {
    /// The stable lower-case name, as in documents and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Limit => "limit",
            Self::Conflict => "conflict",
            Self::Node => "node",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status code (RFC 9110; 499 is the customary "client closed request").
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Invalid => 422,
            Self::Missing => 404,
            Self::Denied => 403,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Cancelled => 499,
            Self::Limit => 429,
            Self::Conflict => 409,
            Self::Node | Self::Internal => 500,
        }
    }

    /// The retry advice that fits the kind when the code that failed gives none.
    #[must_use]
    pub const fn default_retry(self) -> Retry {
        match self {
            Self::Unavailable | Self::Timeout | Self::Limit => Retry::After(Duration::ZERO),
            Self::Node => Retry::Now,
            _ => Retry::Never,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the same work may succeed if it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again gives the same failure.
    Never,
    /// It may succeed at once.
    Now,
    /// It may succeed after the given time; zero leaves the wait to the retry policy.
    After(Duration),
}

impl Retry {
    /// The stable name: `never`, `now` or `after`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Now => "now",
            Self::After(_) => "after",
        }
    }
}

/// What went wrong, where, and whether trying again can help. One pointer wide.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    code: Cow<'static, str>,
    message: String,
    retry: Retry,
    place: Option<String>,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a stable `code` and a message in lower case.
    #[must_use]
    pub fn new(kind: ErrorKind, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            code: code.into(),
            message: message.into(),
            retry: kind.default_retry(),
            place: None,
            hint: None,
            source: None,
        }))
    }

    /// A wrong document, parameter or value.
    #[must_use]
    pub fn invalid(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, code, message)
    }

    /// Something named that does not exist.
    #[must_use]
    pub fn missing(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Missing, code, message)
    }

    /// A failure of a node's own code.
    #[must_use]
    pub fn node(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Node, code, message)
    }

    /// A defect of Kailash itself.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, "internal", message)
    }

    /// Code of a node panicked with `panic`: the same call would again.
    #[must_use]
    pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let message = format!("the node panicked: {}", text.unwrap_or("no message"));
        Self::node("node.panic", message).with_retry(Retry::Never)
    }

    /// The failure of an operation on the file or directory `path`.
    #[must_use]
    pub fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, code) = match source.kind() {
            Io::NotFound => (ErrorKind::Missing, "io.not_found"),
            Io::PermissionDenied | Io::ReadOnlyFilesystem => (ErrorKind::Denied, "io.denied"),
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => (ErrorKind::Limit, "io.full"),
            Io::InvalidData => (ErrorKind::Invalid, "io.invalid_data"),
            Io::IsADirectory => (ErrorKind::Invalid, "io.is_directory"),
            Io::NotADirectory => (ErrorKind::Invalid, "io.not_directory"),
            _ => (ErrorKind::Unavailable, "io"),
        };
        Self::new(kind, code, format!("{}: {source}", path.display())).with_source(source)
    }

    /// The same error with other retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// The same error with the place it concerns, for people: `config.file_path`, `line 3`.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.0.place = Some(place.into());
        self
    }

    /// The same error with advice on what to change.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same error with the error beneath it.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// The class of the failure.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The stable code, for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The message without place and hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The place the error concerns.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        self.0.place.as_deref()
    }

    /// Advice on what to change.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Some(place) => write!(f, "{place}: {}", self.0.message),
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("code", &self.0.code)
            .field("message", &self.0.message)
            .field("place", &self.0.place)
            .field("hint", &self.0.hint)
            .field("retry", &self.0.retry)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_prints_its_place_before_its_message() {
        let error = Error::invalid("value.kind", "expected a list").at("config.data").with_hint("use [..]");
        assert_eq!(error.to_string(), "config.data: expected a list");
        assert_eq!(error.hint(), Some("use [..]"));
        assert_eq!(error.retry(), Retry::Never);
    }

    #[test]
    fn a_missing_file_is_of_kind_missing() {
        let error = Error::io("no/file".as_ref(), std::io::ErrorKind::NotFound.into());
        assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "io.not_found"));
    }
}

//! References to secrets: what a document or a config carries in place of a secret.

use std::{fmt, path::PathBuf};

use kailash_core::{Error, Result, node::Context};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a secret is found at each run: `env:NAME`, a variable of the environment, or `file:PATH`, a file without the one
/// line ending that may end it. All else is part of the secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, JsonSchema)]
#[schemars(with = "String")]
pub enum SecretRef {
    /// A variable of the environment.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl SecretRef {
    /// The reference that `text` is, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Some(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Some(Self::File(path.into())),
            _ => None,
        }
    }

    /// The secret. Blocks while a file is read.
    ///
    /// # Errors
    /// Kind `Missing` with `code` if there is none or it is empty; a file that cannot be read.
    pub fn read_blocking(&self, code: &'static str) -> Result<String> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                Error::missing(code, format!("there is no environment variable `{name}`"))
                    .with_hint("set it where Kailash is started")
            })?,
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
                let line = text.strip_suffix('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
                line.unwrap_or(&text).to_owned()
            }
        };
        if text.trim().is_empty() {
            return Err(Error::missing(code, format!("the secret at {self} is empty")));
        }
        Ok(text)
    }

    /// The secret, for a node.
    ///
    /// # Errors
    /// As [`SecretRef::read_blocking`].
    pub async fn read(&self, code: &'static str, cx: &Context) -> Result<String> {
        match self {
            Self::Env(_) => self.read_blocking(code),
            Self::File(_) => {
                let this = self.clone();
                cx.blocking(move || this.read_blocking(code)).await
            }
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What stands here may be a secret, so it is not shown.
        Self::parse(&String::deserialize(deserializer)?).ok_or_else(|| {
            serde::de::Error::custom("a secret is given as `env:NAME` or `file:PATH`, never by itself")
        })
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_its_text_without_one_line_ending() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let secret = SecretRef::File(file.path().to_owned());
        for (text, expected) in [
            ("s3cret", "s3cret"),
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            (" s3cret \n", " s3cret "),
            ("two\nlines\n\n", "two\nlines\n"),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(secret.read_blocking("test.secret").unwrap(), expected);
        }
        for text in ["", "\n", " \r\n"] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(secret.read_blocking("test.secret").unwrap_err().code(), "test.secret");
        }
    }
}

//! Secrets in a config: references, never the secret itself.

use std::{fmt, path::PathBuf};

use kailash_core::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a secret is found: `env:NAME`, a variable of the environment, or `file:PATH`, a file without the white space
/// around its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Secret {
    /// A variable of the environment.
    Env(String),
    /// A file.
    File(PathBuf),
}

impl Secret {
    /// The secret. Blocks while a file is read.
    ///
    /// # Errors
    /// Kind `Missing`, code `config.secret`, if there is none or it is empty.
    pub fn read(&self) -> Result<String> {
        let missing = |why: String| Error::missing("config.secret", why);
        let text = match self {
            Self::Env(name) => std::env::var(name)
                .map_err(|_| missing(format!("there is no environment variable `{name}`")))?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?,
        };
        let text = text.trim();
        if text.is_empty() { Err(missing(format!("the secret at {self} is empty"))) } else { Ok(text.into()) }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.into())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            // What stands here may be a secret, so it is not shown.
            _ => Err(serde::de::Error::custom(
                "a secret is given as `env:NAME` or `file:PATH`, never by itself",
            )),
        }
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

//! The layers that a config is made of. Each is checked by itself, so that a wrong key is told with where it stands.

use std::path::Path;

use kailash_core::{Error, Result};
use serde::Deserialize;
use toml::{Table, Value};

use super::Config;

/// What variables of the environment that belong to the config begin with; sections and keys are joined by `__`.
const PREFIX: &str = "KAILASH_";

/// The most bytes of a config file.
const MAX_BYTES: u64 = 1 << 20;

/// Layers of a config, later ones on top.
#[derive(Debug, Default)]
pub struct Layers(Table);

impl Layers {
    /// Nothing but defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the TOML file at `path`. Blocks while it is read.
    ///
    /// # Errors
    /// A file that cannot be read, with line and column what is no TOML, and keys that do not exist.
    pub fn file(self, path: &Path) -> Result<Self> {
        let io = |error| Error::io(path, error);
        if std::fs::metadata(path).map_err(io)?.len() > MAX_BYTES {
            return Err(Error::invalid("config.size", "a config file may have 1 MiB at most"));
        }
        let text = std::fs::read_to_string(path).map_err(io)?;
        self.text(&text).map_err(|error| match error.place() {
            Some(place) => {
                let place = format!("{}, {place}", path.display());
                error.at(place)
            }
            None => error.at(path.display().to_string()),
        })
    }

    /// Adds TOML text.
    ///
    /// # Errors
    /// With line and column, what is no TOML, and keys that do not exist.
    pub fn text(mut self, text: &str) -> Result<Self> {
        if let Err(error) = toml::from_str::<Config>(text) {
            let place = error.span().map(|span| line_and_column(text, span.start));
            let error = Error::invalid("config.invalid", error.message().to_owned());
            return Err(place.into_iter().fold(error, Error::at));
        }
        let table = text.parse().map_err(|error: toml::de::Error| wrong(error.message(), "config"))?;
        lay(&mut self.0, table);
        Ok(self)
    }

    /// Adds variables like `KAILASH_HTTP__LISTEN`; others are not looked at.
    ///
    /// # Errors
    /// Keys that do not exist and values of a wrong kind, with the variable.
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        for (name, value) in variables {
            let Some(key) = name.strip_prefix(PREFIX).filter(|key| key.contains("__")) else { continue };
            let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
            self.add(&path, &value, &name)?;
        }
        Ok(self)
    }

    /// Adds settings of the form `section.key=value`.
    ///
    /// # Errors
    /// What is not of that form, keys that do not exist and values of a wrong kind.
    pub fn settings<'s>(mut self, settings: impl IntoIterator<Item = &'s str>) -> Result<Self> {
        for setting in settings {
            let Some((key, value)) = setting.split_once('=') else {
                return Err(wrong("a setting is `section.key=value`", setting));
            };
            // The value stays out of errors: it may be a secret in the wrong place.
            let path: Vec<String> = key.split('.').map(|part| part.trim().to_owned()).collect();
            self.add(&path, value.trim(), key.trim())?;
        }
        Ok(self)
    }

    /// Adds one value: as TOML where it is that, else as text.
    fn add(&mut self, path: &[String], value: &str, place: &str) -> Result<()> {
        let text = || Value::String(value.to_owned());
        let read = format!("value = {value}").parse::<Table>().ok();
        let value = read.and_then(|mut table| table.remove("value")).unwrap_or_else(text);
        let one = path.iter().rev().fold(value, |value, key| {
            let mut table = Table::new();
            table.insert(key.clone(), value);
            Value::Table(table)
        });
        let Value::Table(one) = one else { return Err(wrong("a key is missing", place)) };
        Config::deserialize(one.clone()).map_err(|error| wrong(error.message(), place))?;
        lay(&mut self.0, one);
        Ok(())
    }

    /// The config.
    ///
    /// # Errors
    /// Limits that allow nothing.
    pub fn config(self) -> Result<Config> {
        let config = Config::deserialize(self.0).map_err(|error| wrong(error.message(), "config"))?;
        config.validate()?;
        Ok(config)
    }
}

fn wrong(message: &str, place: &str) -> Error {
    Error::invalid("config.invalid", message.to_owned()).at(place.to_owned())
}

/// Lays `over` on top of `under`.
fn lay(under: &mut Table, over: Table) {
    for (key, value) in over {
        match (under.get_mut(&key), value) {
            (Some(Value::Table(under)), Value::Table(over)) => lay(under, over),
            (_, value) => drop(under.insert(key, value)),
        }
    }
}

fn line_and_column(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line} column {column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kailash_nodes::SecretRef;

    #[test]
    fn later_layers_go_before_earlier_ones_and_leave_the_rest() {
        let file = "[http]\nlisten = \"127.0.0.1:1\"\nmax_requests = 7\n[runs]\nmax_running = 3";
        let variables = [("KAILASH_HTTP__LISTEN", "127.0.0.1:2"), ("KAILASH_JOURNAL", "elsewhere")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let layers = Layers::new().text(file).unwrap().variables(variables).unwrap();
        let config = layers.settings(["runs.max_running=4", "host.data=/srv"]).unwrap().config().unwrap();
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!((config.http.max_requests, config.runs.max_running), (7, 4));
        assert_eq!(config.host.data, Path::new("/srv"));
        assert_eq!(config.journal, Config::default().journal);
    }

    #[test]
    fn unknown_keys_are_told_with_where_they_stand() {
        let error = Layers::new().text("[http]\nport = 80").unwrap_err();
        assert_eq!(error.place(), Some("line 2 column 1"));
        assert!(error.message().contains("port"), "{error}");
        let variable = ("KAILASH_HTTP__PORT".to_owned(), "80".to_owned());
        let error = Layers::new().variables([variable]).unwrap_err();
        assert_eq!((error.code(), error.place()), ("config.invalid", Some("KAILASH_HTTP__PORT")));
        let error = Layers::new().settings(["http.max_requests=many"]).unwrap_err();
        assert_eq!(error.place(), Some("http.max_requests"));
        assert!(Layers::new().settings(["http"]).is_err());
    }

    #[test]
    fn a_secret_is_a_reference_and_is_never_shown() {
        let error = Layers::new().text("[identity]\ncluster_token = \"hunter2\"").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        let error = Layers::new().settings(["identity.cluster_token=hunter2"]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        let config = Layers::new().settings(["identity.cluster_token=env:TOKEN"]).unwrap().config().unwrap();
        assert_eq!(config.identity.cluster_token, Some(SecretRef::Env("TOKEN".into())));
    }

    #[test]
    fn limits_that_no_host_could_keep_are_refused() {
        for beyond in [
            "runs.max_running=9223372036854775807",
            "http.max_connections=9223372036854775807",
            "host.drain_s=9223372036854775807",
            "http.head_timeout_s=9223372036854775807",
        ] {
            let error = Layers::new().settings([beyond]).unwrap().config().unwrap_err();
            assert_eq!((error.code(), error.place()), ("config.bounds", beyond.split('=').next()));
        }
        let half = Layers::new().settings(["identity.tls.key=host.key"]).unwrap().config().unwrap_err();
        assert_eq!(half.code(), "config.tls");
    }

    #[test]
    fn limits_that_allow_nothing_are_all_told() {
        let zeros = ["http.max_requests=0", "runs.max_running=0"];
        let error = Layers::new().settings(zeros).unwrap().config().unwrap_err();
        assert_eq!(error.code(), "config.zero");
        assert!(error.to_string().contains("http.max_requests"), "{error}");
    }
}

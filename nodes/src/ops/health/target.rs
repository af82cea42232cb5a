//! What is checked, read from the items of the input.

use std::{path::PathBuf, time::Duration};

use kailash_core::{Error, Result, Value, from_value};
use serde::Deserialize;

use crate::{data::WorkDir, seconds::seconds};

/// One thing to check.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) kind: &'static str,
    pub(super) check: Check,
    pub(super) timeout: Duration,
    pub(super) critical: bool,
}

/// How it is checked.
#[derive(Clone, Debug)]
pub(super) enum Check {
    /// A GET is answered with one of these statuses; with none given, with 2xx.
    Http { url: String, expected: Vec<u16> },
    /// A connection is taken.
    Tcp { address: String },
    /// A file system has room.
    Disk { path: PathBuf, min_free_bytes: u64, min_free_percent: f64 },
    /// A process runs, whose id is here.
    Process(Pid),
}

/// Where the id of a process is found.
#[derive(Clone, Debug)]
pub(super) enum Pid {
    Number(i32),
    File(PathBuf),
}

/// An item as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    #[serde(default)]
    name: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    pid: Option<i32>,
    #[serde(default)]
    pid_file: Option<String>,
    #[serde(default)]
    expected_status: Option<Value>,
    #[serde(default)]
    min_free_bytes: Option<u64>,
    #[serde(default)]
    min_free_percent: Option<f64>,
    #[serde(default)]
    timeout_s: Option<f64>,
    #[serde(default)]
    critical: bool,
}

impl Target {
    /// Reads an item. Its type may be left out where another field says it.
    ///
    /// # Errors
    /// Kind `Invalid`, code `health.target`.
    pub(super) fn read(item: &Value, timeout: Duration, dir: &WorkDir) -> Result<Self> {
        let item: Item = from_value(item).map_err(|error| wrong(error.message()))?;
        let kind = match item.kind.as_deref() {
            Some("http" | "https") => "http",
            Some("tcp") => "tcp",
            Some("disk") => "disk",
            Some("process") => "process",
            Some(other) => {
                return Err(wrong(format!("`{other}` is no type of a target"))
                    .with_hint("http, tcp, disk or process"));
            }
            None if item.url.is_some() => "http",
            None if item.address.is_some() => "tcp",
            None if item.path.is_some() => "disk",
            None => "process",
        };
        item.only(kind)?;
        let check = match kind {
            "http" => Check::Http {
                url: item.url.clone().ok_or_else(|| wrong("a target of type http needs `url`"))?,
                expected: item.expected()?,
            },
            "tcp" => Check::Tcp { address: item.address()? },
            "disk" => {
                let percent = item.min_free_percent.unwrap_or(5.0);
                if !(0.0..=100.0).contains(&percent) {
                    return Err(wrong("`min_free_percent` is a number from 0 to 100"));
                }
                let path = item.path.as_deref().ok_or_else(|| wrong("a target of type disk needs `path`"))?;
                let min_free_bytes = item.min_free_bytes.unwrap_or(0);
                Check::Disk { path: dir.checked(path)?, min_free_bytes, min_free_percent: percent }
            }
            _ => Check::Process(match (item.pid, &item.pid_file) {
                (Some(pid), None) if pid > 0 => Pid::Number(pid),
                (None, Some(file)) => Pid::File(dir.checked(file)?),
                _ => return Err(wrong("a target of type process needs either `pid` above 0 or `pid_file`")),
            }),
        };
        let timeout = match item.timeout_s {
            Some(number) => {
                seconds(number).map_err(|_| wrong("`timeout_s` is a number of seconds above 0"))?
            }
            None => timeout,
        };
        let name = item.name.or(item.address).or(item.path).unwrap_or_else(|| kind.to_owned());
        Ok(Self { name, kind, check, timeout, critical: item.critical })
    }
}

impl Item {
    /// Whether no field is given that means nothing for `kind`.
    fn only(&self, kind: &str) -> Result<()> {
        let fields = [
            ("url", self.url.is_some(), "http"),
            ("expected_status", self.expected_status.is_some(), "http"),
            ("address", self.address.is_some(), "tcp"),
            ("path", self.path.is_some(), "disk"),
            ("min_free_bytes", self.min_free_bytes.is_some(), "disk"),
            ("min_free_percent", self.min_free_percent.is_some(), "disk"),
            ("pid", self.pid.is_some(), "process"),
            ("pid_file", self.pid_file.is_some(), "process"),
        ];
        match fields.iter().find(|(_, given, of)| *given && *of != kind) {
            Some((name, ..)) => Err(wrong(format!("`{name}` means nothing for a target of type {kind}"))),
            None => Ok(()),
        }
    }

    fn expected(&self) -> Result<Vec<u16>> {
        let Some(given) = self.expected_status.as_ref().filter(|given| !given.is_null()) else {
            return Ok(Vec::new());
        };
        let several = given.as_list().unwrap_or(std::slice::from_ref(given));
        let statuses = several.iter().map(|status| {
            let status = status.as_u64().and_then(|status| u16::try_from(status).ok());
            status.filter(|status| (100..600).contains(status))
        });
        let statuses: Option<Vec<u16>> = statuses.collect();
        statuses.ok_or_else(|| wrong("`expected_status` is a status of HTTP or a list of such"))
    }

    fn address(&self) -> Result<String> {
        let address = self.address.clone().ok_or_else(|| wrong("a target of type tcp needs `address`"))?;
        match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => {
                Ok(address)
            }
            _ => Err(wrong("an address is HOST:PORT")),
        }
    }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::invalid("health.target", message)
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    fn read(item: &Value) -> Result<Target> {
        Target::read(item, Duration::from_secs(5), &WorkDir("/srv".into()))
    }

    #[test]
    fn the_type_may_be_left_out_where_another_field_says_it() {
        for (item, kind, name) in [
            (value!({"url": "http://a"}), "http", "http"),
            (value!({"address": "db:5432"}), "tcp", "db:5432"),
            (value!({"path": "data", "name": "store"}), "disk", "store"),
            (value!({"pid": 1}), "process", "process"),
        ] {
            let target = read(&item).unwrap();
            assert_eq!((target.kind, target.name.as_str()), (kind, name));
        }
        let disk = read(&value!({"path": "data"})).unwrap();
        assert!(matches!(disk.check, Check::Disk { path, .. } if path.as_os_str() == "/srv/data"));
    }

    #[test]
    fn a_time_beyond_what_a_clock_can_add_is_cut() {
        let target = read(&value!({"url": "http://a", "timeout_s": 1e19})).unwrap();
        assert_eq!(target.timeout, Duration::from_secs(365 * 86_400));
    }

    #[test]
    fn what_cannot_be_checked_is_refused() {
        for item in [
            value!(1),
            value!({}),
            value!({"type": "ftp"}),
            value!({"type": "http"}),
            value!({"type": "tcp", "url": "http://a"}),
            value!({"address": "db"}),
            value!({"address": ":1"}),
            value!({"url": "http://a", "expected_status": "ok"}),
            value!({"url": "http://a", "expected_status": [200, 99]}),
            value!({"url": "http://a", "timeout_s": 0}),
            value!({"url": "http://a", "colour": 1}),
            value!({"path": "/", "min_free_percent": 101}),
            value!({"pid": 0}),
            value!({"pid": 1, "pid_file": "x"}),
        ] {
            assert_eq!(read(&item).unwrap_err().code(), "health.target", "{item:?}");
        }
    }
}

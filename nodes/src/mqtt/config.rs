//! Checks of what the configs of both types have in common.

use std::{path::PathBuf, time::Duration};

use kailash_core::{Error, Result, node::Setup, validate::Issue};

use super::{address::Address, message, settings::Settings};
use crate::secret::SecretRef;

/// What the configs of both types say of their broker.
pub(super) struct Common<'c> {
    pub(super) broker: &'c str,
    pub(super) client_id: &'c Option<String>,
    pub(super) username: &'c Option<String>,
    pub(super) password: &'c Option<SecretRef>,
    pub(super) keep_alive_s: u16,
    pub(super) ca_file: &'c Option<PathBuf>,
    pub(super) qos: u8,
}

impl Common<'_> {
    /// Notes every problem.
    pub(super) fn check(&self, setup: &mut Setup<'_>) {
        if let Err(error) = Address::parse(self.broker) {
            setup.issues.push(Issue::from_error(&error).at("config.broker"));
        }
        if let Err(error) = message::qos(Some(self.qos.into())) {
            setup.issues.push(Issue::from_error(&error).at("config.qos"));
        }
        let is_id = |id: &String| !id.is_empty() && id.len() <= 65_535 && !id.contains('\0');
        if !self.client_id.as_ref().is_none_or(is_id) {
            let issue = Issue::error("mqtt.client_id", "a client id is text of 1 to 65535 bytes without NUL");
            setup.issues.push(issue.at("config.client_id").hint("leave it out for a unique one"));
        }
        if self.ca_file.is_some() && !self.broker.trim().starts_with("mqtts://") {
            let issue = Issue::error("mqtt.tls", "`ca_file` is for mqtts:// only");
            setup.issues.push(issue.at("config.ca_file"));
        }
    }

    /// The settings to connect with.
    pub(super) fn settings(&self) -> Result<Settings> {
        Ok(Settings {
            address: Address::parse(self.broker)?,
            client_id: self.client_id.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
            keep_alive: self.keep_alive_s,
            ca_file: self.ca_file.clone(),
        })
    }
}

/// Notes a number of seconds that is none or not more than zero.
pub(super) fn check_seconds(setup: &mut Setup<'_>, name: &str, seconds: f64) {
    if self::seconds(seconds).is_err() {
        let issue =
            Issue::error("config.seconds", format!("{name} is {seconds}, no number of seconds above 0"));
        setup.issues.push(issue.at(format!("config.{name}")));
    }
}

/// A time from a number of seconds; more than a year is a year.
pub(super) fn seconds(seconds: f64) -> Result<Duration> {
    const YEAR: f64 = 365.0 * 86_400.0;
    let time = Duration::try_from_secs_f64(seconds.min(YEAR)).ok().filter(|time| !time.is_zero());
    time.ok_or_else(|| Error::invalid("config.seconds", format!("{seconds} is no number of seconds above 0")))
}

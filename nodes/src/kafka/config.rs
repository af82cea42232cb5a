//! Checks of what the configs of both types have in common.

use std::time::Duration;

use kailash_core::{Result, node::Setup, validate::Issue};

use super::settings::{Brokers, Settings};
use crate::{seconds::check_seconds, secret::SecretRef};

/// The least and the most bytes of a message that librdkafka can be set to.
const MESSAGE_BYTES: std::ops::RangeInclusive<u32> = 1000..=1_000_000_000;

/// What the configs of both types say of their brokers.
pub(super) struct Common<'c> {
    pub(super) brokers: &'c Brokers,
    pub(super) username: &'c Option<String>,
    pub(super) password: &'c Option<SecretRef>,
    pub(super) timeout_s: f64,
    pub(super) max_message_bytes: u32,
}

impl Common<'_> {
    /// Notes every problem.
    pub(super) fn check(&self, setup: &mut Setup<'_>) {
        if let Err(error) = self.brokers.list() {
            setup.issues.push(Issue::from_error(&error).at("config.brokers"));
        }
        match (self.username, self.password) {
            (Some(_), Some(_)) if !self.brokers.are_here() => {
                let message = "the password goes over the wire as it is, because this build has no TLS";
                let issue = Issue::warning("kafka.cleartext", message).at("config.password");
                setup.issues.push(issue.hint("use a network that nobody else hears, or a tunnel with TLS"));
            }
            (Some(_), None) | (None, Some(_)) => {
                let message = "`username` and `password` are given together or not at all";
                setup.issues.push(Issue::error("kafka.password", message).at("config.username"));
            }
            _ => {}
        }
        check_seconds(setup, "timeout_s", self.timeout_s);
        if !MESSAGE_BYTES.contains(&self.max_message_bytes) {
            let message =
                format!("max_message_bytes is {}, but must be 1000 to 1000000000", self.max_message_bytes);
            let issue = Issue::error("kafka.max_message_bytes", message);
            setup.issues.push(issue.at("config.max_message_bytes"));
        }
    }

    /// The settings to connect with.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            brokers: self.brokers.clone(),
            username: self.username.clone(),
            password: self.password.clone(),
        }
    }
}

/// A time from a number of seconds; more than ten days is ten days, which is what librdkafka can be set to.
///
/// # Errors
/// Kind `Invalid`, code `config.seconds`.
pub(super) fn seconds(seconds: f64) -> Result<Duration> {
    const MOST: Duration = Duration::from_secs(10 * 86_400);
    crate::seconds::seconds(seconds).map(|time| time.min(MOST))
}

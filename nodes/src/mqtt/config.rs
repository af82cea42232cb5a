//! Checks of what the configs of both types have in common.

use std::path::PathBuf;

use kailash_core::{Result, node::Setup, validate::Issue};

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

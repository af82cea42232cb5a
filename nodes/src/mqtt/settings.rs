//! How a broker is reached: the config that both types share, checked and made ready for the client.

use std::{path::PathBuf, sync::Arc, time::Duration};

use kailash_core::{Error, Result, RunId, node::Context};
use rumqttc::{
    AckMode, Broker, MqttOptions, TlsConfiguration, Transport,
    tokio_rustls::rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, pem::PemObject},
    },
};

use super::{address::Address, error};
use crate::secret::SecretRef;

/// How long a broker keeps the session of a client that lost its connection, unless the config says otherwise.
pub(super) const SESSION_EXPIRY: Duration = Duration::from_secs(60);

/// How a broker is reached. Nodes with equal settings may share a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Settings {
    pub(super) address: Address,
    /// None for one that nobody else has.
    pub(super) client_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<SecretRef>,
    /// Seconds; 0 for none.
    pub(super) keep_alive: u16,
    /// The certificates of the authority that vouches for the broker; None for those that the machine trusts.
    pub(super) ca_file: Option<PathBuf>,
}

/// What a connection is opened with: `Settings` with their secrets read.
pub(super) struct Opening {
    pub(super) options: MqttOptions,
    pub(super) place: String,
}

impl Settings {
    /// Reads what the settings refer to: the password, certificates.
    ///
    /// # Errors
    /// Kind `Missing`, code `mqtt.secret`; a file that cannot be read; kind `Invalid`, code `mqtt.tls`.
    pub(super) async fn open(&self, cx: &Context) -> Result<Opening> {
        let place = self.address.to_string();
        let id = self.client_id.clone().unwrap_or_else(unique_id);
        let mut options = MqttOptions::new(id, Broker::tcp(self.address.host.clone(), self.address.port));
        options.set_keep_alive(self.keep_alive);
        options.set_ack_mode(AckMode::Manual);
        options.set_connect_timeout(Duration::from_secs(10));
        let mut network = options.network_options();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        match (&self.username, &self.password) {
            (Some(name), Some(password)) => {
                options.set_credentials(name.clone(), password.read("mqtt.secret", cx).await?);
            }
            (Some(name), None) => drop(options.set_username(name.clone())),
            (None, Some(password)) => drop(options.set_password(password.read("mqtt.secret", cx).await?)),
            (None, None) => {}
        }
        if self.address.tls {
            let (ca_file, at) = (self.ca_file.clone(), place.clone());
            let tls = cx.blocking(move || tls(ca_file, &at)).await?;
            options.set_transport(Transport::tls_with_config(tls));
        }
        Ok(Opening { options, place })
    }
}

/// A client id that nobody else has, as short as every broker takes.
fn unique_id() -> String {
    let id = RunId::generate().to_string().replace('-', "");
    format!("kailash-{}", &id[id.len() - 15..])
}

/// Blocks.
fn tls(ca_file: Option<PathBuf>, place: &str) -> Result<TlsConfiguration> {
    let Some(path) = ca_file else {
        return TlsConfiguration::try_default_rustls().map_err(|error| error::tls(&error, place));
    };
    let pem = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| error::tls(&error, place))?;
        roots.add(certificate).map_err(|error| error::tls(&error, place))?;
    }
    if roots.is_empty() {
        let message = format!("{} holds no certificate", path.display());
        return Err(Error::invalid("mqtt.tls", message).with_hint("`ca_file` is a file in PEM"));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error::tls(&error, place))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config.into())
}

#[cfg(test)]
mod tests {
    use super::unique_id;

    #[test]
    fn a_derived_client_id_is_unique_and_short_enough_for_every_broker() {
        let (one, other) = (unique_id(), unique_id());
        assert_ne!(one, other);
        assert!(one.len() <= 23 && one.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{one}");
    }
}

//! Who a host is: an id that it keeps, its certificate, and the secret of its cluster.

use std::path::Path;

use kailash_core::{Error, Result};

use super::{Tls, config::IdentitySection};

/// The file of the id in the data folder.
const FILE: &str = "host-id";

/// Who a host is.
#[derive(Clone)]
pub struct Identity {
    /// The host's id: up to 64 letters, digits, `-`, `_` and `.`.
    pub id: String,
    /// The secret that the hosts of a cluster share.
    pub cluster_token: Option<String>,
    /// The certificate by which it proves who it is.
    pub tls: Option<Tls>,
}

impl Identity {
    /// The identity that `section` says, with an id made and kept in `data` if it says none. Blocks.
    ///
    /// # Errors
    /// An id with other signs, a missing secret, files of TLS that do not fit, a folder that cannot be written.
    pub(super) fn open(section: &IdentitySection, data: &Path) -> Result<Self> {
        let id = match &section.id {
            Some(id) => id.clone(),
            None => kept(&data.join(FILE))?,
        };
        let good = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.');
        if id.is_empty() || id.len() > 64 || !id.chars().all(good) {
            let message = "a host's id has 1 to 64 letters, digits, `-`, `_` and `.`";
            return Err(Error::invalid("host.id", message).at("identity.id"));
        }
        let cluster_token =
            section.cluster_token.as_ref().map(|secret| secret.read_blocking("config.secret")).transpose()?;
        let tls = Tls::open(&section.tls)?;
        Ok(Self { id, cluster_token, tls })
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

fn kept(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(id) => return Ok(id.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io(path, error)),
    }
    let id = format!("host-{}", super::random_hex::<8>()?);
    super::whole_file(path, id.as_bytes())?;
    Ok(id)
}

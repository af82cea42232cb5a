//! TLS: the certificate by which a host proves who it is, read again when its files change.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use kailash_core::{Error, Result};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};
use tokio_util::sync::CancellationToken;

use super::config::TlsSection;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// The TLS side of a host's listeners. Cloning shares the certificate.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: Files,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Files {
    certificates: PathBuf,
    key: PathBuf,
}

struct Current {
    key: Arc<CertifiedKey>,
    /// When the files were changed last.
    changed: [Option<SystemTime>; 2],
}

impl Tls {
    /// Reads the files, if there are any. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read; kind `Invalid`, code `tls.files`, for one that holds no certificate or key, or a key
    /// of another certificate.
    pub(super) fn open(section: &TlsSection) -> Result<Option<Self>> {
        let (Some(certificates), Some(key)) = (section.certificates.clone(), section.key.clone()) else {
            return Ok(None);
        };
        let files = Files { certificates, key };
        let provider = Arc::new(aws_lc_rs::default_provider());
        let changed = changed(&files);
        let current = RwLock::new(Current { key: read(&files, &provider)?, changed });
        Ok(Some(Self(Arc::new(Inner { files, provider, current }))))
    }

    /// What takes connections, for HTTP/1.1.
    ///
    /// # Errors
    /// Never in practice.
    pub fn acceptor(&self) -> Result<TlsAcceptor> {
        let config = ServerConfig::builder_with_provider(Arc::clone(&self.0.provider));
        let config = config.with_safe_default_protocol_versions();
        let config = config.map_err(|error| Error::internal(format!("TLS: {error}")))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again when they change, until `stop`. Files that are wrong change nothing: they may be half written.
    pub(super) async fn follow_files(self, stop: CancellationToken) -> Result<()> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return Ok(()),
            }
            let tls = self.clone();
            let read = tokio::task::spawn_blocking(move || tls.read_again()).await;
            match read.unwrap_or_else(|error| Err(Error::internal(error.to_string()))) {
                Ok(true) => tracing::info!("the certificate was renewed"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the certificate was not renewed, the old one stays"),
            }
        }
    }

    /// Reads the files if they changed since, and says whether they did. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read; kind `Invalid`, code `tls.files`, for one that holds no certificate or key, or a key of
    /// another certificate. The certificate stays as it was then.
    pub fn read_again(&self) -> Result<bool> {
        let changed = changed(&self.0.files);
        if changed == self.0.current.read().unwrap_or_else(PoisonError::into_inner).changed {
            return Ok(false);
        }
        let key = read(&self.0.files, &self.0.provider)?;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Current { key, changed };
        Ok(true)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current.key))
    }
}

fn changed(files: &Files) -> [Option<SystemTime>; 2] {
    [&files.certificates, &files.key].map(|file| fs::metadata(file).and_then(|file| file.modified()).ok())
}

fn read(files: &Files, provider: &CryptoProvider) -> Result<Arc<CertifiedKey>> {
    let wrong = |file: &Path, what: String| Error::invalid("tls.files", what).at(file.display().to_string());
    let pem = content(&files.certificates)?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(&files.certificates, error.to_string()))?;
    if certificates.is_empty() {
        return Err(
            wrong(&files.certificates, "the file holds no certificate".into()).with_hint("PEM is wanted")
        );
    }
    let key = PrivateKeyDer::from_pem_slice(&content(&files.key)?).map_err(|error| {
        wrong(&files.key, format!("the file holds no private key: {error}")).with_hint("PEM is wanted")
    })?;
    if is_open(&files.key) {
        tracing::warn!(file = %files.key.display(), "others on this machine can read the private key");
    }
    let key = CertifiedKey::from_der(certificates, key, provider);
    key.map(Arc::new).map_err(|error| {
        wrong(&files.key, error.to_string())
            .with_hint("is it the key of the first certificate in the other file?")
    })
}

fn content(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| Error::io(file, error))
}

#[cfg(unix)]
fn is_open(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o007 != 0)
}

#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

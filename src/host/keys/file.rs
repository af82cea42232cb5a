//! The file of keys, and the hashing of secrets.

use std::{fs::File, io::ErrorKind, path::Path, time::SystemTime};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use kailash_core::{Error, Result};

use super::Key;
use crate::host::whole_file;

/// Argon2id (RFC 9106) of `secret` under a salt of its own, in PHC form.
pub(super) fn hash(secret: &str) -> Result<String> {
    let hashed = Argon2::default().hash_password(secret.as_bytes());
    hashed.map(|hash| hash.to_string()).map_err(|error| Error::internal(format!("argon2: {error}")))
}

/// Whether `hash` is that of `secret`.
pub(super) fn verify(secret: &str, hash: &str) -> bool {
    let parsed = PasswordHash::new(hash);
    parsed.is_ok_and(|parsed| Argon2::default().verify_password(secret.as_bytes(), &parsed).is_ok())
}

/// When the file was changed; none if there is no file.
pub(super) fn changed(path: &Path) -> Result<Option<SystemTime>> {
    match std::fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(changed) => Ok(Some(changed)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path, error)),
    }
}

/// The keys in the file; none if there is no file.
pub(super) fn read(path: &Path) -> Result<Vec<Key>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(path, error)),
    };
    serde_json::from_str(&text).map_err(|error| {
        Error::invalid("key.file", format!("the file of keys cannot be read: {error}"))
            .at(path.display().to_string())
    })
}

/// Keeps other processes from changing the file, until what is returned is dropped.
pub(super) fn lock(path: &Path) -> Result<File> {
    let beside = path.with_extension("lock");
    let locked = File::create(&beside).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| Error::io(&beside, error))
}

/// Writes the file, whole or not at all.
pub(super) fn write(path: &Path, keys: &[Key]) -> Result<()> {
    let text = serde_json::to_string_pretty(keys).map_err(|error| Error::internal(error.to_string()))?;
    whole_file(path, text.as_bytes())
}

//! API keys: who may do what. Only hashes are kept.

mod file;
mod scope;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use kailash_core::{
    Error, ErrorKind, Result,
    exec::{Clock, SystemClock, Timestamp},
};
use serde::{Deserialize, Serialize};

pub use self::scope::{Scope, Scopes};
use super::files::random_hex;

/// What every key begins with.
const PREFIX: &str = "kls_";

/// How many tokens are remembered as good: hashing one anew takes tens of milliseconds.
const REMEMBERED: usize = 1024;

/// A key as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Its id, the part of the token that is no secret.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// When it was made.
    pub created: Timestamp,
    /// Argon2id of the secret, in PHC form.
    hash: String,
}

/// A handle to the keys in a data folder. What another process adds or revokes is seen at the next request.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<Key>,
    /// When the file that `keys` come from was changed.
    changed: Option<SystemTime>,
    /// BLAKE3 of tokens that were found good, with their keys.
    good: HashMap<[u8; 32], usize>,
}

impl Keys {
    /// The keys in `data`. Blocks.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(data: &Path) -> Result<Self> {
        let keys = Self(Arc::new(Inner { path: data.join("keys.json"), state: Mutex::default() }));
        drop(keys.fresh()?);
        Ok(keys)
    }

    /// The data folder that they are kept in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.path.parent().unwrap_or(&self.0.path)
    }

    /// Every key, in the order in which they were made.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn list(&self) -> Result<Vec<Key>> {
        Ok(self.fresh()?.keys.clone())
    }

    /// Makes a key. The token is returned this once and kept nowhere. Blocks.
    ///
    /// # Errors
    /// Kind `Invalid` for a name that is empty or too long; a file that cannot be written.
    pub fn add(&self, name: &str, scopes: Scopes) -> Result<(Key, String)> {
        if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
            return Err(Error::invalid("key.name", "a key has a name of 1 to 100 printable signs"));
        }
        let (id, secret) = (random_hex::<8>()?, random_hex::<32>()?);
        let key = Key {
            hash: file::hash(&secret)?,
            id,
            name: name.to_owned(),
            scopes,
            created: SystemClock::default().now(),
        };
        let token = format!("{PREFIX}{}_{secret}", key.id);
        let _alone = file::lock(&self.0.path)?;
        let mut state = self.fresh()?;
        let mut keys = state.keys.clone();
        keys.push(key.clone());
        file::write(&self.0.path, &keys)?;
        *state = State { keys, changed: file::changed(&self.0.path)?, good: HashMap::new() };
        Ok((key, token))
    }

    /// Revokes the key called `name`, or with this id. Blocks.
    ///
    /// # Errors
    /// Kind `Missing`, code `key.unknown`; kind `Conflict`, code `key.ambiguous`, if several have the name.
    pub fn revoke(&self, name: &str) -> Result<Key> {
        let _alone = file::lock(&self.0.path)?;
        let mut state = self.fresh()?;
        let found: Vec<usize> = (0..state.keys.len())
            .filter(|at| state.keys[*at].id == name || state.keys[*at].name == name)
            .collect();
        let at = match found.as_slice() {
            [one] => *one,
            [] => return Err(Error::missing("key.unknown", format!("there is no key `{name}`"))),
            _ => {
                let error = Error::new(
                    ErrorKind::Conflict,
                    "key.ambiguous",
                    format!("several keys are called `{name}`"),
                );
                return Err(error.with_hint("give the id"));
            }
        };
        let mut keys = state.keys.clone();
        let gone = keys.remove(at);
        file::write(&self.0.path, &keys)?;
        *state = State { keys, changed: file::changed(&self.0.path)?, good: HashMap::new() };
        Ok(gone)
    }

    /// Whether there is any key.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn any(&self) -> Result<bool> {
        Ok(!self.fresh()?.keys.is_empty())
    }

    /// The key of `token`, if it was checked before. Quick.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn remembered(&self, token: &str) -> Result<Option<Key>> {
        let state = self.fresh()?;
        let at = state.good.get(blake3::hash(token.as_bytes()).as_bytes());
        Ok(at.and_then(|at| state.keys.get(*at)).cloned())
    }

    /// Checks `token` and returns its key. Takes tens of milliseconds of a core.
    ///
    /// # Errors
    /// Kind `Denied`, code `key.wrong`.
    pub fn check(&self, token: &str) -> Result<Key> {
        let wrong = || Error::new(ErrorKind::Denied, "key.wrong", "the API key is not known here");
        let parts = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_'));
        let (id, secret) = parts.ok_or_else(wrong)?;
        let candidate = self.fresh()?.keys.iter().find(|key| key.id == id).cloned().ok_or_else(wrong)?;
        if !file::verify(secret, &candidate.hash) {
            return Err(wrong());
        }
        let mut state = self.fresh()?;
        let at = state.keys.iter().position(|key| key.id == candidate.id).ok_or_else(wrong)?;
        if state.good.len() >= REMEMBERED {
            state.good.clear();
        }
        state.good.insert(*blake3::hash(token.as_bytes()).as_bytes(), at);
        Ok(candidate)
    }

    /// The keys as the file has them now.
    fn fresh(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = file::changed(&self.0.path)?;
        if changed != state.changed {
            *state = State { keys: file::read(&self.0.path)?, changed, good: HashMap::new() };
        }
        Ok(state)
    }
}

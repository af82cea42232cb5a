//! The connection pools of a host, shared by all nodes that speak to the same database.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kailash_core::{Error, ErrorKind, Result, node::Context};
use tokio::time::Instant;

use super::{
    address::{Address, Place},
    connection::Target,
    pool::Pool,
};
use crate::data::WorkDir;

/// How many databases a host is connected to at most.
const MAX_POOLS: usize = 64;

/// A handle to a host's connection pools. A pool is made when the first statement is run at its database.
#[derive(Clone, Default)]
pub struct SqlPools(Arc<Mutex<HashMap<blake3::Hash, Entry>>>);

struct Entry {
    pool: Arc<Pool>,
    used: Instant,
}

impl fmt::Debug for SqlPools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlPools").field("databases", &self.entries().len()).finish()
    }
}

impl SqlPools {
    /// The pool of `size` connections to the database at `address`.
    ///
    /// # Errors
    /// An address that leads nowhere; kind `Limit`, code `sql.pools`.
    pub(super) async fn get(&self, wanted: &Wanted, cx: &Context) -> Result<Arc<Pool>> {
        let place = Place::parse(&wanted.address.resolve(cx).await?)?;
        let (key, path) = wanted.key(&place)?;
        if let Some(entry) = self.entries().get_mut(&key) {
            entry.used = Instant::now();
            return Ok(Arc::clone(&entry.pool));
        }
        let read_only = wanted.read_only;
        let target = cx.blocking(move || Target::new(&place, path, read_only)).await?;
        let mut entries = self.entries();
        if !entries.contains_key(&key) && entries.len() >= MAX_POOLS {
            make_room(&mut entries)?;
        }
        let entry = entries.entry(key).or_insert_with(|| Entry {
            pool: Arc::new(Pool::new(target, wanted.size)),
            used: Instant::now(),
        });
        Ok(Arc::clone(&entry.pool))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<blake3::Hash, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops the pool that was idle for longest.
fn make_room(entries: &mut HashMap<blake3::Hash, Entry>) -> Result<()> {
    let idle =
        entries.iter().filter(|(_, entry)| Arc::strong_count(&entry.pool) == 1 && !entry.pool.is_kept());
    let oldest = idle.min_by_key(|(_, entry)| entry.used).map(|(key, _)| *key);
    let oldest = oldest.ok_or_else(|| {
        Error::new(ErrorKind::Limit, "sql.pools", format!("{MAX_POOLS} databases are in use already"))
    })?;
    entries.remove(&oldest);
    Ok(())
}

/// The pool that a node wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The database.
    pub(super) address: Address,
    /// Where relative paths start.
    pub(super) dir: WorkDir,
    /// How many connections there may be.
    pub(super) size: usize,
    /// Whether a file is opened for reading only.
    pub(super) read_only: bool,
}

impl Wanted {
    /// What tells this pool from others, and the path of the file. The key of a map is no place for a password.
    fn key(&self, place: &Place) -> Result<(blake3::Hash, std::path::PathBuf)> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.size.to_le_bytes());
        let path = match place {
            Place::Memory => {
                hasher.update(b"memory");
                std::path::PathBuf::new()
            }
            Place::File(path) => {
                let path = self.dir.checked(path)?;
                hasher.update(if self.read_only { b"read" } else { b"file" });
                hasher.update(path.as_os_str().as_encoded_bytes());
                path
            }
            Place::Server(text) => {
                hasher.update(b"server");
                hasher.update(text.as_bytes());
                std::path::PathBuf::new()
            }
        };
        Ok((hasher.finalize(), path))
    }
}

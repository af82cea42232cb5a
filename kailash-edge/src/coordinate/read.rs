//! Reading the state: as it is now anywhere, or as it is here.

use kailash_core::{Error, ErrorKind, Result};
use openraft::{
    ReadPolicy,
    errors::{LinearizableReadError, RaftError},
};
use tokio::time::timeout;

use super::{
    Coordinator,
    coordinator::stopped,
    net::{Ask, Told},
    state::{Entry, Granted, LeaseRecord, Space, check_name, name_of},
};

/// How new what is read must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// It has everything that was answered before the read began, to anybody.
    #[default]
    Linearizable,
    /// It may be of some time ago.
    StaleOk,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading<T> {
    /// What was found.
    pub value: T,
    /// The log index behind the last command that it has.
    pub index: u64,
    /// Whether it may be of some time ago.
    pub stale: bool,
}

impl Coordinator {
    /// An entry of the map.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `coordinate.no_quorum`, where it must not be stale and no majority answers; damaged
    /// storage.
    pub async fn get(&self, key: &str, consistency: Consistency) -> Result<Reading<Option<Entry>>> {
        check_name("key", key)?;
        self.read(consistency, |coordinator| {
            coordinator.0.machine.look(|machine, _| Entry::find(&machine.keys, key))
        })
        .await
    }

    /// The entries of the map whose keys begin with `prefix` and come behind `after`, `most` at most.
    ///
    /// # Errors
    /// As [`Coordinator::get`].
    pub async fn list(
        &self,
        prefix: &str,
        after: &str,
        most: usize,
        consistency: Consistency,
    ) -> Result<Reading<Vec<(String, Entry)>>> {
        let (prefix, after) = (Space::Map.key(prefix), Space::Map.key(after));
        self.read(consistency, |coordinator| {
            let found = coordinator.0.machine.scan(&prefix, &after, most)?;
            let entry =
                |(key, value): (bytes::Bytes, _)| Ok((name_of(&key).to_owned(), Entry::decode(value)?));
            found.into_iter().map(entry).collect()
        })
        .await
    }

    /// The leases that somebody holds whose names begin with `prefix` and come behind `after`, among `most` at most.
    ///
    /// # Errors
    /// As [`Coordinator::get`].
    pub async fn leases(
        &self,
        prefix: &str,
        after: &str,
        most: usize,
        consistency: Consistency,
    ) -> Result<Reading<Vec<Granted>>> {
        let (prefix, after) = (Space::Lease.key(prefix), Space::Lease.key(after));
        self.read(consistency, |coordinator| {
            let found = coordinator.0.machine.scan(&prefix, &after, most)?;
            let granted = found.iter().map(|(key, value)| {
                LeaseRecord::decode(value).map(|record| record.granted(&name_of(key).into()))
            });
            granted.filter_map(Result::transpose).collect()
        })
        .await
    }

    /// Who holds a lease.
    ///
    /// # Errors
    /// As [`Coordinator::get`].
    pub async fn holder(&self, lease: &str, consistency: Consistency) -> Result<Reading<Option<Granted>>> {
        check_name("lease", lease)?;
        let name = lease.into();
        self.read(consistency, |coordinator| {
            let record = coordinator.0.machine.look(|machine, _| LeaseRecord::find(&machine.keys, lease))?;
            Ok(record.and_then(|record| record.granted(&name)))
        })
        .await
    }

    async fn read<T>(
        &self,
        consistency: Consistency,
        look: impl FnOnce(&Self) -> Result<T>,
    ) -> Result<Reading<T>> {
        if consistency == Consistency::Linearizable {
            self.catch_up().await?;
        }
        let stale = consistency == Consistency::StaleOk;
        let index = self.0.machine.look(|_, last| last.map_or(0, |last| last.index + 1));
        Ok(Reading { value: look(self)?, index, stale })
    }

    /// Waits until this member has carried out everything that was answered to anybody before.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `coordinate.no_quorum`.
    pub async fn catch_up(&self) -> Result<()> {
        let Told::ReadIndex(Some(index)) = self.until_led(|| Ask::ReadIndex).await? else { return Ok(()) };
        let mut progress = self.0.machine.progress();
        let here = progress.wait_for(|next| *next > index);
        match timeout(self.0.settings.patience, here).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(stopped(&"its state is gone")),
            Err(_) => {
                let message = "this member does not catch up with the leader";
                Err(Error::new(ErrorKind::Unavailable, "coordinate.behind", message))
            }
        }
    }

    /// Up to where the log must be carried out to see all that was answered: a majority confirms that nobody else leads
    /// (ReadIndex, D. Ongaro's dissertation, section 6.4).
    pub(super) async fn read_index(&self) -> Result<Told> {
        match self.0.raft.get_read_log_id(ReadPolicy::ReadIndex).await {
            Ok((read, _)) => Ok(Told::ReadIndex(Some(read.index()))),
            Err(RaftError::APIError(LinearizableReadError::ForwardToLeader(forward))) => {
                Ok(Told::led_by(forward))
            }
            Err(RaftError::APIError(error)) => {
                Err(Error::new(ErrorKind::Unavailable, "coordinate.no_quorum", error.to_string()))
            }
            Err(error) => Err(stopped(&error)),
        }
    }
}

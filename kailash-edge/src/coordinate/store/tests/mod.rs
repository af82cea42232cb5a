//! What a member keeps, on a disk that loses its power, is full and fails.

mod kept;
mod log;
mod machine;
mod sealed;

use std::sync::Arc;

use kailash_core::{log::Disk, testing::SimulatedDisk};
use openraft::{
    StorageError,
    testing::log::{StoreBuilder, Suite},
};

use super::{LogStore, MachineStore};
use crate::coordinate::raft::Types;

struct OnDisk;

impl StoreBuilder<Types, LogStore, MachineStore> for OnDisk {
    async fn build(&self) -> Result<((), LogStore, MachineStore), StorageError<Types>> {
        let disk: Arc<dyn Disk> = Arc::new(SimulatedDisk::default());
        Ok(((), LogStore::open(Arc::clone(&disk), 2 << 20).await.unwrap(), MachineStore::open(disk).unwrap()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn log_and_state_keep_the_rules_of_openraft() {
    Suite::test_all(OnDisk).await.unwrap();
}

//! The state and its snapshots.

use std::sync::Arc;

use futures_util::stream;
use kailash_core::{Value, testing::SimulatedDisk, value};
use openraft::{EntryPayload, RaftSnapshotBuilder, entry::RaftEntry, storage::RaftStateMachine};

use crate::coordinate::{
    raft::{Entry, LogId, Proposed},
    state::{self, Command, Encoded, Expect, Proposal, Request, What},
    store::{MachineStore, SnapshotFile},
};

fn open(disk: &SimulatedDisk) -> MachineStore {
    MachineStore::open(Arc::new(disk.clone())).unwrap()
}

fn log_id(index: u64) -> LogId {
    LogId::new(openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 }, index)
}

async fn put(store: &mut MachineStore, index: u64, key: &str, value: Value) {
    let command = Command::Put {
        key: key.into(),
        value: Encoded::of(&value).unwrap(),
        expect: Expect::Any,
        ttl: None,
        fence: None,
    };
    let proposal = Proposal { request: Request { client: 1, number: index, settled: 0 }, at: index, command };
    let entry = Entry::new(log_id(index), EntryPayload::Normal(Proposed::of(&proposal).unwrap()));
    store.apply(stream::iter([Ok((entry, None))])).await.unwrap();
}

fn get(store: &MachineStore, key: &str) -> Option<Value> {
    let entry = store.look(|machine, _| state::Entry::find(&machine.keys, key)).unwrap();
    entry.map(|entry| entry.value.value().unwrap())
}

#[tokio::test]
async fn a_snapshot_holds_the_state_of_its_moment_and_survives() {
    let disk = SimulatedDisk::default();
    let mut store = open(&disk);
    for index in 0..500 {
        put(&mut store, index, &format!("k{}", index % 100), value!(index)).await;
    }
    let mut builder = store.get_snapshot_builder().await;
    put(&mut store, 500, "k7", value!("later")).await;
    let snapshot = builder.build_snapshot().await.unwrap();
    assert_eq!(snapshot.meta.last_log_id, Some(log_id(499)));
    assert_eq!(get(&store, "k7"), Some(value!("later")));
    assert_eq!(get(&store, "k8"), Some(value!(408)));
    let mut found = open(&disk.after_power_loss(1));
    assert_eq!(found.applied_state().await.unwrap().0, Some(log_id(499)));
    assert_eq!(get(&found, "k7"), Some(value!(407)));
    assert_eq!(found.get_current_snapshot().await.unwrap().unwrap().meta, snapshot.meta);
}

#[tokio::test]
async fn a_snapshot_that_arrives_replaces_everything() {
    let (here, there) = (SimulatedDisk::default(), SimulatedDisk::default());
    let mut source = open(&there);
    put(&mut source, 0, "new", value!(1)).await;
    let snapshot = source.get_snapshot_builder().await.build_snapshot().await.unwrap();
    let mut store = open(&here);
    put(&mut store, 0, "old", value!(1)).await;
    let bytes = snapshot.snapshot.bytes(0, usize::try_from(snapshot.snapshot.size()).unwrap()).unwrap();
    let name = store.incoming().unwrap();
    let file = store.disk().create(&name).unwrap();
    file.append(&bytes).unwrap();
    file.sync().unwrap();
    let arrived = SnapshotFile::open(&here, &name).unwrap();
    store.install_snapshot(&snapshot.meta, arrived).await.unwrap();
    assert_eq!((get(&store, "old"), get(&store, "new")), (None, Some(value!(1))));
    assert_eq!(store.history().since(0).unwrap_err().complete, 1, "what changed before is not known here");
    assert_eq!(get(&open(&here), "new"), Some(value!(1)));
}

#[tokio::test]
async fn a_snapshot_that_was_not_finished_is_none_and_a_damaged_one_is_refused() {
    let disk = SimulatedDisk::default();
    let mut store = open(&disk);
    put(&mut store, 0, "k", value!(1)).await;
    store.get_snapshot_builder().await.build_snapshot().await.unwrap();
    let half = store.incoming().unwrap();
    store.disk().create(&half).unwrap().append(b"KLTB").unwrap();
    assert_eq!(get(&open(&disk), "k"), Some(value!(1)));
    let files = kailash_core::log::Disk::list(&disk).unwrap();
    let [whole] = &files[..] else { panic!("half a snapshot is removed: {files:?}") };
    disk.damage(whole, |bytes| bytes[30] ^= 1).unwrap();
    let error = MachineStore::open(Arc::new(disk.clone())).err().unwrap();
    assert_eq!(error.code(), "table.damaged");
}

#[tokio::test]
async fn changes_are_told_in_order_from_any_index_that_is_remembered() {
    let mut store = open(&SimulatedDisk::default());
    for index in 0..20_000 {
        put(&mut store, index, "k", value!(index)).await;
    }
    let history = store.history();
    assert_eq!(history.next(), 20_000);
    let told = history.since(19_990).unwrap();
    let versions: Vec<u64> = told
        .iter()
        .map(|change| match &change.what {
            What::Put { version, .. } => *version,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(versions, (19_991..=20_000).collect::<Vec<_>>());
    let lost = history.since(0).unwrap_err();
    assert!((1000..19_000).contains(&lost.complete), "{lost:?}");
    assert!(history.since(lost.complete).is_ok());
}

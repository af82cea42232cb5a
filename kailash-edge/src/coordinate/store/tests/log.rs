//! The Raft log.

use std::sync::Arc;

use kailash_core::{Result, testing::SimulatedDisk};
use openraft::{
    EntryPayload, RaftLogReader,
    entry::RaftEntry,
    storage::{IOFlushed, RaftLogStorage, RaftLogStorageExt},
    type_config::TypeConfigExt,
};

use crate::coordinate::{
    raft::{Entry, LogId, Proposed, Types, Vote},
    store::LogStore,
};

async fn open(disk: &SimulatedDisk) -> Result<LogStore> {
    LogStore::open(Arc::new(disk.clone()), 2 << 20).await
}

fn log_id(index: u64) -> LogId {
    LogId::new(openraft::impls::leader_id_adv::LeaderId { term: 1, node_id: 1 }, index)
}

fn entry(index: u64, bytes: usize) -> Entry {
    Entry::new(log_id(index), EntryPayload::Normal(Proposed(vec![7; bytes].into())))
}

async fn append(log: &mut LogStore, from: u64, to: u64, bytes: usize) {
    log.blocking_append((from..to).map(|index| entry(index, bytes))).await.unwrap();
}

async fn indices(log: &mut LogStore) -> Vec<u64> {
    let entries = log.try_get_log_entries(..).await.unwrap();
    entries.iter().map(|entry| entry.log_id.index).collect()
}

#[tokio::test]
async fn entries_and_vote_survive_a_power_loss() {
    let disk = SimulatedDisk::default();
    let mut log = open(&disk).await.unwrap();
    let vote = Vote::new(3, 9);
    log.save_vote(&vote).await.unwrap();
    append(&mut log, 0, 50, 100).await;
    for seed in 0..10 {
        let mut found = open(&disk.after_power_loss(seed)).await.unwrap();
        assert_eq!(found.read_vote().await.unwrap(), Some(vote));
        assert_eq!(indices(&mut found).await, (0..50).collect::<Vec<_>>());
        assert_eq!(found.get_log_state().await.unwrap().last_log_id, Some(log_id(49)));
    }
}

#[tokio::test]
async fn entries_that_are_not_in_memory_any_more_are_read_from_the_disk() {
    let mut log = open(&SimulatedDisk::default()).await.unwrap();
    for from in (0..200).step_by(10) {
        append(&mut log, from, from + 10, 20_000).await;
    }
    assert_eq!(indices(&mut log).await, (0..200).collect::<Vec<_>>());
    let some = log.limited_get_log_entries(3, 190).await.unwrap();
    assert!((2..60).contains(&some.len()), "a batch is bounded: {}", some.len());
    assert_eq!(some[0].log_id.index, 3);
    let across = log.try_get_log_entries(140..160).await.unwrap();
    assert_eq!(
        across.iter().map(|entry| entry.log_id.index).collect::<Vec<_>>(),
        (140..160).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn a_log_that_gave_way_to_a_snapshot_goes_on_behind_it() {
    let disk = SimulatedDisk::default();
    let mut log = open(&disk).await.unwrap();
    append(&mut log, 0, 20, 100).await;
    log.purge(log_id(7)).await.unwrap();
    assert_eq!(indices(&mut log).await, (8..20).collect::<Vec<_>>());
    log.purge(log_id(500)).await.unwrap();
    let state = log.get_log_state().await.unwrap();
    assert_eq!((state.last_purged_log_id, state.last_log_id), (Some(log_id(500)), Some(log_id(500))));
    append(&mut log, 501, 510, 100).await;
    drop(log);
    let mut log = open(&disk).await.unwrap();
    assert_eq!(indices(&mut log).await, (501..510).collect::<Vec<_>>());
    log.truncate_after(Some(log_id(504))).await.unwrap();
    append(&mut log, 505, 507, 10).await;
    assert_eq!(indices(&mut log).await, (501..507).collect::<Vec<_>>());
    log.truncate_after(None).await.unwrap();
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(log_id(500)));
    append(&mut log, 501, 502, 10).await;
    drop(log);
    assert_eq!(indices(&mut open(&disk).await.unwrap()).await, [501]);
}

#[tokio::test]
async fn a_power_loss_while_the_log_gives_way_loses_nothing_but_the_log() {
    let disk = SimulatedDisk::default();
    let mut log = open(&disk).await.unwrap();
    append(&mut log, 0, 20, 100).await;
    log.purge(log_id(500)).await.unwrap();
    drop(log);
    // As if the power had gone off before the old segments gave way.
    let name = format!("{:020}.log", 501);
    kailash_core::log::Disk::remove(&disk, &name).unwrap();
    let mut log = open(&disk).await.unwrap();
    assert_eq!(log.get_log_state().await.unwrap().last_log_id, Some(log_id(500)));
    append(&mut log, 501, 502, 10).await;
}

#[tokio::test]
async fn a_full_disk_makes_entries_wait_and_nothing_fails() {
    let disk = SimulatedDisk::default();
    let mut log = open(&disk).await.unwrap();
    append(&mut log, 0, 3, 100).await;
    disk.set_capacity(Some(0));
    let (sender, receiver) = Types::oneshot();
    log.append([entry(3, 100)], IOFlushed::signal(sender)).await.unwrap();
    assert_eq!(indices(&mut log).await, [0, 1, 2, 3], "it can be read before it is durable");
    while !log.waits_for_room() {
        tokio::task::yield_now().await;
    }
    disk.set_capacity(None);
    receiver.await.unwrap().unwrap();
    assert_eq!(indices(&mut open(&disk.after_power_loss(1)).await.unwrap()).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn damage_in_the_middle_is_refused() {
    let disk = SimulatedDisk::default();
    let mut log = open(&disk).await.unwrap();
    for index in 0..20 {
        append(&mut log, index, index + 1, 100).await;
    }
    drop(log);
    disk.damage(&format!("{:020}.log", 0), |bytes| bytes[700] ^= 1).unwrap();
    assert_eq!(open(&disk).await.err().unwrap().code(), "log.damaged");
}

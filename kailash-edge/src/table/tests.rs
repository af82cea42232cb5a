//! Tables on a disk that loses its power, is full and damages what it holds.

use std::sync::Arc;

use bytes::Bytes;
use kailash_core::{log::Disk, testing::SimulatedDisk};
use proptest::prelude::*;

use super::{Changes, Table, TableWriter, merge};

fn write(disk: &SimulatedDisk, name: &str, entries: &Changes) -> Arc<Table> {
    let mut writer = TableWriter::create(disk, name).unwrap();
    merge(None, entries, &mut writer).unwrap();
    writer.finish(b"meta").unwrap();
    Arc::new(Table::open(disk, name).unwrap().unwrap())
}

fn entries(table: &Arc<Table>, from: &[u8]) -> Vec<(Bytes, Bytes)> {
    let mut cursor = table.cursor(from).unwrap();
    let mut all = Vec::new();
    while let Some((key, value)) = cursor.entry() {
        all.push((key.clone(), value.clone()));
        cursor.advance().unwrap();
    }
    all
}

/// Keys `k0000`, `k0001` and so on with values that fill several blocks.
fn many(count: usize) -> Changes {
    (0..count).map(|n| (format!("k{n:04}").into(), Some(vec![b'v'; n % 700].into()))).collect()
}

fn changes() -> impl Strategy<Value = Changes> {
    let bytes = |longest| prop::collection::vec(any::<u8>(), 0..longest).prop_map(Bytes::from);
    prop::collection::btree_map(bytes(3), prop::option::of(bytes(900)), 0..60)
}

proptest! {
    #[test]
    fn a_table_holds_what_was_written(mut expected in changes()) {
        expected.retain(|_, value| value.is_some());
        let table = write(&SimulatedDisk::default(), "t", &expected);
        prop_assert_eq!(table.entries(), expected.len() as u64);
        prop_assert_eq!(&**table.meta(), b"meta");
        for key in (0..=255).flat_map(|a| [vec![a], vec![a, 7], vec![]]) {
            prop_assert_eq!(table.get(&key).unwrap(), expected.get(&key[..]).cloned().flatten());
            let rest: Vec<_> =
                expected.range(Bytes::from(key.clone())..).map(|(k, v)| (k.clone(), v.clone().unwrap())).collect();
            prop_assert_eq!(entries(&table, &key), rest);
        }
        for (key, value) in &expected {
            prop_assert_eq!(&table.get(key).unwrap(), value);
        }
    }

    #[test]
    fn a_merge_holds_what_both_hold_and_the_newer_wins(mut old in changes(), new in changes()) {
        old.retain(|_, value| value.is_some());
        let disk = SimulatedDisk::default();
        let base = write(&disk, "old", &old);
        let mut writer = TableWriter::create(&disk, "new").unwrap();
        merge(Some(&base), &new, &mut writer).unwrap();
        writer.finish(b"").unwrap();
        let merged = Arc::new(Table::open(&disk, "new").unwrap().unwrap());
        old.extend(new);
        let expected: Vec<_> = old.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        prop_assert_eq!(entries(&merged, b""), expected);
    }
}

#[test]
fn a_table_without_its_end_is_none() {
    let disk = SimulatedDisk::default();
    let table = write(&disk, "t", &many(50));
    let size = usize::try_from(table.size()).unwrap();
    for kept in (0..size).rev().step_by(7) {
        disk.damage("t", |bytes| bytes.truncate(kept)).unwrap();
        assert!(Table::open(&disk, "t").unwrap().is_none(), "{kept} of {size} bytes");
    }
}

#[test]
fn a_wrong_bit_anywhere_is_noticed() {
    let disk = SimulatedDisk::default();
    let size = usize::try_from(write(&disk, "t", &many(40)).size()).unwrap();
    for at in 0..size {
        disk.damage("t", |bytes| bytes[at] ^= 1 << (at % 8)).unwrap();
        // A wrong mark at the very end looks like a table that was not finished.
        if let Ok(Some(table)) = Table::open(&disk, "t") {
            let error = table.verify().unwrap_err();
            assert_eq!(error.code(), "table.damaged", "byte {at}");
        }
        disk.damage("t", |bytes| bytes[at] ^= 1 << (at % 8)).unwrap();
    }
    Table::open(&disk, "t").unwrap().unwrap().verify().unwrap();
}

#[test]
fn a_table_that_was_finished_survives_a_power_loss() {
    let disk = SimulatedDisk::default();
    let table = write(&disk, "t", &many(300));
    for seed in 0..20 {
        let after = disk.after_power_loss(seed);
        let found = Arc::new(Table::open(&after, "t").unwrap().unwrap());
        assert_eq!(entries(&found, b""), entries(&table, b""));
    }
}

#[test]
fn a_table_of_a_later_version_is_refused() {
    let disk = SimulatedDisk::default();
    write(&disk, "t", &many(3));
    disk.damage("t", |bytes| bytes[4] = 9).unwrap();
    assert_eq!(Table::open(&disk, "t").err().unwrap().code(), "format.newer");
}

#[test]
fn what_no_table_can_hold_is_refused() {
    let disk = SimulatedDisk::default();
    let mut writer = TableWriter::create(&disk, "t").unwrap();
    writer.add(b"b", b"").unwrap();
    assert_eq!(writer.add(b"b", b"").unwrap_err().code(), "internal");
    assert_eq!(writer.add(&vec![b'c'; 65_536], b"").unwrap_err().code(), "table.entry");
    assert!(TableWriter::create(&disk, "t").is_err());
}

#[test]
fn a_full_disk_fails_the_table_and_nothing_else() {
    let disk = SimulatedDisk::default();
    let table = write(&disk, "old", &many(100));
    disk.set_capacity(Some(usize::try_from(table.size()).unwrap() + 100));
    let mut writer = TableWriter::create(&disk, "new").unwrap();
    merge(Some(&table), &many(10), &mut writer).unwrap();
    assert_eq!(writer.finish(b"").unwrap_err().code(), "log.full");
    assert!(Table::open(&disk, "new").unwrap().is_none());
    disk.remove("new").unwrap();
    table.verify().unwrap();
}

//! Small files.

use std::sync::Arc;

use kailash_core::{log::Disk, testing::SimulatedDisk};

use crate::coordinate::store::Sealed;

type Content = Vec<u8>;

fn open(disk: &SimulatedDisk) -> kailash_core::Result<(Sealed<Content>, Option<Content>)> {
    Sealed::open(Arc::new(disk.clone()), "vote")
}

fn stored(disk: &SimulatedDisk) -> Option<Vec<u8>> {
    open(disk).unwrap().1
}

fn file(disk: &SimulatedDisk) -> String {
    let mut files = disk.list().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[test]
fn the_last_one_stored_is_found() {
    let disk = SimulatedDisk::default();
    let (mut sealed, none) = open(&disk).unwrap();
    assert_eq!(none, None);
    for n in 0..5_u8 {
        sealed.store(&vec![n; 20]).unwrap();
        assert_eq!(stored(&disk), Some(vec![n; 20]));
    }
    let (mut sealed, _) = open(&disk).unwrap();
    sealed.store(&b"".to_vec()).unwrap();
    assert_eq!(stored(&disk), Some(Vec::new()));
    file(&disk);
}

#[test]
fn what_was_stored_survives_a_power_loss_at_any_later_moment() {
    for seed in 0..200 {
        let disk = SimulatedDisk::default();
        let (mut sealed, _) = open(&disk).unwrap();
        sealed.store(&b"old".to_vec()).unwrap();
        // Nothing of the next one is synced, as if the power went off while it was written.
        disk.set_sync_fails(true);
        sealed.store(&b"new".to_vec()).unwrap_err();
        let found = stored(&disk.after_power_loss(seed)).unwrap();
        assert!(found == b"old" || found == b"new", "{found:?}");
    }
}

#[test]
fn one_that_is_damaged_is_refused_and_never_taken_for_an_older_one() {
    let disk = SimulatedDisk::default();
    let (mut sealed, _) = open(&disk).unwrap();
    sealed.store(&b"old".to_vec()).unwrap();
    sealed.store(&b"new".to_vec()).unwrap();
    let file = file(&disk);
    for byte in 0..19 {
        disk.damage(&file, |bytes| bytes[byte] ^= 4).unwrap();
        assert_eq!(open(&disk).err().unwrap().code(), "sealed.damaged", "byte {byte}");
        disk.damage(&file, |bytes| bytes[byte] ^= 4).unwrap();
    }
    disk.damage(&file, |bytes| bytes.truncate(10)).unwrap();
    assert_eq!(open(&disk).err().unwrap().code(), "sealed.damaged");
}

#[test]
fn a_full_disk_leaves_what_was_there() {
    let disk = SimulatedDisk::default();
    let (mut sealed, _) = open(&disk).unwrap();
    sealed.store(&b"old".to_vec()).unwrap();
    disk.set_capacity(Some(25));
    assert_eq!(sealed.store(&b"new".to_vec()).unwrap_err().code(), "log.full");
    assert_eq!(stored(&disk), Some(b"old".to_vec()));
    disk.set_capacity(None);
    let (mut sealed, _) = open(&disk).unwrap();
    sealed.store(&b"new".to_vec()).unwrap();
    assert_eq!(stored(&disk), Some(b"new".to_vec()));
}

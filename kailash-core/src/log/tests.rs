//! What the log promises, on a simulated disk that loses its power, is full and fails, and on a real folder.

use bytes::Bytes;
use pollster::block_on;
use proptest::prelude::*;

use super::{Folder, LogSettings, SegmentLog};
use crate::{Error, Result, testing::SimulatedDisk};

const SMALL: LogSettings = LogSettings { segment_bytes: 300, wait_for_room: false };

fn open(disk: &SimulatedDisk) -> Result<SegmentLog> {
    SegmentLog::open(disk.clone(), SMALL)
}

fn body(n: usize, length: usize) -> Bytes {
    n.to_le_bytes().into_iter().cycle().take(length).collect::<Vec<_>>().into()
}

fn append(log: &SegmentLog, records: Vec<Bytes>) -> Result<u64> {
    block_on(log.append(records)?)
}

fn all(log: &SegmentLog) -> Vec<Bytes> {
    (log.first()..log.next()).map(|index| log.read(index).unwrap().unwrap()).collect()
}

/// A log with `count` records of 50 bytes, each written by itself.
fn filled(disk: &SimulatedDisk, count: usize) -> Vec<Bytes> {
    let log = open(disk).unwrap();
    let records: Vec<Bytes> = (0..count).map(|n| body(n, 50)).collect();
    for (n, record) in records.iter().enumerate() {
        assert_eq!(append(&log, vec![record.clone()]).unwrap(), n as u64);
    }
    records
}

fn last_segment(disk: &SimulatedDisk) -> String {
    use super::Disk;
    disk.list().unwrap().pop().unwrap()
}

fn refused(disk: &SimulatedDisk) -> Error {
    open(disk).err().expect("damage is refused")
}

#[test]
fn records_come_back_after_opening_again_over_many_segments() {
    let disk = SimulatedDisk::default();
    let records = filled(&disk, 20);
    let log = open(&disk).unwrap();
    assert!(log.segments().len() > 3, "{:?}", log.segments());
    assert_eq!(all(&log), records);
    assert_eq!(append(&log, vec![Bytes::new(), body(7, 1000)]).unwrap(), 20);
    assert_eq!(log.read(20).unwrap(), Some(Bytes::new()));
    assert_eq!(log.read(22).unwrap(), None);
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_the_log_goes_on() {
    let disk = SimulatedDisk::default();
    let records = filled(&disk, 7);
    let name = last_segment(&disk);
    let mut whole = Vec::new();
    disk.damage(&name, |bytes| whole = bytes.clone()).unwrap();
    let first = open(&disk).unwrap().segments().last().unwrap().0;
    for length in 0..whole.len() {
        let torn = disk.after_power_loss(0);
        torn.damage(&name, |bytes| bytes.truncate(length)).unwrap();
        let log = open(&torn).unwrap();
        let kept = all(&log);
        assert!(kept.len() as u64 >= first && kept[..] == records[..kept.len()], "cut at byte {length}");
        let next = append(&log, vec![Bytes::from_static(b"on")]).unwrap();
        drop(log);
        assert_eq!(open(&torn).unwrap().read(next).unwrap().unwrap(), "on");
    }
}

#[test]
fn a_wrong_bit_before_the_last_write_is_refused_with_its_place() {
    let disk = SimulatedDisk::default();
    filled(&disk, 12);
    let names = super::Disk::list(&disk).unwrap();
    let (last, before) = names.split_last().unwrap();
    for name in before {
        let mut size = 0;
        disk.damage(name, |bytes| size = bytes.len()).unwrap();
        for at in (0..size).step_by(7) {
            let wrong = disk.after_power_loss(0);
            wrong.damage(name, |bytes| bytes[at] ^= 4).unwrap();
            let error = refused(&wrong);
            assert!(["log.damaged", "format.newer", "format.too_old"].contains(&error.code()), "{error}");
        }
    }
    let wrong = disk.after_power_loss(0);
    wrong.damage(last, |bytes| bytes[40] ^= 4).unwrap();
    let error = refused(&wrong);
    assert_eq!(error.code(), "log.damaged");
    assert!(error.message().contains(last) && error.message().contains("byte 32"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn a_missing_segment_is_refused() {
    let disk = SimulatedDisk::default();
    filled(&disk, 12);
    let names = super::Disk::list(&disk).unwrap();
    super::Disk::remove(&disk, &names[1]).unwrap();
    assert_eq!(refused(&disk).code(), "log.damaged");
}

#[test]
fn a_full_disk_fails_cleanly_and_the_log_goes_on_when_there_is_room_again() {
    let disk = SimulatedDisk::default();
    let mut records = filled(&disk, 3);
    let log = open(&disk).unwrap();
    disk.set_capacity(Some(260));
    for _ in 0..5 {
        let error = append(&log, vec![body(9, 50)]).unwrap_err();
        assert_eq!(error.code(), "log.full");
    }
    assert_eq!(all(&log), records);
    disk.set_capacity(None);
    for n in 3..10 {
        records.push(body(n, 50));
        assert_eq!(append(&log, vec![body(n, 50)]).unwrap(), n as u64);
    }
    drop(log);
    assert_eq!(all(&open(&disk).unwrap()), records);
}

#[test]
fn a_log_that_may_wait_for_room_goes_on_with_what_waited() {
    let disk = SimulatedDisk::default();
    let mut records = filled(&disk, 3);
    let waiting = LogSettings { wait_for_room: true, ..SMALL };
    let log = SegmentLog::open(disk.clone(), waiting.clone()).unwrap();
    disk.set_capacity(Some(260));
    let late: Vec<_> = (3..10).map(|n| log.append(vec![body(n, 50)]).unwrap()).collect();
    until(|| log.waits_for_room());
    assert_eq!(all(&log), records);
    disk.set_capacity(None);
    for (appended, n) in late.into_iter().zip(3..) {
        assert_eq!(block_on(appended).unwrap(), n as u64);
        records.push(body(n, 50));
    }
    assert!(!log.waits_for_room());
    drop(log);
    assert_eq!(all(&open(&disk).unwrap()), records);

    disk.set_capacity(Some(0));
    let log = SegmentLog::open(disk, waiting).unwrap();
    let never = log.append(vec![body(10, 50)]).unwrap();
    until(|| log.waits_for_room());
    drop(log);
    assert_eq!(block_on(never).unwrap_err().code(), "log.full");
}

#[test]
fn a_log_begins_again_at_a_later_index() {
    let disk = SimulatedDisk::default();
    filled(&disk, 20);
    let log = open(&disk).unwrap();
    assert_eq!(block_on(log.restart(100).unwrap()).unwrap(), 100);
    assert_eq!((log.first(), log.next()), (100, 100));
    assert_eq!(log.read(7).unwrap(), None);
    drop(log);
    let log = open(&disk.after_power_loss(0)).unwrap();
    assert_eq!(append(&log, vec![body(1, 50)]).unwrap(), 100);
    drop(log);
    assert_eq!(open(&disk).unwrap().next(), 100, "the copy went its own way");
    let log = open(&disk).unwrap();
    assert_eq!(block_on(log.restart(100).unwrap()).unwrap(), 100, "where it is already");
    assert_eq!(append(&log, vec![body(1, 50)]).unwrap(), 100);
}

/// Waits for what another thread brings about.
fn until(done: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !done() {
        assert!(began.elapsed().as_secs() < 10, "in vain");
        std::thread::yield_now();
    }
}

#[test]
fn after_a_failed_sync_nothing_more_is_taken_until_the_log_is_opened_again() {
    let disk = SimulatedDisk::default();
    let records = filled(&disk, 3);
    let log = open(&disk).unwrap();
    disk.set_sync_fails(true);
    assert_eq!(append(&log, vec![body(9, 50)]).unwrap_err().code(), "log.io");
    disk.set_sync_fails(false);
    assert_eq!(append(&log, vec![body(9, 50)]).unwrap_err().code(), "log.broken");
    drop(log);
    assert_eq!(all(&open(&disk.after_power_loss(1)).unwrap()), records);
}

#[test]
fn appends_that_wait_together_share_a_sync() {
    let disk = SimulatedDisk::default();
    let log = SegmentLog::open(disk.clone(), LogSettings::default()).unwrap();
    let waiting: Vec<_> = (0..2000).map(|n| log.append(vec![body(n, 20)]).unwrap()).collect();
    for (n, appended) in (0..).zip(waiting) {
        assert_eq!(block_on(appended).unwrap(), n);
    }
    assert!(disk.syncs() < 1000, "{} syncs for 2000 appends", disk.syncs());
}

#[test]
fn a_purge_frees_whole_segments_and_a_truncation_the_end() {
    let disk = SimulatedDisk::default();
    let records = filled(&disk, 20);
    let log = open(&disk).unwrap();
    let first = block_on(log.purge(10).unwrap()).unwrap();
    assert!(first > 0 && first <= 10, "{first}");
    assert_eq!(log.read(0).unwrap(), None);
    assert_eq!(block_on(log.truncate(12).unwrap()).unwrap(), 12);
    assert_eq!(append(&log, vec![Bytes::from_static(b"new")]).unwrap(), 12);
    drop(log);
    let log = open(&disk.after_power_loss(3)).unwrap();
    assert_eq!((log.first(), log.next()), (first, 13));
    assert_eq!(log.read(11).unwrap().as_ref(), Some(&records[11]));
    assert_eq!(log.read(12).unwrap().unwrap(), "new");
    assert_eq!(block_on(log.truncate(50).unwrap()).unwrap(), 13, "there is nothing to forget");
    assert_eq!(block_on(log.truncate(0).unwrap()).unwrap(), first, "an index is never used twice");
    assert_eq!((log.first(), log.next()), (first, first));
}

#[test]
fn an_emptied_log_remembers_its_next_index() {
    let disk = SimulatedDisk::default();
    filled(&disk, 20);
    let log = open(&disk).unwrap();
    let first = block_on(log.purge(20).unwrap()).unwrap();
    assert_eq!(block_on(log.truncate(first).unwrap()).unwrap(), first);
    drop(log);
    let log = open(&disk.after_power_loss(1)).unwrap();
    assert_eq!((log.first(), log.next()), (first, first));
}

#[test]
fn what_waits_is_written_when_the_log_is_dropped() {
    let disk = SimulatedDisk::default();
    let log = open(&disk).unwrap();
    (0..50).for_each(|n| drop(log.append(vec![body(n, 10)]).unwrap()));
    drop(log);
    assert_eq!(open(&disk.after_power_loss(0)).unwrap().next(), 50);
}

#[test]
fn too_long_a_record_is_refused_before_it_waits() {
    let log = open(&SimulatedDisk::default()).unwrap();
    let error = log.append(vec![vec![0; (16 << 20) + 1].into()]).err().unwrap();
    assert_eq!(error.code(), "log.record");
    let settings = LogSettings { segment_bytes: 0, ..SMALL };
    assert_eq!(SegmentLog::open(SimulatedDisk::default(), settings).err().unwrap().code(), "log.settings");
}

#[test]
fn a_folder_is_used_by_one_process_at_a_time() {
    let folder = std::env::temp_dir().join(format!("kailash-log-{}", std::process::id()));
    let log = SegmentLog::open(Folder::open(&folder).unwrap(), SMALL).unwrap();
    assert_eq!(Folder::open(&folder).err().unwrap().code(), "log.locked");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&folder).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "nobody else reads what flows through workflows");
    assert_eq!(append(&log, (0..20).map(|n| body(n, 50)).collect()).unwrap(), 0);
    assert_eq!(append(&log, vec![body(20, 50)]).unwrap(), 20);
    drop(log);
    let log = SegmentLog::open(Folder::open(&folder).unwrap(), SMALL).unwrap();
    assert_eq!(all(&log), (0..=20).map(|n| body(n, 50)).collect::<Vec<_>>());
    assert_eq!(block_on(log.purge(21).unwrap()).unwrap(), 20, "the last segment stays");
    drop(log);
    std::fs::remove_dir_all(folder).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3000 }))]

    /// Writers race, the power goes off at some moment, and whatever was answered is there.
    #[test]
    fn what_was_answered_survives_a_power_loss(
        lengths in prop::collection::vec(0_usize..700, 1..40),
        answered in any::<prop::sample::Index>(),
        seed: u64,
    ) {
        let disk = SimulatedDisk::default();
        let log = open(&disk).unwrap();
        let records: Vec<Bytes> = lengths.iter().enumerate().map(|(n, length)| body(n, *length)).collect();
        let waiting: Vec<_> = records.iter().map(|record| log.append(vec![record.clone()]).unwrap()).collect();
        let awaited = answered.index(waiting.len());
        for appended in waiting.into_iter().take(awaited) {
            block_on(appended).unwrap();
        }
        // The writer is somewhere between the last answer and the end.
        let found = open(&disk.after_power_loss(seed)).unwrap();
        let kept = all(&found);
        prop_assert!(kept.len() >= awaited, "{} of {awaited} promised", kept.len());
        prop_assert_eq!(&kept[..], &records[..kept.len()]);
        prop_assert_eq!(append(&found, vec![Bytes::from_static(b"on")]).unwrap(), kept.len() as u64);
    }
}

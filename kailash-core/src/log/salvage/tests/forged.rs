//! Bodies that hold what looks like records.

use std::ops::Range;

use pollster::block_on;

use super::{
    super::{
        super::{LogSettings, SegmentRunLog, record, segment},
        Doubt, Salvage,
    },
    append, checked, found, layout, of, run,
};
use crate::{exec::RunLog, testing::SimulatedDisk};

/// Bytes that are sound records of segment 0.
fn forged(first: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for index in first..first + 3 {
        let mut body = vec![0_u8];
        body.extend_from_slice(run(66).as_bytes());
        body.extend_from_slice(&(index - first).to_le_bytes());
        body.extend_from_slice(b"forged");
        record::encode(&mut out, segment::header(0).1, index, index, &body);
    }
    out
}

/// A log whose third record holds forged ones, and where it lies.
fn with_forged(first: u64, behind: &[u128]) -> (SimulatedDisk, Range<usize>) {
    let disk = SimulatedDisk::default();
    let log = SegmentRunLog::open(disk.clone(), LogSettings::default()).unwrap();
    append(&log, &[1, 2]);
    let mut body = vec![b' '; 400];
    body.extend_from_slice(&forged(first));
    body.extend_from_slice(&[b' '; 100]);
    block_on(log.append(run(5), 0, vec![body.into()])).unwrap();
    append(&log, behind);
    drop(log);
    let place = layout(&found(&disk))[2].1.clone();
    (disk, place)
}

fn is_forged(salvage: &Salvage) -> bool {
    salvage.runs().any(|found| found.run == run(66))
}

#[test]
fn records_in_the_body_of_a_bad_one_are_not_looked_at() {
    for first in 0..12 {
        let (disk, place) = with_forged(first, &[1, 2, 1]);
        for at in [place.start, place.start + 4, place.start + 9, place.start + 17, place.start + 100] {
            let broken = disk.after_power_loss(0);
            broken.damage("00000000000000000000.log", |bytes| bytes[at] ^= 1).unwrap();
            let salvage = found(&broken);
            assert!(!is_forged(&salvage), "record {first}, byte {at}");
            assert_eq!(checked(&salvage).len(), 5);
        }
    }
}

#[test]
fn records_in_the_body_of_a_torn_one_are_not_looked_at() {
    for first in 0..12 {
        let (disk, place) = with_forged(first, &[]);
        for length in [place.end - 1, place.end - 50, place.end - 100, place.end - 101, place.start + 420] {
            let broken = disk.after_power_loss(0);
            broken.damage("00000000000000000000.log", |bytes| bytes.truncate(length)).unwrap();
            assert!(!is_forged(&found(&broken)), "record {first}, cut at {length}");
        }
    }
}

#[test]
fn records_in_a_body_whose_head_is_lost_are_dropped_or_doubted() {
    for first in 0..30 {
        for behind in [&[][..], &[1, 2, 1]] {
            let (disk, place) = with_forged(first, behind);
            let head = place.start..place.start + 30;
            disk.damage("00000000000000000000.log", |bytes| bytes[head].fill(0)).unwrap();
            let salvage = found(&disk);
            if is_forged(&salvage) {
                assert_eq!(of(&salvage, 66).doubt, Some(Doubt::Unproven));
                assert!(behind.is_empty(), "real records contradict them");
            }
        }
    }
}

#[test]
fn a_copy_of_records_in_a_body_takes_nothing_from_them() {
    let name = "00000000000000000000.log";
    let disk = SimulatedDisk::default();
    let log = SegmentRunLog::open(disk.clone(), LogSettings::default()).unwrap();
    append(&log, &[1, 2, 1, 2]);
    let places = layout(&found(&disk));
    // A workflow reads the journal that it is in.
    let mut body = vec![b' '; 100];
    disk.damage(name, |bytes| body.extend_from_slice(&bytes[places[2].1.clone()])).unwrap();
    body.push(b' ');
    block_on(log.append(run(5), 0, vec![body.into()])).unwrap();
    append(&log, &[1]);
    drop(log);
    for head in [places[1].1.start, places[3].1.end] {
        disk.damage(name, |bytes| bytes[head..head + 30].fill(0)).unwrap();
    }
    assert_eq!(checked(&found(&disk)), [(run(1), 0), (run(1), 1), (run(1), 2), (run(2), 1)]);
}

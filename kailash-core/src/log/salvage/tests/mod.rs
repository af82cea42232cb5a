//! What is told of a damaged log, on a simulated disk whose bytes are changed.

mod doubts;
mod forged;
mod harm;
mod places;
mod unreadable;

use std::{collections::BTreeMap, ops::Range};

use bytes::Bytes;
use pollster::block_on;

use super::{
    super::{Disk, LogSettings, SegmentRunLog},
    FoundRun, Salvage,
};
use crate::{RunId, exec::RunLog, testing::SimulatedDisk};

const SMALL: LogSettings = LogSettings { segment_bytes: 700, wait_for_room: false };

fn run(n: u128) -> RunId {
    RunId::from_u128(n)
}

fn body(run: u128, seq: u64) -> Bytes {
    format!("record {seq} of {run}, {}", "x".repeat((seq * 7 % 30) as usize)).into()
}

/// A log in which these runs were given a record each, one after the other, each in a write of its own.
fn log(order: &[u128]) -> SimulatedDisk {
    let disk = SimulatedDisk::default();
    let log = SegmentRunLog::open(disk.clone(), SMALL).unwrap();
    append(&log, order);
    disk
}

fn append(log: &SegmentRunLog, order: &[u128]) {
    for n in order {
        let length = block_on(log.read(run(*n), 0, usize::MAX)).unwrap().len() as u64;
        block_on(log.append(run(*n), length, vec![body(*n, length)])).unwrap();
    }
}

fn found(disk: &SimulatedDisk) -> Salvage {
    Salvage::of(disk).unwrap()
}

fn of(salvage: &Salvage, n: u128) -> FoundRun {
    salvage.runs().find(|found| found.run == run(n)).expect("the run is found")
}

fn names(disk: &SimulatedDisk) -> Vec<String> {
    disk.list().unwrap()
}

fn size(disk: &SimulatedDisk, name: &str) -> usize {
    usize::try_from(disk.open(name).unwrap().size().unwrap()).unwrap()
}

/// All records that are there by the log's numbers: run and position.
fn places(salvage: &Salvage) -> BTreeMap<u64, (RunId, u64)> {
    let all = salvage.runs().flat_map(|found| (0..=found.last).map(move |seq| (found.run, seq)));
    all.filter_map(|(run, seq)| Some((salvage.place(run, seq)?.record.index, (run, seq)))).collect()
}

/// All records in order: segment, bytes, run, position.
fn layout(salvage: &Salvage) -> Vec<(usize, Range<usize>, RunId, u64)> {
    let place = |(run, seq)| {
        let place = salvage.place(run, seq).expect("it was found");
        (place.segment, place.record.at..place.record.at + place.record.size, run, seq)
    };
    places(salvage).into_values().map(place).collect()
}

/// The records that are there, every one as it was written.
fn checked(salvage: &Salvage) -> Vec<(RunId, u64)> {
    let mut records = Vec::new();
    for found in salvage.runs() {
        let n = u128::from_be_bytes(*found.run.as_bytes());
        for seq in 0..=found.last {
            if let Some(bytes) = salvage.record(found.run, seq) {
                assert_eq!(bytes, body(n, seq), "record {seq} of run {n}");
                records.push((found.run, seq));
            }
        }
        assert!(found.prefix <= found.records && found.records <= found.last + 1, "{found:?}");
    }
    records
}

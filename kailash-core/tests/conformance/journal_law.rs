//! The run log on disk does what the one in memory does, whatever is appended and forgotten and whenever the power goes
//! off, and its length stays bounded.

use bytes::Bytes;
use kailash_core::{
    RunId,
    exec::{MemoryRunLog, RunLog},
    log::{LogSettings, SegmentRunLog},
    testing::SimulatedDisk,
};
use pollster::block_on;
use proptest::prelude::*;

const SEGMENT: u64 = 2048;

#[derive(Clone, Debug)]
enum Act {
    Append { run: u8, sizes: Vec<usize> },
    Forget { run: u8 },
    PowerLoss { seed: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0_u8..6, prop::collection::vec(0_usize..300, 1..5)).prop_map(|(run, sizes)| Act::Append { run, sizes }),
        2 => (0_u8..6).prop_map(|run| Act::Forget { run }),
        1 => any::<u64>().prop_map(|seed| Act::PowerLoss { seed }),
    ]
}

fn open(disk: &SimulatedDisk) -> SegmentRunLog {
    SegmentRunLog::open(disk.clone(), LogSettings { segment_bytes: SEGMENT, ..LogSettings::default() })
        .expect("the disk is sound")
}

async fn content(log: &dyn RunLog) -> Vec<(RunId, Vec<Bytes>)> {
    let mut content = Vec::new();
    for run in log.runs(None, usize::MAX).await.expect("runs are listed") {
        let entries = log.read(run, 0, usize::MAX).await.expect("entries are read");
        content.push((run, entries.into_iter().map(|entry| entry.body).collect()));
    }
    content
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn it_is_the_one_in_memory_that_survives(acts in prop::collection::vec(act(), 1..120)) {
        let mut disk = SimulatedDisk::default();
        let mut log = open(&disk);
        let model = MemoryRunLog::default();
        for (n, act) in acts.into_iter().enumerate() {
            match act {
                Act::Append { run, sizes } => {
                    let run = RunId::from_u128(u128::from(run));
                    let records: Vec<Bytes> =
                        sizes.iter().map(|size| Bytes::from(vec![u8::try_from(n).unwrap_or(255); *size])).collect();
                    let length = block_on(model.read(run, 0, usize::MAX)).expect("the model is read").len() as u64;
                    block_on(model.append(run, length, records.clone())).expect("the model appends");
                    block_on(log.append(run, length, records)).expect("the log appends");
                }
                Act::Forget { run } => {
                    let run = RunId::from_u128(u128::from(run));
                    block_on(model.prune(run)).expect("the model forgets");
                    block_on(log.prune(run)).expect("the log forgets");
                    let (total, live) = log.size();
                    prop_assert!(total <= 2 * live + 6 * SEGMENT, "{total} bytes for {live} that live");
                }
                Act::PowerLoss { seed } => {
                    drop(log);
                    disk = disk.after_power_loss(seed);
                    log = open(&disk);
                }
            }
            prop_assert_eq!(block_on(content(&log)), block_on(content(&model)));
        }
    }
}

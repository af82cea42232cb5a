//! Whatever a failing disk may do.

use pollster::block_on;
use proptest::prelude::*;

use super::{
    super::super::{Disk, SegmentRunLog},
    SMALL, append, checked, found, names, places, run,
};
use crate::{exec::RunLog, testing::SimulatedDisk};

/// What a failing disk may do to a file.
#[derive(Clone, Debug)]
enum Harm {
    Fill(prop::sample::Index, usize, u8),
    Noise(prop::sample::Index, Vec<u8>),
    /// A write that went elsewhere.
    Copy(prop::sample::Index, prop::sample::Index, usize),
    Cut(prop::sample::Index),
    Grow(Vec<u8>),
}

fn harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        (at(), 1_usize..200, any::<u8>()).prop_map(|(at, length, byte)| Harm::Fill(at, length, byte)),
        (at(), prop::collection::vec(any::<u8>(), 1..60)).prop_map(|(at, noise)| Harm::Noise(at, noise)),
        (at(), at(), 1_usize..300).prop_map(|(from, to, length)| Harm::Copy(from, to, length)),
        at().prop_map(Harm::Cut),
        prop::collection::vec(any::<u8>(), 1..60).prop_map(Harm::Grow),
    ]
}

impl Harm {
    fn be_done(self, bytes: &mut Vec<u8>) {
        let size = bytes.len();
        if size == 0 {
            return;
        }
        let clip = |at: usize, length: usize| at..(at + length).min(size);
        match self {
            Self::Fill(at, length, byte) => bytes[clip(at.index(size), length)].fill(byte),
            Self::Noise(at, noise) => {
                let place = clip(at.index(size), noise.len());
                bytes[place.clone()].copy_from_slice(&noise[..place.len()]);
            }
            Self::Copy(from, to, length) => {
                let from = clip(from.index(size), length.min(size - to.index(size)));
                bytes.copy_within(from, to.index(size));
            }
            Self::Cut(at) => bytes.truncate(at.index(size)),
            Self::Grow(noise) => bytes.extend(noise),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 300 } else { 3000 }))]

    /// Whatever happens to the files, no record is told that was not written, and no run in doubt passes for whole.
    #[test]
    fn no_damage_makes_a_wrong_record(
        order in prop::collection::vec(1_u128..6, 1..60),
        harms in prop::collection::vec((any::<prop::sample::Index>(), harm()), 1..5),
        gone in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        freed in any::<prop::sample::Index>(),
        freed_often in 0_u128..40,
    ) {
        // Somewhere between them runs come and go, and space is freed.
        let disk = SimulatedDisk::default();
        let log = SegmentRunLog::open(disk.clone(), SMALL).unwrap();
        let (early, late) = order.split_at(freed.index(order.len()));
        append(&log, early);
        for n in 10..10 + freed_often {
            append(&log, &[n, n, n]);
            block_on(log.prune(run(n))).unwrap();
        }
        append(&log, late);
        drop(log);
        let layout = places(&found(&disk));
        let names = names(&disk);
        for (name, harm) in harms {
            disk.damage(&names[name.index(names.len())], |bytes| harm.be_done(bytes)).unwrap();
        }
        if let Some(name) = gone {
            disk.remove(&names[name.index(names.len())]).unwrap();
        }
        let salvage = found(&disk);
        prop_assert!(checked(&salvage).iter().all(|(of, _)| u128::from_be_bytes(*of.as_bytes()) < 50));
        // What stood at the end of the log counts as torn, as on opening.
        let end = places(&salvage).keys().next_back().map_or(0, |last| last + 1);
        for found in salvage.runs().filter(|found| found.prefix == found.records && found.doubt.is_none()) {
            let torn = layout.range(end..).filter(|(_, (of, _))| *of == found.run).count();
            let written = order.iter().filter(|of| run(**of) == found.run).count();
            let whole = match written {
                // One that was forgotten comes back only if that stood at the end of the log.
                0 => salvage.place(found.run, found.last).is_some_and(|place| place.record.index + 1 == end),
                _ => found.records as usize + torn == written,
            };
            prop_assert!(whole, "{:?} of {:?}, {:?}", found, order, salvage.damages());
        }
    }
}

//! Which runs may have lost their last records.

use pollster::block_on;

use super::{
    super::{
        super::SegmentRunLog,
        Doubt,
        scan::{Hole, Sound},
        sort::{Place, Sorted},
    },
    SMALL, append, checked, found, layout, log, names, of, run,
};
use crate::{exec::RunLog, testing::SimulatedDisk};

#[test]
fn a_run_that_may_have_lost_its_end_is_in_doubt_and_one_that_cannot_is_not() {
    // The hole takes one record. Run 1 ends before it, run 3 goes on behind it.
    let order = [1, 3, 2, 2, 2, 3, 2];
    let lose = |index: usize| {
        let disk = log(&order);
        let (segment, place, ..) = layout(&found(&disk))[index].clone();
        disk.damage(&names(&disk)[segment], |bytes| bytes[place.start + 30] ^= 1).unwrap();
        found(&disk)
    };
    let salvage = lose(3);
    assert_eq!((of(&salvage, 2).prefix, of(&salvage, 2).records), (1, 3));
    assert_eq!(of(&salvage, 1).doubt, None, "what was lost is what run 2 lacks");
    assert_eq!(of(&salvage, 3).doubt, None);
    let salvage = lose(5);
    assert_eq!(of(&salvage, 1).doubt, Some(Doubt::End), "nobody knows whose the second one was");
    assert_eq!(of(&salvage, 3).doubt, Some(Doubt::End));
}

#[test]
fn where_space_was_freed_every_run_is_in_doubt_once_a_record_is_lost() {
    let disk = SimulatedDisk::default();
    let log = SegmentRunLog::open(disk.clone(), SMALL).unwrap();
    append(&log, &[1, 1]);
    for n in 10..40 {
        append(&log, &[n, n, n, n]);
        block_on(log.prune(run(n))).unwrap();
    }
    append(&log, &[2, 2, 2, 2, 2, 2, 2, 2, 2]);
    drop(log);
    let salvage = found(&disk);
    assert_eq!(checked(&salvage).len(), 11, "the forgotten are not found");
    assert!(salvage.runs().all(|found| found.doubt.is_none()));
    let (segment, place, ..) = layout(&salvage)[6].clone();
    let name = &names(&disk)[segment];
    disk.damage(name, |bytes| bytes[place.start + 30] ^= 1).unwrap();
    assert_eq!(of(&found(&disk), 1).doubt, Some(Doubt::End));
}

fn place(index: u64, proven: bool) -> Place {
    Place { segment: 0, record: Sound { index, at: 0, size: 0, proven } }
}

/// Run 1 ends before a hole of one record, and run 2 lacks one: whether that explains it.
fn is_explained(certain: bool, proven: bool) -> bool {
    let mut sorted = Sorted::default();
    sorted.record(run(1), 0, place(0, true));
    sorted.record(run(2), 0, place(1, true));
    sorted.record(run(2), 2, place(3, proven));
    let hole = Hole { from: 0, to: 0, missing: 2, next: Some(3), certain };
    !sorted.doubts(&[hole]).contains_key(&run(1))
}

#[test]
fn only_what_is_proven_explains_a_hole() {
    assert!(is_explained(true, true));
    assert!(!is_explained(false, true), "a record that is none may hide a second one that was lost");
    assert!(!is_explained(true, false), "a record that is none is no reason for others to have been there");
}

//! Damage at every place.

use bytes::Bytes;
use pollster::block_on;

use super::{
    super::{
        super::{Disk, SegmentLog, SegmentRunLog, record},
        Doubt, Salvage,
    },
    SMALL, body, checked, found, layout, log, names, of, run, size,
};
use crate::{exec::RunLog, testing::SimulatedDisk};

#[test]
fn a_sound_log_is_found_whole() {
    let disk = log(&[1, 2, 1, 3, 1, 2, 1, 1, 2, 3, 3, 3, 2]);
    let salvage = found(&disk);
    assert!(salvage.segments() > 1 && salvage.damages().is_empty());
    assert_eq!((salvage.records(), checked(&salvage).len()), (13, 13));
    assert!(salvage.runs().all(|found| found.prefix == found.records && found.doubt.is_none()));
}

#[test]
fn whichever_byte_is_wrong_all_but_its_own_write_is_found() {
    let disk = log(&[1, 2, 1, 3, 1, 2, 1, 1, 2, 3, 3, 3, 2, 1, 1, 2, 2, 3, 2]);
    // The last write holds several records.
    let opened = SegmentRunLog::open(disk.clone(), SMALL).unwrap();
    block_on(opened.append(run(4), 0, (0..3).map(|seq| body(4, seq)).collect())).unwrap();
    drop(opened);
    let layout = layout(&found(&disk));
    let names = names(&disk);
    assert!(names.len() >= 3, "{names:?}");
    for (segment, name) in names.iter().enumerate() {
        for at in 0..size(&disk, name) {
            for wrong in [1, 0x80, 0xff] {
                let broken = disk.after_power_loss(0);
                broken.damage(name, |bytes| bytes[at] ^= wrong).unwrap();
                let salvage = found(&broken);
                let there = checked(&salvage);
                let last_write = layout.len() - 3;
                let is_hit = |place: usize| layout[place].0 == segment && layout[place].1.contains(&at);
                for (place, (_, _, run, seq)) in layout.iter().enumerate() {
                    let hit = is_hit(place);
                    let torn = place > last_write && (last_write..place).any(is_hit);
                    assert_eq!(there.contains(&(*run, *seq)), !hit && !torn, "{name} {at}: {run} {seq}");
                }
                // What is refused on opening is told, with its place.
                if let Err(refused) = SegmentRunLog::open(broken, SMALL) {
                    let damage = salvage.damages().first().expect("it is told");
                    assert!(&damage.segment == name && damage.byte as usize <= at, "{refused}: {damage}");
                }
            }
        }
    }
}

#[test]
fn a_wrong_length_that_leads_to_the_end_hides_nothing() {
    let disk = log(&[1, 1, 1, 1]);
    let layout = layout(&found(&disk));
    let (at, end) = (layout[1].1.start, layout[3].1.end);
    let len = u32::try_from(end - at - record::HEADER).unwrap();
    disk.damage(&names(&disk)[0], |bytes| bytes[at + 4..at + 8].copy_from_slice(&len.to_le_bytes())).unwrap();
    assert_eq!(checked(&found(&disk)), [(run(1), 0), (run(1), 2), (run(1), 3)]);
}

#[test]
fn a_lost_sector_costs_only_the_records_in_it_and_nobody_acts_on_what_was_searched() {
    let disk = log(&[1, 1, 2, 2, 2, 2, 1, 3, 3]);
    let layout = layout(&found(&disk));
    assert_eq!(layout[0].0, layout[6].0, "they are in one segment");
    let wiped = layout[3].1.start..layout[4].1.end;
    disk.damage(&names(&disk)[0], |bytes| bytes[wiped].fill(0)).unwrap();
    let salvage = found(&disk);
    assert_eq!(checked(&salvage).len(), 7);
    assert_eq!((of(&salvage, 2).prefix, of(&salvage, 2).records), (1, 2));
    assert_eq!(of(&salvage, 1).doubt, Some(Doubt::Unproven));
    let damage = &salvage.damages()[0];
    assert_eq!((damage.lost, damage.record), (Some(2), 3));
}

#[test]
fn missing_and_shortened_segments_are_told_and_the_others_read() {
    let disk = log(&[1, 2, 1, 3, 1, 2, 1, 1, 2, 3, 3, 3, 2, 1, 1, 2, 2, 3, 2, 1, 1, 1, 1]);
    let whole = layout(&found(&disk));
    let names = names(&disk);
    assert!(names.len() >= 3, "{names:?}");
    for (gone, name) in names.iter().enumerate().take(names.len() - 1) {
        let broken = disk.after_power_loss(0);
        broken.remove(name).unwrap();
        let salvage = found(&broken);
        assert_eq!(checked(&salvage).len(), whole.iter().filter(|record| record.0 != gone).count());
        assert_eq!(
            salvage.damages().is_empty(),
            gone == 0,
            "without the first nobody knows that there was one"
        );
        assert!(salvage.runs().all(|found| found.doubt.is_some() || found.last > 2), "{gone}");
        for length in (0..size(&disk, name)).step_by(5) {
            let broken = disk.after_power_loss(0);
            broken.damage(name, |bytes| bytes.truncate(length)).unwrap();
            let left = whole.iter().filter(|record| record.0 != gone || record.1.end <= length).count();
            let salvage = found(&broken);
            assert_eq!(checked(&salvage).len(), left, "{name} cut at {length}");
            let lost: u64 = salvage.damages().iter().filter_map(|damage| damage.lost).sum();
            assert_eq!(lost as usize, whole.len() - left);
        }
    }
}

#[test]
fn a_record_of_a_later_release_is_refused() {
    let disk = SimulatedDisk::default();
    let log = SegmentLog::open(disk.clone(), SMALL).unwrap();
    block_on(log.append(vec![Bytes::from(vec![9_u8; 40])]).unwrap()).unwrap();
    drop(log);
    assert_eq!(Salvage::of(&disk).err().unwrap().hint(), Some("use a newer Kailash"));
}

//! Keys in memory and on disk.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use kailash_core::testing::SimulatedDisk;
use proptest::prelude::*;

use crate::{
    coordinate::{state::Keys, store::kept::Kept},
    table::{Changes, Table, TableWriter, merge},
};

#[derive(Clone, Debug)]
enum Step {
    Change(Bytes, Option<Bytes>),
    Freeze,
    Thaw,
    Scan(Bytes, Bytes, usize),
}

fn key() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(prop::sample::select(vec![b'a', b'b']), 0..4).prop_map(Bytes::from)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = prop::option::of(prop::collection::vec(any::<u8>(), 0..30).prop_map(Bytes::from));
    let step = prop_oneof![
        6 => (key(), value).prop_map(|(key, value)| Step::Change(key, value)),
        1 => Just(Step::Freeze),
        1 => Just(Step::Thaw),
        2 => (key(), key(), 0_usize..6).prop_map(|(prefix, after, most)| Step::Scan(prefix, after, most)),
    ];
    prop::collection::vec(step, 0..80)
}

fn written(disk: &SimulatedDisk, number: usize, base: Option<&Arc<Table>>, changes: &Changes) -> Arc<Table> {
    let name = number.to_string();
    let mut writer = TableWriter::create(disk, name.clone()).unwrap();
    merge(base, changes, &mut writer).unwrap();
    writer.finish(b"").unwrap();
    Arc::new(Table::open(disk, &name).unwrap().unwrap())
}

proptest! {
    /// Wherever a key lies, in memory, frozen or on disk, it is found as if there were one map.
    #[test]
    fn keys_are_those_of_one_map(steps in steps()) {
        let disk = SimulatedDisk::default();
        let mut kept = Kept::default();
        let mut model: BTreeMap<Bytes, Bytes> = BTreeMap::new();
        let mut frozen = None;
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Change(key, Some(value)) => {
                    kept.put(key.clone(), value.clone());
                    model.insert(key, value);
                }
                Step::Change(key, None) => {
                    kept.delete(key.clone());
                    model.remove(&key);
                }
                Step::Freeze => frozen = Some(kept.freeze()),
                Step::Thaw => {
                    if let Some((base, changes)) = frozen.take() {
                        kept.thaw(written(&disk, number, base.as_ref(), &changes));
                    }
                }
                Step::Scan(prefix, after, most) => {
                    let expected: Vec<_> = model
                        .iter()
                        .filter(|(key, _)| key.starts_with(&prefix) && **key > after)
                        .take(most)
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect();
                    prop_assert_eq!(kept.scan(&prefix, &after, most).unwrap(), expected);
                }
            }
        }
        for key in [&b""[..], b"a", b"b", b"ab", b"aba", b"bbb"] {
            prop_assert_eq!(kept.get(key).unwrap(), model.get(key).cloned());
        }
    }
}

//! Histories that are well known, good ones and bad ones.

use kailash_core::value;

use super::*;
use crate::testing::linearizability::Outcome;

fn unplaced(verdict: Verdict) -> (u64, u64) {
    match verdict {
        Verdict::Violation(violation) => (violation.unplaced.client, violation.unplaced.called),
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_after_the_other_is_linearizable() {
    let all = verdict([
        (1, 1, 2, Asked::Get, NOTHING),
        (1, 3, 4, put(5), written(1)),
        (2, 5, 6, Asked::Get, found(1, 5)),
        (2, 7, 8, swap(1, 6), written(2)),
        (1, 9, 10, swap(1, 7), Told::Refused),
        (1, 11, 12, delete(), Told::Deleted { existed: true }),
        (2, 13, 14, delete(), Told::Deleted { existed: false }),
        (2, 15, 16, append(1), grown(1, 1)),
        (1, 17, 18, append(2), grown(2, 2)),
        (1, 19, 20, Asked::Get, found(2, value!([1, 2]))),
    ]);
    assert_eq!(all, Verdict::Linearizable);
    assert_eq!(check(&History::default(), STEPS), Verdict::Linearizable);
}

#[test]
fn a_read_beside_a_write_may_see_it_or_not() {
    for told in [NOTHING, found(1, 5)] {
        assert!(verdict([(1, 1, 5, put(5), written(1)), (2, 2, 3, Asked::Get, told)]).is_linearizable());
    }
}

#[test]
fn what_has_the_same_time_overlaps() {
    assert!(verdict([(1, 1, 3, put(5), written(1)), (2, 3, 4, Asked::Get, NOTHING)]).is_linearizable());
    assert!(verdict([(2, 3, 4, Asked::Get, NOTHING), (1, 4, 4, put(5), written(1))]).is_linearizable());
}

#[test]
fn a_stale_read_is_a_violation() {
    let stale = verdict([
        (1, 1, 2, put(5), written(1)),
        (1, 3, 4, put(6), written(2)),
        (2, 5, 6, Asked::Get, found(1, 5)),
        (2, 7, 8, Asked::Get, found(2, 6)),
    ]);
    assert_eq!(unplaced(stale), (2, 5));
}

#[test]
fn a_lost_write_is_a_violation() {
    let lost = verdict([(1, 1, 2, put(5), written(1)), (2, 3, 4, Asked::Get, NOTHING)]);
    assert_eq!(unplaced(lost), (2, 3));
    let lost = verdict([
        (1, 1, 2, append(1), grown(1, 1)),
        (2, 3, 4, append(2), grown(2, 2)),
        (1, 5, 6, append(3), grown(2, 2)),
    ]);
    assert_eq!(unplaced(lost), (1, 5));
}

#[test]
fn a_write_that_was_seen_and_then_is_not_is_a_violation() {
    let flickers = |seen_later: Told| {
        verdict([
            (1, 1, 20, put(5), written(1)),
            (2, 2, 3, Asked::Get, found(1, 5)),
            (2, 4, 5, Asked::Get, seen_later),
        ])
    };
    assert!(flickers(found(1, 5)).is_linearizable());
    assert_eq!(unplaced(flickers(NOTHING)), (2, 4));
}

#[test]
fn a_compare_and_set_that_two_win_is_a_violation() {
    let both = verdict([
        (1, 1, 2, put(5), written(1)),
        (2, 3, 9, swap(1, 6), written(2)),
        (3, 4, 8, swap(1, 7), written(2)),
    ]);
    assert_eq!(unplaced(both), (2, 3));
    let one = verdict([
        (1, 1, 2, put(5), written(1)),
        (2, 3, 9, swap(1, 6), written(2)),
        (3, 4, 8, swap(1, 7), Told::Refused),
    ]);
    assert!(one.is_linearizable());
}

#[test]
fn a_refusal_without_a_reason_is_a_violation() {
    let refused = verdict([(1, 1, 2, put(5), written(1)), (2, 3, 4, swap(1, 6), Told::Refused)]);
    assert_eq!(unplaced(refused), (2, 3));
}

#[test]
fn what_two_clients_see_in_different_orders_is_a_violation() {
    let crossed = verdict([
        (1, 1, 30, put(5), written(1)),
        (2, 1, 30, put(6), written(2)),
        (3, 2, 3, Asked::Get, found(1, 5)),
        (3, 4, 5, Asked::Get, found(2, 6)),
        (4, 6, 7, Asked::Get, found(1, 5)),
    ]);
    assert_eq!(unplaced(crossed), (4, 6));
}

#[test]
fn an_unknown_write_may_have_happened_or_happen_late_or_never() {
    let unknown = (1, 1, 0, put(5), written(9));
    for told in [NOTHING, found(1, 5)] {
        assert!(verdict([unknown.clone(), (2, 10, 11, Asked::Get, told)]).is_linearizable());
    }
    let late = [
        unknown,
        (2, 2, 3, Asked::Get, NOTHING),
        (2, 4, 5, put(6), written(1)),
        (2, 6, 7, Asked::Get, found(2, 5)),
    ];
    assert!(verdict(late).is_linearizable());
    let once = [
        (1, 1, 0, put(5), written(9)),
        (2, 2, 3, Asked::Get, found(1, 5)),
        (2, 4, 5, put(6), written(2)),
        (2, 6, 7, Asked::Get, found(3, 5)),
    ];
    assert_eq!(unplaced(verdict(once)), (2, 6), "it happens once");
    let early = [(2, 1, 2, Asked::Get, found(1, 5)), (1, 3, 0, put(5), written(9))];
    assert_eq!(unplaced(verdict(early)), (2, 1), "it does not happen before it was asked for");
}

#[test]
fn an_unknown_read_says_nothing() {
    assert!(verdict([(1, 1, 0, Asked::Get, found(7, 7)), (1, 2, 3, put(1), written(1))]).is_linearizable());
}

#[test]
fn entries_are_checked_each_by_itself() {
    let mut two = history([(1, 1, 2, put(5), written(1))]);
    let place = two.call(1, "other", Asked::Get, 3);
    two.answer(place, NOTHING, 4);
    assert!(check(&two, STEPS).is_linearizable());
    let place = two.call(1, "other", Asked::Get, 5);
    two.answer(place, found(1, 5), 6);
    let Verdict::Violation(violation) = check(&two, STEPS) else { panic!("the other entry is not there") };
    assert_eq!(&*violation.key, "other");
}

#[test]
fn a_violation_tells_what_could_be_explained_and_what_was_open() {
    let Verdict::Violation(violation) = verdict([
        (1, 1, 2, put(5), written(1)),
        (2, 3, 0, swap(1, 6), written(2)),
        (3, 4, 5, Asked::Get, found(2, 7)),
        (3, 6, 7, Asked::Get, found(1, 5)),
    ]) else {
        panic!("nobody wrote 7")
    };
    assert_eq!(violation.unplaced.called, 4);
    let called = |operations: &[crate::testing::linearizability::Operation]| -> Vec<u64> {
        operations.iter().map(|operation| operation.called).collect()
    };
    let mut before = called(&violation.order);
    before.extend(called(&violation.open));
    before.sort_unstable();
    assert_eq!(before, [1, 3]);
    assert!(violation.to_string().contains("has no moment for\n  client 3 at 4: Get"), "{violation}");
}

#[test]
fn a_search_that_takes_too_long_is_inconclusive() {
    let writes = (1..60).map(|n| (n, 1, 100, put(n), written(n)));
    let reads = [(100, 200, 201, Asked::Get, found(60, 1))];
    let verdict = check(&history(writes.chain(reads)), 1000);
    assert_eq!(verdict, Verdict::Inconclusive { key: "k".into() });
    assert!(!verdict.is_linearizable());
}

#[test]
fn a_history_is_read_as_it_was_written() {
    let all = history([
        (1, 1, 2, put(5), written(1)),
        (2, 3, 0, swap(1, 6), written(2)),
        (3, 4, 5, Asked::Get, found(1, value!({ "a": [1, 2.5, null] }))),
        (3, 4, 5, append(3), grown(2, 4)),
        (3, 4, 5, Asked::Delete { expect: Expect::Present }, Told::Refused),
    ]);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<History>(&text).unwrap(), all, "{text}");
    let by_hand = r#"[{"client":1,"key":"k","asked":{"put":{"value":5}},"called":1,"outcome":{"answered":{"at":2,
        "told":{"written":{"version":1}}}}}, {"client":1,"key":"k","asked":"get","called":3,"outcome":"unknown"}]"#;
    let read: History = serde_json::from_str(by_hand).unwrap();
    assert_eq!(read.operations[0], all.operations[0]);
    assert_eq!(read.operations[1].outcome, Outcome::Unknown);
}

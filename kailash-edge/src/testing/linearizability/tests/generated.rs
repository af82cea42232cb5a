//! Histories that are true because they were made by carrying operations out, and the same with one answer changed.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::testing::linearizability::{Outcome, model::carry_out};

/// What is asked, how long before and behind its moment it is under way, and whether its outcome is unknown.
type Step = (Asked, u64, u64, bool);

fn asked() -> impl Strategy<Value = Asked> {
    let expect = prop_oneof![Just(Expect::Any), (1..4u64).prop_map(Expect::Version), Just(Expect::Absent)];
    let value = || (0..5u64).prop_map(Value::from);
    prop_oneof![
        3 => Just(Asked::Get),
        3 => (value(), expect.clone()).prop_map(|(value, expect)| Asked::Put { value, expect }),
        2 => value().prop_map(|value| Asked::Append { value }),
        1 => expect.prop_map(|expect| Asked::Delete { expect }),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((asked(), 0..60u64, 0..60u64, prop::bool::weighted(0.1)), 1..60)
}

/// Carries the steps out, one every ten units of time.
fn happened(steps: &[Step]) -> History {
    let mut history = History::default();
    let mut state = None;
    for (number, (asked, before, behind, unknown)) in (0..).zip(steps) {
        let moment = 100 + number * 10;
        let (next, told) = carry_out(&state, asked);
        state = next;
        let place = history.call(number, "k", asked.clone(), moment - before);
        if !unknown {
            history.answer(place, told, moment + behind);
        }
    }
    history
}

proptest! {
    #[test]
    fn what_happened_is_linearizable(steps in steps()) {
        prop_assert!(check(&happened(&steps), STEPS).is_linearizable());
    }

    #[test]
    fn in_whatever_order_it_is_noted(steps in steps(), shift in 0..60usize) {
        let mut history = happened(&steps);
        let shift = shift % history.operations.len();
        history.operations.rotate_left(shift);
        prop_assert!(check(&history, STEPS).is_linearizable());
    }

    #[test]
    fn a_read_of_what_nobody_wrote_is_refused(steps in steps(), at in 0..60usize, version in 1..9u64) {
        let mut history = happened(&steps);
        let moment = 105 + 10 * (at % steps.len()) as u64;
        let place = history.call(99, "k", Asked::Get, moment);
        history.answer(place, found(version, 77), moment + 1);
        prop_assert!(matches!(check(&history, STEPS), Verdict::Violation(_)));
    }

    #[test]
    fn a_read_of_what_was_overwritten_before_is_refused(steps in steps()) {
        let steps: Vec<Step> = steps.into_iter().map(|(asked, before, ..)| (asked, before.min(9), 0, false)).collect();
        let mut history = happened(&steps);
        let place = history.call(99, "k", append(8), 10_000);
        let last = steps.iter().fold(None, |state, (asked, ..)| carry_out(&state, asked).0);
        let (after, told) = carry_out(&last, &append(8));
        history.answer(place, told, 10_001);
        let place = history.call(99, "k", Asked::Get, 10_002);
        history.answer(place, Told::Found(after.clone()), 10_003);
        prop_assert!(check(&history, STEPS).is_linearizable());
        if after != last {
            history.operations[place].outcome = Outcome::Answered { at: 10_003, told: Told::Found(last) };
            prop_assert!(matches!(check(&history, STEPS), Verdict::Violation(_)));
        }
    }

    #[test]
    fn without_overlap_every_changed_answer_is_refused(steps in steps(), at in 0..60usize) {
        let steps: Vec<Step> = steps.into_iter().map(|(asked, ..)| (asked, 4, 4, false)).collect();
        let mut history = happened(&steps);
        let at = at % steps.len();
        let told = match history.operations[at].told().unwrap() {
            Told::Found(Some(seen)) => found(seen.version + 1, seen.value.clone()),
            Told::Found(None) => found(1, 0),
            Told::Written { version, length } => Told::Written { version: version + 1, length: *length },
            Told::Deleted { existed } => Told::Deleted { existed: !existed },
            Told::Refused => written(1),
        };
        history.answer(at, told, 104 + 10 * at as u64);
        let Verdict::Violation(violation) = check(&history, STEPS) else { panic!("answer {at} is wrong") };
        prop_assert_eq!(violation.unplaced, history.operations[at].clone());
    }
}

//! Cycles in cycles.

use std::sync::{Arc, Mutex};

use kailash_core::{Text, value, workflow::CycleDraft};

use super::{
    Make,
    lab::{Lab, out},
    node::{Node, one},
    tools::Counter,
};

fn cycle(id: &str, parent: Option<&str>, turns: u32) -> CycleDraft {
    CycleDraft { id: Some(id.into()), parent: parent.map(Text::from), ..CycleDraft::new(turns) }
}

pub(super) async fn an_inner_cycle_turns_in_full_for_each_turn_around_it(make: Make) {
    let mut lab = Lab::new(&make);
    let inner_calls = Counter::default();
    let (counted, seen) = (inner_calls.clone(), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&seen);
    let inner = Node::inline(move |inputs, cx| {
        counted.hit();
        noted.lock().expect("no panic").push(cx.unit().to_string());
        one(inputs.int(0)?.unwrap_or(0) + inputs.int(1)?.unwrap_or(0) + 1)
    });
    lab.node("inner", inner.takes(&["own", "around"])).node("outer", Node::pass());
    lab.wire("inner.out", "outer.x");
    lab.back("inner.out", "inner.own", cycle("in", Some("out"), 3)).back(
        "outer.out",
        "inner.around",
        cycle("out", None, 2),
    );
    // Turn 0: 1, 2, 3. Turn 1, with 3 from around: 4, 8, 12.
    assert_eq!(*out(&lab.ok().await, "outer"), value!(12));
    assert_eq!(inner_calls.get(), 6);
    let seen = seen.lock().expect("no panic");
    let mut names = seen.clone();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 6, "every unit has a name of its own: {seen:?}");
    assert_eq!(seen[2], "inner#2");
    assert_eq!(seen[5], "inner#1/inner#2");
}

pub(super) async fn an_inner_cycle_gets_values_from_outside_both(make: Make) {
    let mut lab = Lab::new(&make);
    let sum = Node::inline(|inputs, _| {
        let at = |i| inputs.int(i).map(Option::unwrap_or_default);
        one(at(0)? + at(1)? + at(2)?)
    });
    lab.node("start", Node::give(value!({"n": 100})));
    lab.node("inner", sum.takes(&["start", "own", "outer"])).node("outer", Node::add().set("b", 1000));
    lab.wire("start.out.n", "inner.start").wire("inner.out", "outer.a");
    lab.back("inner.out", "inner.own", cycle("in", Some("out"), 2)).back(
        "outer.out",
        "inner.outer",
        cycle("out", None, 2),
    );
    // inner: 100, 200; outer: 1200; inner: 1300, 2600; outer: 3600.
    assert_eq!(*out(&lab.ok().await, "outer"), value!(3600));
}

pub(super) async fn cycles_three_deep_turn_as_often_as_their_product(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    let counted = calls.clone();
    let node = Node::inline(move |_, _| one(i64::try_from(counted.hit()).unwrap_or(0)));
    lab.node("node", node.takes(&["a", "b", "c"]));
    lab.back("node.out", "node.a", cycle("one", Some("two"), 2));
    lab.back("node.out", "node.b", cycle("two", Some("three"), 3));
    lab.back("node.out", "node.c", cycle("three", None, 4));
    lab.ok().await;
    assert_eq!(calls.get(), 24);
}

pub(super) async fn two_cycles_through_the_same_nodes_turn_together(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("a", Node::add().set("b", 1)).node("b", Node::pass());
    lab.wire("a.out", "b.x").back("a.out", "a.a", cycle("short", None, 5)).back(
        "b.out",
        "a.a",
        cycle("long", None, 3),
    );
    assert_eq!(*out(&lab.ok().await, "b"), value!(3), "the one with fewer turns ends both");
}

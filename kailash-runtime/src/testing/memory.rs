//! What is kept and what is copied.

use kailash_core::{Value, value};

use super::{
    Make,
    lab::{Lab, out},
    node::{FLAVOURS, Node, one},
    tools::{Gauge, address, watched_bytes},
};
use crate::Keep;

pub(super) async fn consumed_outputs_are_dropped_where_only_leaves_are_kept(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        lab.settings.keep = Keep::Leaves;
        let held = Gauge::default();
        let made = held.clone();
        lab.node("n0", Node::with(flavour, move |_, _| one(watched_bytes(&made, 10))));
        let (made, watched) = (held.clone(), held.clone());
        for n in 1..50 {
            let (made, watched) = (made.clone(), watched.clone());
            let node = Node::with(flavour, move |mut inputs, _| {
                let before = inputs.value(0)?;
                assert_eq!(watched.now(), 1, "only the input is alive");
                drop(before);
                one(watched_bytes(&made, 10))
            });
            lab.node(&format!("n{n}"), node.needs(&["x"]))
                .wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
        }
        let results = lab.ok().await;
        assert_eq!(held.now(), 1, "{flavour:?}: the leaf is kept");
        assert!(results.get("n49", "out").is_some());
        assert_eq!(results.get("n48", "out"), None, "what was dropped is not there");
        drop(results);
        assert_eq!(held.now(), 0, "{flavour:?}: nothing is left");
    }
}

pub(super) async fn everything_is_kept_by_default_and_dropped_with_the_results(make: Make) {
    let mut lab = Lab::new(&make);
    let held = Gauge::default();
    for n in 0..20 {
        let made = held.clone();
        lab.node(&format!("n{n}"), Node::inline(move |_, _| one(watched_bytes(&made, 10))).takes(&["x"]));
        if n > 0 {
            lab.wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
        }
    }
    let results = lab.ok().await;
    assert_eq!(held.now(), 20);
    drop(results);
    assert_eq!(held.now(), 0);
}

pub(super) async fn an_output_with_several_readers_lives_until_the_last(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.keep = Keep::Leaves;
    let held = Gauge::default();
    let (made, watched) = (held.clone(), held.clone());
    lab.node("payload", Node::inline(move |_, _| one(watched_bytes(&made, 10))));
    let size = |n: Value| {
        Node::inline(move |mut inputs, _| {
            drop(inputs.value(0)?);
            one(n.clone())
        })
    };
    lab.node("first", size(value!(1)).needs(&["x"])).node("second", size(value!(2)).needs(&["x", "order"]));
    lab.node(
        "last",
        Node::inline(move |inputs, _| {
            assert_eq!(watched.now(), 0, "both readers are through");
            one(inputs.int(0)?.unwrap_or(0))
        })
        .needs(&["x"]),
    );
    lab.wire("payload.out", "first.x").wire("payload.out", "second.x").wire("first.out", "second.order");
    lab.wire("second.out", "last.x");
    assert_eq!(*out(&lab.ok().await, "last"), value!(2));
}

pub(super) async fn a_payload_goes_through_a_hundred_nodes_without_a_copy(make: Make) {
    for (flavour, keep) in
        FLAVOURS.into_iter().flat_map(|flavour| [(flavour, Keep::All), (flavour, Keep::Leaves)])
    {
        let mut lab = Lab::new(&make);
        lab.settings.keep = keep;
        let payload = Value::bytes(vec![7; 1 << 20]);
        let at = address(&payload);
        lab.node("n0", Node::give(payload));
        for n in 1..100 {
            let node = Node::with(flavour, |mut inputs, _| one(inputs.value(0)?));
            lab.node(&format!("n{n}"), node.needs(&["x"]))
                .wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
        }
        assert_eq!(address(out(&lab.ok().await, "n99")), at, "{flavour:?} {keep:?}: the same buffer");
    }
}

pub(super) async fn the_last_reader_of_a_list_may_change_it_in_place(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.keep = Keep::Leaves;
    lab.node("list", Node::inline(|_, _| one(Value::list((0..1000_i64).map(Value::from).collect()))));
    let grow = Node::inline(|mut inputs, _| {
        let Value::List(list) = inputs.value(0)? else { panic!("a list comes in") };
        let at = list.as_ptr();
        let list = std::sync::Arc::try_unwrap(list).expect("nobody else holds the list");
        assert_eq!(list.as_ptr(), at, "the items are where they were");
        one(Value::list(list))
    });
    lab.node("grow", grow.needs(&["x"])).wire("list.out", "grow.x");
    lab.ok().await;
}

//! Workflows far larger than usual: no stack overflows, nothing takes the square of the size.

use kailash_core::{Value, value, workflow::CycleDraft};

use super::{
    Make,
    lab::{Lab, codes, out},
    node::{Flavour, Node, one},
};

fn chain(make: &Make, flavour: Flavour, length: usize) -> Lab {
    let mut lab = Lab::new(make);
    lab.node("n0", Node::give(0));
    for n in 1..length {
        let node = Node::with(flavour, |inputs, _| one(inputs.int(0)?.unwrap_or(0) + 1));
        lab.node(&format!("n{n}"), node.needs(&["x"])).wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
    }
    lab
}

pub(super) async fn a_chain_of_a_hundred_thousand_nodes_runs_and_is_dropped(make: Make) {
    let length = 100_000;
    for flavour in [Flavour::Inline, Flavour::Compute, Flavour::Future] {
        let lab = chain(&make, flavour, length);
        let results = lab.ok().await;
        assert_eq!(
            *out(&results, &format!("n{}", length - 1)),
            Value::from(length as i64 - 1),
            "{flavour:?}"
        );
        drop(results);
        drop(lab);
    }
}

pub(super) async fn a_hundred_thousand_skipped_nodes_are_no_trouble(make: Make) {
    let mut lab = chain(&make, Flavour::Inline, 100_000);
    lab.node("dead", Node::inline(|_, _| Ok(kailash_core::node::Outputs::none(1).into())));
    let mut document = lab.builder.document().clone();
    document.connections[0].from = "dead".into();
    lab.builder = document.into();
    assert_eq!(lab.ok().await.skipped().count(), 99_999);
}

pub(super) async fn ten_thousand_nodes_into_one_and_out_of_one(make: Make) {
    let mut lab = Lab::new(&make);
    let width = 10_000;
    lab.node("from", Node::give(1));
    lab.node(
        "to",
        Node::inline(|inputs, _| {
            let all = (0..inputs.len()).map(|at| inputs.int(at).map(Option::unwrap_or_default));
            one(all.sum::<kailash_core::Result<i64>>()?)
        })
        .open(),
    );
    for n in 0..width {
        lab.node(&format!("n{n}"), Node::pass()).wire("from.out", &format!("n{n}.x"));
        lab.wire(&format!("n{n}.out"), &format!("to.i{n}"));
    }
    assert_eq!(*out(&lab.ok().await, "to"), value!(10_000));
}

pub(super) async fn a_cycle_of_ten_thousand_nodes_turns(make: Make) {
    let length = 10_000;
    let mut lab = chain(&make, Flavour::Inline, length);
    let add = Node::add().set("b", 0);
    lab.node("first", add).wire("first.out", "n1.x");
    let mut document = lab.builder.document().clone();
    document.connections.remove(0);
    lab.builder = document.into();
    lab.back(&format!("n{}.out", length - 1), "first.a", CycleDraft::new(3));
    assert_eq!(*out(&lab.ok().await, "first"), Value::from(2 * (length as i64 - 1)));
}

pub(super) async fn a_cycle_of_a_hundred_thousand_turns_ends(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("turn", Node::add().set("b", 1)).back("turn.out", "turn.a", CycleDraft::new(100_000));
    assert_eq!(*out(&lab.ok().await, "turn"), value!(100_000));
}

pub(super) async fn cycles_in_cycles_without_end_are_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("node", Node::add());
    for n in 0..1000 {
        let (id, parent) = (Some(format!("c{n}").into()), Some(format!("c{}", n + 1).into()));
        lab.back("node.out", "node.a", CycleDraft { id, parent, ..CycleDraft::new(2) });
    }
    lab.back("node.out", "node.a", CycleDraft { id: Some("c1000".into()), ..CycleDraft::new(2) });
    let issues = lab.build().expect_err("far too deep");
    assert!(codes(&issues).contains(&"cycle.depth"), "{:?}", codes(&issues));
}

//! Cycles: when they end, what they carry from turn to turn, and how their units are called.

use std::sync::{Arc, Mutex};

use kailash_core::{
    Text, Value, value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, failures, out, skipped},
    node::{FLAVOURS, Flavour, Node, one, only},
    tools::Counter,
};

/// Adds 1 to `x` and counts its calls.
fn step(flavour: Flavour, calls: &Counter) -> Node {
    let calls = calls.clone();
    Node::with(flavour, move |inputs, _| {
        calls.hit();
        one(inputs.int(0)?.unwrap_or(0) + 1)
    })
    .takes(&["x"])
}

pub(super) async fn a_cycle_stops_when_it_converges(make: Make) {
    for flavour in FLAVOURS {
        let (mut lab, calls) = (Lab::new(&make), Counter::default());
        lab.node("step", step(flavour, &calls)).node("after", Node::pass()).wire("step.out", "after.x");
        lab.back("step.out", "step.x", CycleDraft::new(100).until("out >= 5"));
        assert_eq!(*out(&lab.ok().await, "after"), value!(5), "{flavour:?}");
        assert_eq!(calls.get(), 5);
    }
}

pub(super) async fn a_cycle_takes_at_most_max_iterations(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    lab.node("step", step(Flavour::Inline, &calls));
    lab.back("step.out", "step.x", CycleDraft::new(7).until("out > 1000"));
    assert_eq!(*out(&lab.ok().await, "step"), value!(7));
    assert_eq!(calls.get(), 7);
}

pub(super) async fn a_value_that_grows_deeper_at_each_turn_fails_the_cycle(make: Make) {
    let mut lab = Lab::new(&make);
    let nest = Node::inline(|mut inputs, _| one(Value::list(inputs.take(0).into_iter().collect())));
    lab.node("nest", nest.takes(&["x"])).back("nest.out", "nest.x", CycleDraft::new(1_000_000));
    assert_eq!(failures(&lab.unfinished().await), [("nest", "value.depth")]);
}

pub(super) async fn a_cycle_stops_when_its_condition_no_longer_holds(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    lab.node("step", step(Flavour::Compute, &calls));
    let cycle = CycleDraft { condition: Some("out < 3 and iteration < 50".into()), ..CycleDraft::new(100) };
    lab.back("step.out", "step.x", cycle);
    assert_eq!(*out(&lab.ok().await, "step"), value!(3));
}

pub(super) async fn a_cycle_stops_when_nothing_leads_back(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    lab.node("step", step(Flavour::Inline, &calls));
    let switch = Node::inline(|inputs, _| {
        let n = inputs.int(0)?.unwrap_or(0);
        only(usize::from(n >= 4), n)
    });
    lab.node("switch", switch.needs(&["x"]).gives(&["again", "done"]));
    lab.node("back", Node::pass()).node("after", Node::pass());
    lab.wire("step.out", "switch.x").wire("switch.again", "back.x").wire("switch.done", "after.x");
    lab.back("back.out", "step.x", CycleDraft::new(100));
    let results = lab.ok().await;
    assert_eq!(*out(&results, "after"), value!(4));
    assert_eq!(skipped(&results), ["back"]);
    assert_eq!(calls.get(), 4);
}

pub(super) async fn conditions_see_the_outputs_of_every_node_of_the_cycle(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    let report = Node::inline(|inputs, _| {
        let n = inputs.int(0)?.unwrap_or(0);
        one(value!({"error": (10 - n), "n": n}))
    });
    lab.node("step", step(Flavour::Inline, &calls)).node("report", report.needs(&["x"]));
    let until = "error < 4 and out.error == error and step.out == 10 - error and iteration == step.out - 1";
    lab.wire("step.out", "report.x").back("report.out.n", "step.x", CycleDraft::new(50).until(until));
    assert_eq!(*out(&lab.ok().await, "step"), value!(7));
}

pub(super) async fn two_connections_with_one_id_close_one_cycle(make: Make) {
    for (first, second) in [(Some("error < 1"), None), (None, Some("error < 1"))] {
        let (mut lab, calls) = (Lab::new(&make), Counter::default());
        let error =
            Node::inline(|inputs, _| one(5 - inputs.int(0)?.unwrap_or(0))).takes(&["x"]).gives(&["error"]);
        lab.node("step", step(Flavour::Inline, &calls).takes(&["x", "seen"])).node("check", error);
        lab.wire("step.out", "check.x");
        let cycle = |until: Option<&str>, max_iterations| CycleDraft {
            id: Some("both".into()),
            convergence: until.map(Text::from),
            ..CycleDraft::new(max_iterations)
        };
        // The condition names an output of `check`, whichever connection carries it.
        let (a, b) = if first.is_some() {
            (("check.error", "step.seen"), ("step.out", "step.x"))
        } else {
            (("step.out", "step.x"), ("check.error", "step.seen"))
        };
        lab.back(a.0, a.1, cycle(first, 20)).back(b.0, b.1, cycle(second, 20));
        let results = lab.ok().await;
        assert_eq!(results.get("check", "error"), Some(&value!(0)), "{first:?} {second:?}");
        assert_eq!(calls.get(), 5);
    }
}

pub(super) async fn a_value_from_outside_stays_for_each_turn(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("outside", Node::give(value!({"by": 10}))).node("step", Node::add());
    lab.wire("outside.out.by", "step.a").back("step.out", "step.b", CycleDraft::new(4));
    lab.settings.keep = crate::Keep::Leaves;
    assert_eq!(*out(&lab.ok().await, "step"), value!(40));
}

pub(super) async fn the_way_back_wins_over_the_way_in(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    lab.node("start", Node::give(100)).node("step", step(Flavour::Inline, &calls));
    lab.back("step.out", "step.x", CycleDraft::new(3)).wire("start.out", "step.x");
    assert_eq!(*out(&lab.ok().await, "step"), value!(103));
}

pub(super) async fn an_open_input_has_nothing_from_the_way_back_at_the_first_turn(make: Make) {
    let mut lab = Lab::new(&make);
    let seen = Arc::new(Mutex::new(Vec::<Option<Value>>::new()));
    let noted = Arc::clone(&seen);
    let open = Node::inline(move |inputs, _| {
        noted.lock().expect("no panic").push(inputs.get(0).cloned());
        // The second output is a branch that is never taken.
        only(0, 1)
    });
    lab.node("open", open.open().gives(&["out", "never"])).node("back", Node::pass());
    lab.wire("open.out", "back.x").back("open.never", "open.before", CycleDraft::new(2));
    lab.ok().await;
    assert_eq!(
        *seen.lock().expect("no panic"),
        [None, Some(Value::Null)],
        "absent at first, then a branch not taken"
    );
}

pub(super) async fn turns_are_told_apart_in_unit_ids_and_keys(make: Make) {
    let mut lab = Lab::new(&make);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    let node = Node::inline(move |_, cx| {
        let note = (cx.unit().to_string(), cx.idempotency_key());
        noted.lock().expect("no panic").push(note);
        one(1)
    });
    lab.node("first", Node::add()).node("node", node.takes(&["x"])).wire("first.out", "node.x");
    lab.back("node.out", "first.a", CycleDraft::new(3));
    lab.ok().await;
    let seen = seen.lock().expect("no panic");
    let names: Vec<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["node", "node#1", "node#2"], "a cycle is no node, only its turn shows");
    let keys: std::collections::HashSet<&String> = seen.iter().map(|(_, key)| key).collect();
    assert_eq!(keys.len(), 3, "each turn has a key of its own");
}

pub(super) async fn a_failure_in_a_cycle_names_node_and_turn_and_keeps_the_turn(make: Make) {
    let mut lab = Lab::new(&make);
    let (calls, fails) = (Counter::default(), Counter::default());
    lab.node("step", step(Flavour::Inline, &calls));
    let fail = Node::inline(move |mut inputs, _| {
        if fails.hit() == 3 {
            Err(kailash_core::Error::node("test.third", "third time"))
        } else {
            one(inputs.value(0)?)
        }
    });
    lab.node("fails", fail.needs(&["x"])).node("after", Node::pass());
    lab.wire("step.out", "fails.x").wire("fails.out", "after.x").back(
        "fails.out",
        "step.x",
        CycleDraft::new(9),
    );
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("fails#2", "test.third")]);
    assert_eq!(*out(&ended.results, "step"), value!(3), "what the last turn gave is not lost");
    assert_eq!(ended.results.status("fails"), Some(crate::NodeStatus::Failed));
    assert_eq!(ended.results.status("after"), Some(crate::NodeStatus::Skipped));
}

pub(super) async fn a_condition_that_cannot_be_evaluated_fails_the_run(make: Make) {
    let (mut lab, calls) = (Lab::new(&make), Counter::default());
    lab.node("step", step(Flavour::Inline, &calls)).back(
        "step.out",
        "step.x",
        CycleDraft::new(9).until("eror < 1"),
    );
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("step", "expression.eval")]);
    assert_eq!(calls.get(), 1);
}

pub(super) async fn a_connection_marked_as_cycle_that_closes_none_leads_forward(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("a", Node::give(3)).node("b", Node::pass()).back("a.out", "b.x", CycleDraft::new(5));
    let (results, _) = lab.run_with(Params::new()).await.expect("the run completes");
    assert_eq!(*out(&results, "b"), value!(3));
}

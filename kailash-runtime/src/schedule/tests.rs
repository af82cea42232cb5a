//! The scheduler's decisions, without a runtime: the tests are the driver.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

use std::{collections::BTreeSet, sync::Arc};

use kailash_core::{
    Error, RunId, Value,
    exec::FailurePolicy,
    node::{OnItemError, Outputs, UnitKey},
    value,
    workflow::{CycleDraft, Params},
};
use proptest::prelude::*;

use super::{Lineage, Note, Ready, Schedule, Status};
use crate::{
    plan::Plan,
    testing::{Flow, Node},
};

/// A run whose bodies are played by the test: each gives `[name, inputs...]`, unless the test says otherwise.
struct Played {
    plan: Arc<Plan>,
    lineage: Arc<Lineage>,
    schedule: Schedule,
    /// Units handed out and not answered.
    ready: Vec<Ready>,
}

type Final = (Vec<Option<Value>>, Vec<Status>);

impl Played {
    fn new(flow: &Flow, policy: FailurePolicy) -> Self {
        let plan = Arc::new(Plan::new(&flow.workflow(), &flow.services()).expect("a plan"));
        let bound = plan.bind(&Params::new()).expect("nothing is missing");
        let lineage = Arc::<Lineage>::default();
        let schedule =
            Schedule::new(Arc::clone(&plan), bound, Arc::clone(&lineage), policy, Vec::new(), true);
        let mut played = Self { plan, lineage, schedule, ready: Vec::new() };
        played.collect();
        played
    }

    fn collect(&mut self) {
        while let Some(ready) = self.schedule.next() {
            self.ready.push(ready);
        }
    }

    fn name(&self, unit: UnitKey) -> String {
        self.lineage.unit_id(RunId::from_u128(0), &self.plan, unit).to_string()
    }

    fn names(&self) -> BTreeSet<String> {
        self.ready.iter().map(|ready| self.name(ready.unit)).collect()
    }

    fn take(&mut self, name: &str) -> Ready {
        let at = self.ready.iter().position(|ready| self.name(ready.unit) == name);
        self.ready.remove(at.unwrap_or_else(|| panic!("`{name}` is ready, of {:?}", self.names())))
    }

    /// Answers the unit called `name` with `outputs`.
    fn done(&mut self, name: &str, outputs: &[Option<Value>]) -> &mut Self {
        let unit = self.take(name).unit;
        self.schedule.complete(unit, outputs.iter().cloned().collect());
        self.collect();
        self
    }

    fn fail(&mut self, name: &str) -> &mut Self {
        let unit = self.take(name).unit;
        self.schedule.fail(unit, Error::node("test.fails", "on purpose"));
        self.collect();
        self
    }

    fn assert_ready(&self, names: &[&str]) {
        assert_eq!(self.names(), names.iter().map(|name| (*name).to_owned()).collect());
    }

    /// Plays to the end in the order that `choices` draw; what a unit gives depends on its name and inputs alone.
    fn play(mut self, choices: &[prop::sample::Index]) -> Final {
        let mut choices = choices.iter().cycle();
        while !self.schedule.is_done() {
            assert!(!self.ready.is_empty(), "nothing is ready, but the run is not done");
            let choice = choices.next().map_or(0, |choice| choice.index(self.ready.len()));
            let Ready { unit, scope, inputs } = self.ready.swap_remove(choice);
            let name = self.name(unit);
            if name.contains("fails") {
                self.schedule.fail(unit, Error::node("test.fails", "on purpose"));
            } else {
                let given = (0..inputs.len()).map(|at| inputs.get(at).cloned().unwrap_or_default());
                let given: Value = std::iter::once(Value::from(name)).chain(given).collect();
                let slots = self.plan.scopes[scope as usize].units[unit.node as usize].slots.len();
                // Of two outputs only the first branch is taken.
                let outputs = (0..slots).map(|slot| (slot == 0).then(|| given.clone()));
                self.schedule.complete(unit, outputs.collect());
            }
            self.collect();
        }
        self.schedule.take_root()
    }
}

fn flow(build: impl FnOnce(&mut Flow)) -> Flow {
    let mut flow = Flow::new();
    build(&mut flow);
    flow
}

fn diamond() -> Flow {
    flow(|flow| {
        flow.node("top", Node::give(0))
            .node("left", Node::pass())
            .node("right", Node::pass())
            .node("join", Node::add());
        flow.wire("top.out", "left.x")
            .wire("top.out", "right.x")
            .wire("left.out", "join.a")
            .wire("right.out", "join.b");
    })
}

/// Something of everything: branches, a failure, two that are told, cycles in each other, foreach, nesting.
fn rich() -> Flow {
    let mut item = Flow::new();
    item.node("one", Node::pass()).node("two", Node::pass()).wire("one.out", "two.x");
    let mut nested = Flow::new();
    nested.node("in1", Node::pass()).node("in2", Node::add()).wire("in1.out", "in2.a");
    nested.back("in2.out", "in2.b", CycleDraft::new(3));
    let mut tried = Flow::new();
    tried.node("fails too", Node::pass()).node("fails again", Node::pass()).node("works", Node::pass());
    tried.wire("works.out", "fails again.x");
    flow(|flow| {
        flow.node("start", Node::give(0).gives(&["out", "dead"]))
            .node("dead", Node::pass())
            .wire("start.dead", "dead.x");
        flow.node("fails", Node::pass())
            .wire("start.out", "fails.x")
            .node("after", Node::add())
            .wire("fails.out", "after.a");
        flow.node("beside", Node::add()).wire("start.out", "beside.a").wire("dead.out", "beside.b");
        flow.node("each", item.each(&[(0, "one.x")], "two.out", 2, OnItemError::Fail))
            .wire("start.out", "each.items");
        flow.node(
            "tried",
            tried.tried(&[(0, "fails too.x"), (0, "works.x")], "fails again.out").needs(&["x"]),
        )
        .wire("start.out", "tried.x");
        flow.node("told", Node::pass()).wire("tried.error", "told.x");
        flow.node("nest", nested.nested(&[(0, "in1.x")], &["in2.out"], None).needs(&["x"]))
            .wire("beside.out", "nest.x");
        flow.node("a", Node::add()).node("b", Node::add()).wire("nest.out", "a.a").wire("a.out", "b.a");
        let inner = CycleDraft { id: Some("in".into()), parent: Some("out".into()), ..CycleDraft::new(2) };
        flow.back("a.out", "a.b", inner).back(
            "b.out",
            "a.a",
            CycleDraft { id: Some("out".into()), ..CycleDraft::new(3) },
        );
        flow.node("last", Node::add()).wire("b.out", "last.a").wire("each.out", "last.b");
    })
}

#[test]
fn a_node_is_ready_when_the_last_that_it_waits_for_is_done() {
    let mut run = Played::new(&diamond(), FailurePolicy::FailFast);
    run.assert_ready(&["top"]);
    run.done("top", &[Some(value!(1))]).assert_ready(&["left", "right"]);
    run.done("right", &[Some(value!(2))]).assert_ready(&["left"]);
    run.done("left", &[Some(value!(3))]);
    let join = run.take("join");
    assert_eq!((join.inputs.get(0), join.inputs.get(1)), (Some(&value!(3)), Some(&value!(2))));
    assert!(!run.schedule.is_done());
}

#[test]
fn a_branch_not_taken_skips_to_the_end_in_one_step() {
    let flow = flow(|flow| {
        flow.node("n0", Node::give(0));
        for n in 1..1000 {
            flow.node(&format!("n{n}"), Node::pass()).wire(&format!("n{}.out", n - 1), &format!("n{n}.x"));
        }
    });
    let mut run = Played::new(&flow, FailurePolicy::FailFast);
    run.done("n0", &[None]);
    assert!(run.schedule.is_done());
    let skipped = run.schedule.take_notes();
    assert_eq!(skipped.iter().filter(|note| matches!(note, Note::Skipped(_))).count(), 999);
}

#[test]
fn fail_fast_ends_the_run_and_ignores_what_comes_later() {
    let mut run = Played::new(&diamond(), FailurePolicy::FailFast);
    run.done("top", &[Some(value!(1))]).fail("left");
    assert!(run.schedule.is_done());
    run.done("right", &[Some(value!(2))]).assert_ready(&[]);
    assert_eq!(run.schedule.failures().len(), 1);
    let (slots, status) = run.schedule.take_root();
    assert_eq!(slots.iter().flatten().count(), 1, "the late result is not kept");
    assert_eq!(status.iter().filter(|status| **status == Status::Failed).count(), 1);
}

#[test]
fn an_answer_given_twice_or_to_a_frame_that_is_gone_changes_nothing() {
    let flow = flow(|flow| {
        flow.node("turn", Node::add()).back("turn.out", "turn.a", CycleDraft::new(2));
    });
    let mut run = Played::new(&flow, FailurePolicy::FailFast);
    let first = run.ready[0].unit;
    run.done("turn", &[Some(value!(1))]).assert_ready(&["turn#1"]);
    run.schedule.complete(first, Outputs::one(value!(99)));
    run.schedule.fail(first, Error::node("test.late", "late"));
    run.collect();
    run.assert_ready(&["turn#1"]);
    run.done("turn#1", &[Some(value!(2))]);
    assert!(run.schedule.is_done());
    assert!(run.schedule.failures().is_empty());
    assert_eq!(run.schedule.take_root().0, [Some(value!(2))]);
}

#[test]
fn a_foreach_opens_as_many_items_as_allowed_and_gives_up_the_rest_when_one_fails() {
    let mut item = Flow::new();
    item.node("item", Node::pass());
    let flow = flow(|flow| {
        flow.node("list", Node::give(0))
            .node("each", item.each(&[(0, "item.x")], "item.out", 2, OnItemError::Fail));
        flow.wire("list.out", "each.items")
            .node("after", Node::pass())
            .wire("each.out", "after.x")
            .node("beside", Node::give(1));
    });
    let mut run = Played::new(&flow, FailurePolicy::SkipDependents);
    run.done("list", &[Some(value!([1, 2, 3, 4]))]).assert_ready(&["beside", "each/item", "each/item[1]"]);
    run.done("each/item[1]", &[Some(value!(0))]).assert_ready(&["beside", "each/item", "each/item[2]"]);
    run.fail("each/item").fail("each/item[2]");
    assert_eq!(run.schedule.failures().len(), 1, "the second was given up with the foreach");
    run.assert_ready(&["beside"]);
    run.done("beside", &[Some(value!(1))]);
    assert!(run.schedule.is_done());
}

#[test]
fn a_failed_item_that_counts_as_null_makes_room_for_the_next() {
    let mut item = Flow::new();
    item.node("item", Node::pass()).node("then", Node::pass()).wire("item.out", "then.x");
    let flow = flow(|flow| {
        flow.node("list", Node::give(0))
            .node("each", item.each(&[(0, "item.x")], "then.out", 1, OnItemError::Null));
        flow.wire("list.out", "each.items");
    });
    let mut run = Played::new(&flow, FailurePolicy::FailFast);
    run.done("list", &[Some(value!([1, 2]))]).assert_ready(&["each/item"]);
    run.fail("each/item").assert_ready(&["each/item[1]"]);
    run.done("each/item[1]", &[Some(value!(5))]).done("each/then[1]", &[Some(value!(6))]);
    assert!(run.schedule.is_done() && run.schedule.failures().is_empty());
    assert_eq!(run.schedule.take_root().0[1], Some(value!([null, 6])));
}

#[test]
fn more_outputs_than_slots_fail_the_node_and_hurt_no_neighbour() {
    let mut run = Played::new(&diamond(), FailurePolicy::SkipDependents);
    run.done("top", &[Some(value!(1)), Some(value!(2))]);
    assert!(run.schedule.is_done(), "all others depend on it");
    assert_eq!(run.schedule.failures()[0].error.code(), "internal");
    assert_eq!(run.schedule.take_root().0.iter().flatten().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn completions_in_any_order_give_the_same_end(
        choices in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
        policy in prop_oneof![Just(FailurePolicy::SkipDependents), Just(FailurePolicy::Continue)],
    ) {
        let flow = rich();
        let in_order = Played::new(&flow, policy).play(&[]);
        let drawn = Played::new(&flow, policy).play(&choices);
        prop_assert_eq!(in_order, drawn);
    }
}

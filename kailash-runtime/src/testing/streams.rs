//! Pipelines: items over bounded links, and the whole values at their ends.

use async_trait::async_trait;
use kailash_core::{
    Result, Value,
    node::{Context, Emit, Inputs, Lift, Outputs, Progress, Source, Stage},
    value,
    workflow::{CycleDraft, Params},
};

use super::{
    Make,
    lab::{Lab, codes, out},
    node::{FLAVOURS, Node, one},
    tools::{Counter, Gate},
};

struct Count {
    next: i64,
    to: i64,
    /// Counts batches that a link took.
    sent: Counter,
}

#[async_trait]
impl Source for Count {
    async fn pull(&mut self, _: &Context, out: &mut dyn Emit) -> Result<Progress> {
        if self.next > self.to {
            return Ok(Progress::End);
        }
        out.emit(0, vec![Value::from(self.next)]).await?;
        self.sent.hit();
        self.next += 1;
        Ok(Progress::More)
    }

    async fn finish(&mut self, _: &Context) -> Result<Outputs> {
        Ok(Outputs::one(self.to))
    }
}

/// Makes the numbers from 1 to `to`, each a batch; its whole output is `to`.
pub(super) fn count_to() -> Node {
    counted(&Counter::default())
}

pub(super) fn counted(sent: &Counter) -> Node {
    let sent = sent.clone();
    Node::source(move |inputs: Inputs, _: &Context| -> Result<Box<dyn Source>> {
        Ok(Box::new(Count { next: 1, to: inputs.int(0)?.unwrap_or(0), sent: sent.clone() }))
    })
    .needs(&["to"])
}

type Each = Box<dyn FnMut(usize, Vec<Value>) -> Result<Vec<Value>> + Send>;

/// A stage that does `each` with every batch, sends on what it gives and counts the items as its whole output.
struct Does {
    each: Each,
    items: i64,
    gate: Option<Gate>,
}

#[async_trait]
impl Stage for Does {
    async fn process(
        &mut self,
        port: usize,
        items: Vec<Value>,
        _: &Context,
        out: &mut dyn Emit,
    ) -> Result<()> {
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        self.items += i64::try_from(items.len()).unwrap_or(0);
        let given = (self.each)(port, items)?;
        out.emit(0, given).await
    }

    async fn finish(&mut self, _: &Context, _: &mut dyn Emit) -> Result<Outputs> {
        let given = (self.each)(usize::MAX, Vec::new())?;
        Ok(given.into_iter().next().map_or_else(|| Outputs::one(self.items), Outputs::one))
    }
}

/// A stage made of `each`, opened once for each run; called with port `usize::MAX` at the end.
pub(super) fn stage<F>(each: impl Fn() -> F + Send + Sync + 'static, gate: Option<Gate>) -> Node
where
    F: FnMut(usize, Vec<Value>) -> Result<Vec<Value>> + Send + 'static,
{
    Node::stage(move |_: Inputs, _: &Context| -> Result<Box<dyn Stage>> {
        Ok(Box::new(Does { each: Box::new(each()), items: 0, gate: gate.clone() }))
    })
}

/// Gives the sum of its items at the end.
pub(super) fn sum() -> Node {
    summing(None)
}

fn summing(gate: Option<Gate>) -> Node {
    let each = || {
        let mut sum = 0;
        move |port: usize, items: Vec<Value>| {
            sum += items.iter().filter_map(Value::as_i64).sum::<i64>();
            Ok(if port == usize::MAX { vec![Value::from(sum)] } else { Vec::new() })
        }
    };
    stage(each, gate)
}

/// Does `what` at the batch after `batches` others.
pub(super) fn failing_after(batches: usize, what: fn() -> Result<Vec<Value>>) -> Node {
    let each = move || {
        let mut seen = 0;
        move |_: usize, _: Vec<Value>| {
            seen += 1;
            if seen > batches { what() } else { Ok(Vec::new()) }
        }
    };
    stage(each, None)
}

pub(super) async fn items_flow_through_lifted_bodies_to_a_sink(make: Make) {
    for flavour in FLAVOURS {
        let mut lab = Lab::new(&make);
        let odd = Node::with(flavour, |mut inputs, _| {
            let items = inputs.list(0)?;
            one(items.into_iter().filter(|n| n.as_i64().is_some_and(|n| n % 2 == 1)).collect::<Value>())
        });
        let times =
            Node::with(flavour, |inputs, _| one(inputs.int(0)?.unwrap_or(0) * inputs.int(1)?.unwrap_or(0)));
        lab.node("by", Node::give(10)).node("count", count_to().set("to", 99));
        lab.node("odd", odd.needs(&["items"]).lifted(Lift::PerBatch));
        lab.node("times", times.needs(&["x", "by"]).lifted(Lift::PerItem)).node("sum", sum());
        lab.stream("count.out", "odd.items")
            .stream("odd.out", "times.x")
            .wire("by.out", "times.by")
            .stream("times.out", "sum.items");
        lab.node("after", Node::add()).wire("sum.out", "after.a").wire("count.out", "after.b");
        let results = lab.ok().await;
        assert_eq!(*out(&results, "sum"), value!(25_000), "{flavour:?}");
        assert_eq!(*out(&results, "after"), value!(25_099), "whole values at both ends");
    }
}

pub(super) async fn a_source_feeds_two_sinks(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 100))
        .node("a", sum())
        .node("b", stage(|| |_, _| Ok(Vec::new()), None));
    lab.stream("count.out", "a.items").stream("count.out", "b.items");
    let results = lab.ok().await;
    assert_eq!((out(&results, "a"), out(&results, "b")), (&value!(5050), &value!(100)));
}

pub(super) async fn two_sources_feed_one_stage_at_inputs_of_their_own(make: Make) {
    let mut lab = Lab::new(&make);
    let each = || {
        let mut sums = [0, 0];
        move |port: usize, items: Vec<Value>| {
            if port == usize::MAX {
                return Ok(vec![value!([(sums[0]), (sums[1])])]);
            }
            sums[port] += items.iter().filter_map(Value::as_i64).sum::<i64>();
            Ok(Vec::new())
        }
    };
    lab.node("a", count_to().set("to", 10)).node("b", count_to().set("to", 100));
    lab.node("both", stage(each, None).takes(&["left", "right"]));
    lab.stream("a.out", "both.left").stream("b.out", "both.right");
    assert_eq!(*out(&lab.ok().await, "both"), value!([55, 5050]));
}

pub(super) async fn branches_of_a_stream_join_again(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.link_capacity = 1;
    let pass = || Node::inline(|mut inputs, _| one(inputs.value(0)?)).needs(&["x"]).lifted(Lift::PerItem);
    lab.node("count", count_to().set("to", 1000))
        .node("left", pass())
        .node("right", pass())
        .node("sum", sum());
    lab.stream("count.out", "left.x").stream("count.out", "right.x");
    lab.stream("left.out", "sum.items").stream("right.out", "sum.items");
    assert_eq!(*out(&lab.ok().await, "sum"), value!(1_001_000), "and nothing waits for ever");
}

pub(super) async fn a_slow_consumer_holds_its_producer_back(make: Make) {
    for capacity in [1, 4] {
        let mut lab = Lab::new(&make);
        lab.settings.link_capacity = capacity;
        let (sent, gate) = (Counter::default(), Gate::default());
        lab.node("count", counted(&sent).set("to", 50)).node("slow", summing(Some(gate.clone())));
        lab.stream("count.out", "slow.items");
        let (runtime, workflow) = lab.ready();
        let handle = runtime.start(&workflow, Params::new()).expect("it starts");
        // The link is full when one batch is with the consumer and `capacity` are on their way.
        for consumed in 0..20 {
            while sent.get() < consumed + capacity + 1 {
                tokio::task::yield_now().await;
            }
            for _ in 0..50 {
                tokio::task::yield_now().await;
                assert!(sent.get() <= consumed + capacity + 1, "{} sent, {consumed} consumed", sent.get());
            }
            gate.open(1);
        }
        gate.open(50);
        let (results, _) = handle.await.expect("the run completes");
        assert_eq!(*out(&results, "slow"), value!(1275));
    }
}

pub(super) async fn a_pipeline_waits_for_its_whole_inputs(make: Make) {
    let mut lab = Lab::new(&make);
    let later = Node::future(|_, _| async {
        tokio::task::yield_now().await;
        one(value!({"to": 4}))
    });
    lab.node("later", later).node("count", count_to()).node("sum", sum());
    lab.wire("later.out.to", "count.to").stream("count.out", "sum.items");
    assert_eq!(*out(&lab.ok().await, "sum"), value!(10));
}

pub(super) async fn a_pipeline_on_an_untaken_branch_is_skipped(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("dead", Node::inline(|_, _| Ok(Outputs::none(1).into())));
    lab.node("count", count_to())
        .node("sum", sum())
        .wire("dead.out", "count.to")
        .stream("count.out", "sum.items");
    assert_eq!(super::lab::skipped(&lab.ok().await), ["count", "sum"]);
}

pub(super) async fn a_pipeline_in_a_cycle_runs_each_turn(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 2)).node("sum", sum()).stream("count.out", "sum.items");
    lab.back("sum.out", "count.to", CycleDraft::new(3));
    assert_eq!(*out(&lab.ok().await, "sum"), value!(21), "2 -> 3 -> 6 -> 21");
}

pub(super) async fn nodes_of_a_pipeline_have_ids_of_their_own(make: Make) {
    let mut lab = Lab::new(&make);
    let keys = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let each = |keys: &std::sync::Arc<std::sync::Mutex<Vec<(String, String)>>>| {
        let keys = std::sync::Arc::clone(keys);
        Node::inline(move |mut inputs, cx| {
            keys.lock().expect("no panic").push((cx.unit().to_string(), cx.idempotency_key()));
            one(inputs.value(0)?)
        })
        .needs(&["x"])
        .lifted(Lift::PerItem)
    };
    lab.node("count", count_to().set("to", 1))
        .node("a", each(&keys))
        .node("b", each(&keys))
        .node("sum", sum());
    lab.stream("count.out", "a.x").stream("a.out", "b.x").stream("b.out", "sum.items");
    lab.ok().await;
    let keys = keys.lock().expect("no panic");
    assert_eq!((keys[0].0.as_str(), keys[1].0.as_str()), ("a", "b"));
    assert_ne!(keys[0].1, keys[1].1);
}

pub(super) async fn a_stage_with_open_inputs_takes_parameters_by_any_name(make: Make) {
    let mut lab = Lab::new(&make);
    let times = Node::inline(|inputs, _| {
        let by = inputs.extra().find(|(name, _)| *name == "by").and_then(|(_, by)| by.as_i64());
        one(inputs.int(0)?.unwrap_or(0) * by.unwrap_or(0))
    });
    lab.node("count", count_to().set("to", 4))
        .node("times", times.needs(&["x"]).open().lifted(Lift::PerItem));
    lab.node("sum", sum()).stream("count.out", "times.x").stream("times.out", "sum.items");
    let (results, _) = lab.run_with(Params::new().with("times", "by", 3)).await.expect("the run completes");
    assert_eq!(*out(&results, "sum"), value!(30));
}

pub(super) async fn a_source_without_stream_connections_is_refused(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("count", count_to().set("to", 4));
    assert_eq!(codes(&lab.refused(Params::new()).await), ["node.streams_only"]);
}

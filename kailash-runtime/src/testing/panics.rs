//! A body that panics fails its node, nothing else.

use kailash_core::{Error, ErrorKind, exec::FailurePolicy, value, workflow::Params};

use super::{
    Make,
    lab::{Lab, failures, out},
    node::{FLAVOURS, Node, one},
    tools::Gate,
};

async fn fails_alone(make: &Make, node: Node, what: &str) -> Error {
    let mut lab = Lab::new(make);
    lab.settings.on_failure = FailurePolicy::SkipDependents;
    lab.node("panics", node)
        .node("beside", Node::give(1))
        .node("after", Node::pass())
        .wire("beside.out", "after.x");
    let ended = lab.unfinished().await;
    assert_eq!(failures(&ended), [("panics", "node.panic")], "{what}");
    assert_eq!(*out(&ended.results, "after"), value!(1), "{what}: the rest runs");
    assert_eq!(ended.error.kind(), ErrorKind::Node, "{what}");
    ended.error
}

fn bang(
    _: kailash_core::node::Inputs,
    _: &kailash_core::node::Context,
) -> kailash_core::Result<kailash_core::node::Outcome> {
    panic!("bang at {}", 7)
}

pub(super) async fn a_panic_fails_its_node_in_every_kind_of_body(make: Make) {
    for flavour in FLAVOURS {
        for limited in [false, true] {
            let mut node = Node::with(flavour, bang);
            if limited {
                node = node.timeout_ms(60_000);
            }
            let error = fails_alone(&make, node, &format!("{flavour:?}")).await;
            assert!(error.message().contains("bang at 7"), "the message is kept: {error}");
        }
    }
}

pub(super) async fn a_panic_before_the_future_exists_fails_its_node(make: Make) {
    fn never(
        _: kailash_core::node::Inputs,
        _: kailash_core::node::Context,
    ) -> std::future::Ready<kailash_core::Result<kailash_core::node::Outcome>> {
        panic!("no future")
    }
    fails_alone(&make, Node::future(never), "making the future").await;
}

pub(super) async fn a_panic_in_blocking_code_fails_its_node(make: Make) {
    let node = Node::future(|_, cx| async move {
        let n: i64 = cx.blocking(|| panic!("in blocking code")).await?;
        one(n)
    });
    fails_alone(&make, node, "blocking").await;
}

pub(super) async fn blocking_code_gives_its_result(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("node", Node::future(|_, cx| async move { one(cx.blocking(|| Ok(6 * 7)).await?) }));
    assert_eq!(*out(&lab.ok().await, "node"), value!(42));
}

pub(super) async fn a_panic_hurts_no_other_run_of_the_runtime(make: Make) {
    let mut lab = Lab::new(&make);
    let (begun, go) = (Gate::default(), Gate::default());
    let (began, gone) = (begun.clone(), go.clone());
    let waits = Node::future(move |inputs, _| {
        let (begun, go) = (began.clone(), gone.clone());
        async move {
            let n = inputs.int(0)?.unwrap_or(0);
            if n == 0 {
                begun.open(1);
                go.pass().await;
            }
            one(n)
        }
    });
    let panics = Node::compute(|inputs, _| match inputs.int(0)? {
        Some(0) => one(0),
        n => panic!("{n:?}"),
    });
    lab.node("waits", waits.needs(&["x"])).node("panics", panics.needs(&["x"])).wire("waits.out", "panics.x");
    let (runtime, workflow) = lab.ready();
    let calm = runtime.start(&workflow, Params::new().with("waits", "x", 0)).expect("it starts");
    begun.pass().await;
    for n in 1..20 {
        let outcome = runtime.execute_async(&workflow, Params::new().with("waits", "x", n)).await;
        assert_eq!(outcome.expect_err("it panics").errors()[0].error.code(), "node.panic");
    }
    go.open(1);
    let (results, _) = calm.await.expect("the run beside completes");
    assert_eq!(*out(&results, "panics"), value!(0));
}

pub(super) async fn a_panicking_hook_hurts_nobody(make: Make) {
    let mut lab = Lab::new(&make);
    lab.settings.hooks = vec![std::sync::Arc::new(|event| panic!("hook at {}", event.seq))];
    for flavour in FLAVOURS {
        lab.node(&format!("{flavour:?}"), Node::with(flavour, |_, _| one(1)));
    }
    assert_eq!(lab.ok().await.to_map().len(), FLAVOURS.len());
}

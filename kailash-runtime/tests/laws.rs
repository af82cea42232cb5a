//! Laws of runs: whatever the graph, both runtimes agree with a naive interpreter that takes one node after the other.
#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

use std::sync::{Arc, Mutex};

use kailash_core::{Error, Text, Value, exec::FailurePolicy, node::Outputs, workflow::Params};
use kailash_runtime::{
    Keep, LocalRuntime, NodeStatus, ParallelRuntime, Results, RunError,
    testing::{FLAVOURS, Lab, Make, Node, maker},
};
use proptest::prelude::*;

const INPUTS: [&str; 3] = ["a", "b", "c"];
const OUTPUTS: [&str; 2] = ["out", "alt"];

/// A connection: from output `output` of node `from` (of those before) to input `input`.
#[derive(Clone, Copy, Debug)]
struct Edge {
    from: usize,
    output: usize,
    input: usize,
}

/// A node: which of its inputs are required, which outputs it gives, whether it fails, and where its body runs.
#[derive(Clone, Debug)]
struct Drawn {
    edges: Vec<Edge>,
    required: [bool; 3],
    given: [bool; 2],
    fails: bool,
    flavour: usize,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let edge = (any::<prop::sample::Index>(), 0..2_usize, 0..3_usize);
    let given = prop_oneof![3 => Just([true, true]), 3 => Just([true, false]), 1 => Just([false, true]), 1 => Just([false, false])];
    (prop::collection::vec(edge, 0..4), any::<[bool; 3]>(), given, prop::bool::weighted(0.1), 0..4_usize)
        .prop_map(|(edges, required, given, fails, flavour)| {
            // The node before is chosen when the position of this one is known.
            let edges = edges.into_iter().map(|(from, output, input)| Edge {
                from: from.index(1 << 20),
                output,
                input,
            });
            Drawn { edges: edges.collect(), required, given, fails, flavour }
        })
}

fn graph() -> impl Strategy<Value = Vec<Drawn>> {
    prop::collection::vec(drawn(), 1..60).prop_map(|mut nodes| {
        for (at, node) in nodes.iter_mut().enumerate() {
            if at == 0 {
                node.edges.clear();
            }
            // Mostly nodes nearby, so that the graph is deep, but some far away.
            for edge in &mut node.edges {
                edge.from = if edge.from % 3 == 0 { edge.from % at } else { at - 1 - edge.from % at.min(4) };
            }
            // A required input that nothing feeds would be refused.
            for input in 0..INPUTS.len() {
                node.required[input] &= node.edges.iter().any(|edge| edge.input == input);
            }
        }
        nodes
    })
}

fn compute(at: usize, inputs: &[Option<i64>]) -> i64 {
    let start = i64::try_from(at).unwrap_or(0) + 1;
    inputs.iter().enumerate().fold(start, |sum, (input, value)| {
        let factor = [3, 5, 7][input];
        (sum * 31 + value.map_or(11, |value| value * factor)) % 1_000_000_007
    })
}

/// The naive interpreter: the state and outputs of each node.
fn reference(nodes: &[Drawn], policy: FailurePolicy) -> Vec<(NodeStatus, [Option<i64>; 2])> {
    let mut done: Vec<(NodeStatus, [Option<i64>; 2])> = Vec::new();
    let mut poisoned = vec![false; nodes.len()];
    for (at, node) in nodes.iter().enumerate() {
        let failed = |edge: &Edge| done[edge.from].0 == NodeStatus::Failed;
        if policy == FailurePolicy::SkipDependents
            && node.edges.iter().any(|edge| failed(edge) || poisoned[edge.from])
        {
            poisoned[at] = true;
            done.push((NodeStatus::Skipped, [None; 2]));
            continue;
        }
        let mut inputs = [None; 3];
        for edge in &node.edges {
            inputs[edge.input] = done[edge.from].1[edge.output].or(inputs[edge.input]);
        }
        let alive = |edge: &Edge| done[edge.from].1[edge.output].is_some() || failed(edge);
        let lacking = (0..INPUTS.len()).any(|input| node.required[input] && inputs[input].is_none());
        let dead = !node.edges.is_empty() && !node.edges.iter().any(alive);
        let value = compute(at, &inputs);
        done.push(match node.fails {
            _ if lacking || dead => (NodeStatus::Skipped, [None; 2]),
            true => (NodeStatus::Failed, [None; 2]),
            false => (NodeStatus::Done, node.given.map(|given| given.then_some(value))),
        });
    }
    done
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Began(usize),
    Ended(usize),
}

/// A workflow of the drawn nodes, whose bodies note when they begin and end.
fn lab(make: &Make, nodes: &[Drawn], policy: FailurePolicy, log: &Arc<Mutex<Vec<Step>>>) -> Lab {
    let mut lab = Lab::new(make);
    lab.settings.on_failure = policy;
    for (at, node) in nodes.iter().enumerate() {
        // Required inputs come first among a node's inputs.
        let (needs, takes): (Vec<usize>, Vec<usize>) =
            (0..INPUTS.len()).partition(|input| node.required[*input]);
        let order: Vec<usize> = needs.iter().chain(&takes).copied().collect();
        let (log, fails, given) = (Arc::clone(log), node.fails, node.given);
        let body = move |inputs: kailash_core::node::Inputs, _: &kailash_core::node::Context| {
            log.lock().expect("no panic").push(Step::Began(at));
            let mut values = [None; 3];
            for (position, input) in order.iter().enumerate() {
                values[*input] = inputs.int(position)?;
            }
            log.lock().expect("no panic").push(Step::Ended(at));
            if fails {
                return Err(Error::node("test.drawn", "drawn to fail"));
            }
            let value = compute(at, &values);
            Ok(given.map(|given| given.then(|| Value::from(value))).into_iter().collect::<Outputs>().into())
        };
        let names = |inputs: &[usize]| inputs.iter().map(|input| INPUTS[*input]).collect::<Vec<_>>();
        let node_body = Node::with(FLAVOURS[node.flavour], body).needs(&names(&needs)).takes(&names(&takes));
        lab.node(&format!("n{at}"), node_body.gives(&OUTPUTS));
        for Edge { from, output, input } in &node.edges {
            lab.wire(&format!("n{from}.{}", OUTPUTS[*output]), &format!("n{at}.{}", INPUTS[*input]));
        }
    }
    lab
}

fn check(make: &Make, nodes: &[Drawn], policy: FailurePolicy, keep: Keep) -> Result<(), TestCaseError> {
    let log = Arc::default();
    let mut lab = lab(make, nodes, policy, &log);
    lab.settings.keep = keep;
    let read = |at: usize| nodes.iter().any(|node| node.edges.iter().any(|edge| edge.from == at));
    let (runtime, workflow) = lab.ready();
    let outcome = runtime.execute(&workflow, Params::new());
    let expected = reference(nodes, policy);
    let (results, mut failed): (Results, Vec<Text>) = match outcome {
        Ok((results, _)) => (results, Vec::new()),
        Err(RunError::Unfinished(ended)) => {
            (ended.results, ended.errors.iter().map(|error| error.node.clone()).collect())
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    for (at, (status, outputs)) in expected.iter().enumerate() {
        let id = format!("n{at}");
        prop_assert_eq!(results.status(&id), Some(*status), "{}", id);
        for (name, value) in OUTPUTS.iter().zip(outputs) {
            let given = results.get(&id, name).and_then(Value::as_i64);
            // What others read may be gone when it was read.
            let dropped = keep == Keep::Leaves && read(at) && given.is_none();
            prop_assert!(dropped || given == *value, "{}.{} is {:?}, not {:?}", id, name, given, value);
        }
    }
    let mut expected_failures: Vec<Text> = (0..nodes.len())
        .filter(|at| expected[*at].0 == NodeStatus::Failed)
        .map(|at| format!("n{at}").into())
        .collect();
    failed.sort();
    expected_failures.sort();
    prop_assert_eq!(failed, expected_failures, "every failure is told, and only those");
    let log = log.lock().expect("no panic");
    for (at, node) in nodes.iter().enumerate() {
        let began: Vec<usize> =
            log.iter().enumerate().filter(|(_, step)| **step == Step::Began(at)).map(|(i, _)| i).collect();
        let ran = expected[at].0 != NodeStatus::Skipped;
        prop_assert_eq!(began.len(), usize::from(ran), "n{} runs once if it runs", at);
        for edge in &node.edges {
            let ended = log.iter().position(|step| *step == Step::Ended(edge.from));
            if let (Some(began), Some(ended)) = (began.first(), ended) {
                prop_assert!(ended < *began, "n{} began before n{} ended", at, edge.from);
            }
        }
    }
    Ok(())
}

fn policy() -> impl Strategy<Value = FailurePolicy> {
    prop_oneof![Just(FailurePolicy::SkipDependents), Just(FailurePolicy::Continue)]
}

fn keep() -> impl Strategy<Value = Keep> {
    prop_oneof![Just(Keep::All), Just(Keep::Leaves)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn local_runs_give_what_a_naive_interpreter_gives(nodes in graph(), policy in policy(), keep in keep()) {
        check(&maker(LocalRuntime::with_settings), &nodes, policy, keep)?;
    }

    #[test]
    fn parallel_runs_give_what_a_naive_interpreter_gives(nodes in graph(), policy in policy(), keep in keep()) {
        check(&maker(ParallelRuntime::with_settings), &nodes, policy, keep)?;
    }
}

//! The ways that a saga can go.

use kailash::{
    ErrorKind, LocalRuntime, ParallelRuntime, Params, Results, RunError, RunStatus, Runtime, Settings,
    Unfinished, Value, Workflow, WorkflowBuilder, value,
};

use super::world::{World, booking, deed, refused, registry, saga};

/// Runs a saga with both runtimes, which must do the same; what came of it and what it did.
fn run(workflow: &Workflow) -> (Result<Results, Unfinished>, Vec<String>) {
    run_with(workflow, &Params::new())
}

fn run_with(workflow: &Workflow, params: &Params) -> (Result<Results, Unfinished>, Vec<String>) {
    let worlds = [World::default(), World::default()];
    let settings = Settings::default;
    let runtimes: [Box<dyn Runtime>; 2] = [
        Box::new(LocalRuntime::with_settings(worlds[0].services(), settings()).expect("settings")),
        Box::new(ParallelRuntime::with_settings(worlds[1].services(), settings()).expect("settings")),
    ];
    let [local, parallel] = runtimes.map(|runtime| match runtime.execute(workflow, params.clone()) {
        Ok((results, _)) => Ok(results),
        Err(RunError::Unfinished(unfinished)) => Err(*unfinished),
        Err(error) => panic!("it begins: {error}"),
    });
    assert_eq!(worlds[0].deeds(), worlds[1].deeds(), "both runtimes do the same");
    let told = |outcome: &Result<Results, Unfinished>| match outcome {
        Ok(results) => Ok(results.to_map()),
        Err(unfinished) => Err(unfinished.error.to_string()),
    };
    assert_eq!(told(&local), told(&parallel));
    (local, worlds[0].deeds())
}

fn pay(action: Value) -> Value {
    value!({"id": "pay", "action": action})
}

#[test]
fn a_saga_whose_steps_succeed_gives_their_results() {
    let last = value!({"id": "pay", "action": (deed("pay")), "compensation": (deed("never"))});
    let (outcome, deeds) = run(&saga(vec![booking("car"), booking("hotel"), last], "fail"));
    let results = outcome.expect("it completes");
    let done = |what: &str| value!({"done": what, "of": null});
    let expected = value!({"car": (done("car")), "hotel": (done("hotel")), "pay": (done("pay"))});
    assert_eq!(results.get("well", "result"), Some(&expected));
    assert_eq!(results.skipped().map(|id| id.as_str()).collect::<Vec<_>>(), ["ill"]);
    assert_eq!(deeds, ["car", "hotel", "pay"]);
}

#[test]
fn a_failed_step_takes_back_those_before_it_in_reverse_order() {
    let plain = value!({"id": "insure", "action": (deed("insure"))});
    let never = booking("never");
    let steps = vec![booking("car"), booking("hotel"), plain, booking("bus"), pay(refused("pay")), never];
    let (outcome, deeds) = run(&saga(steps, "branch"));
    let results = outcome.expect("the branch is taken");
    let error = value!({
        "kind": "node", "code": "deed.refused", "message": "pay is refused", "node": "saga/pay/action",
    });
    let expected = value!({"failed_step": "pay", "error": error, "compensated": ["bus", "hotel", "car"]});
    assert_eq!(results.get("ill", "result"), Some(&expected));
    assert_eq!(results.skipped().map(|id| id.as_str()).collect::<Vec<_>>(), ["well"]);
    let expected =
        ["car", "hotel", "insure", "bus", "cancel of \"bus\"", "cancel of \"hotel\"", "cancel of \"car\""];
    assert_eq!(deeds, expected);
}

#[test]
fn a_saga_that_was_taken_back_fails_unless_told_otherwise() {
    let (outcome, deeds) = run(&saga(vec![booking("car"), pay(refused("pay"))], "fail"));
    let unfinished = outcome.expect_err("the run is not completed");
    assert_eq!((unfinished.status, unfinished.error.code()), (RunStatus::Failed, "saga.failed"));
    assert_eq!(
        unfinished.error.message(),
        "step `pay` failed: pay is refused [deed.refused]; compensated: car"
    );
    assert_eq!(unfinished.errors.len(), 1, "what was taken back is no failure of its own");
    assert_eq!(deeds, ["car", "cancel of \"car\""]);
}

#[test]
fn a_first_step_that_fails_leaves_nothing_to_take_back() {
    let (outcome, deeds) = run(&saga(vec![pay(refused("pay")), booking("car")], "branch"));
    let results = outcome.expect("the branch is taken");
    assert_eq!(results.get("ill", "result").and_then(|given| given.get("compensated")), Some(&value!([])));
    assert!(deeds.is_empty());
}

#[test]
fn steps_and_compensations_are_tried_again_as_their_options_say() {
    let retry = value!({"max_attempts": 3, "delay_ms": 1});
    let again =
        |what: &str| value!({"type": "Deed", "config": {"what": what, "fails": 2}, "retry": (retry.clone())});
    let step = value!({"id": "car", "action": (again("car")), "compensation": (again("cancel"))});
    let (outcome, deeds) = run(&saga(vec![step, pay(refused("pay"))], "branch"));
    outcome.expect("the branch is taken");
    assert_eq!(deeds, ["car", "cancel"]);
}

#[test]
fn a_compensation_that_fails_fails_the_saga_and_the_others_still_run() {
    let stuck = value!({"id": "hotel", "action": (deed("hotel")), "compensation": (refused("leave"))});
    for on_failure in ["fail", "branch"] {
        let (outcome, deeds) =
            run(&saga(vec![booking("car"), stuck.clone(), booking("bus"), pay(refused("pay"))], on_failure));
        let unfinished = outcome.expect_err("nobody must think that all is well");
        assert_eq!(unfinished.error.code(), "saga.compensation_failed");
        assert_eq!(
            unfinished.error.message(),
            "step `pay` failed: pay is refused [deed.refused]; compensated: bus, car; not compensated: hotel (leave is \
             refused [deed.refused])"
        );
        assert_eq!(deeds, ["car", "hotel", "bus", "cancel of \"bus\"", "cancel of \"car\""], "{on_failure}");
    }
}

#[test]
fn a_step_on_a_branch_not_taken_is_skipped_and_not_taken_back() {
    let ask = value!({
        "id": "ask",
        "action": {"type": "Switch", "config": {"value": "yes"}, "inputs": {"input_data": "inputs.upgrade"}},
    });
    let upgrade = value!({
        "id": "upgrade",
        "action": {"type": "Deed", "config": {"what": "upgrade"}, "inputs": {"of": "ask.true_output"}},
        "compensation": (deed("downgrade")),
    });
    let mut builder = WorkflowBuilder::new("asked");
    let config =
        value!({"steps": [ask, upgrade, (booking("car")), (pay(refused("pay")))], "on_failure": "branch"});
    builder.add_node("SagaCoordinator", "saga", config);
    let workflow = builder.build(&registry()).expect("the saga is sound");
    let with = |answer: &str| run_with(&workflow, &Params::new().with("saga", "upgrade", answer));
    let compensated = |results: &Results| {
        results.get("saga", "compensated").and_then(|given| given.get("compensated")).cloned()
    };
    let (outcome, deeds) = with("no");
    assert_eq!(compensated(&outcome.expect("the branch is taken")), Some(value!(["car"])));
    assert_eq!(deeds, ["car", "cancel of \"car\""]);
    let (outcome, deeds) = with("yes");
    assert_eq!(compensated(&outcome.expect("the branch is taken")), Some(value!(["car", "upgrade"])));
    assert_eq!(deeds, ["upgrade of \"yes\"", "car", "cancel of \"car\"", "downgrade"]);
}

#[test]
fn a_compensation_that_is_skipped_although_its_action_ran_fails_the_saga() {
    let ask = value!({
        "id": "ask",
        "action": {"type": "Switch", "config": {"value": "yes"}, "inputs": {"input_data": "inputs.upgrade"}},
        "compensation": {"type": "Deed", "config": {"what": "undo"}, "inputs": {"of": "action.true_output"}},
    });
    let mut builder = WorkflowBuilder::new("asked");
    let config = value!({"steps": [(booking("car")), ask, (pay(refused("pay")))], "on_failure": "branch"});
    builder.add_node("SagaCoordinator", "saga", config);
    let workflow = builder.build(&registry()).expect("the saga is sound");
    let (outcome, deeds) = run_with(&workflow, &Params::new().with("saga", "upgrade", "no"));
    let unfinished = outcome.expect_err("what the step did stands");
    assert_eq!(unfinished.error.code(), "saga.compensation_failed");
    assert!(unfinished.error.message().contains("not compensated: ask"), "{}", unfinished.error);
    assert!(unfinished.error.message().contains("[saga.compensation_skipped]"), "{}", unfinished.error);
    assert_eq!(deeds, ["car", "cancel of \"car\""]);
    let (outcome, deeds) = run_with(&workflow, &Params::new().with("saga", "upgrade", "yes"));
    outcome.expect("the branch is taken");
    assert_eq!(deeds, ["car", "undo of \"yes\"", "cancel of \"car\""]);
}

#[test]
fn a_wrong_value_on_the_way_to_a_step_is_a_failure_of_that_step() {
    let path = value!({"type": "Deed", "config": {"what": "pay"}, "inputs": {"of": "car.done.id"}});
    let kind = value!({"type": "Sort", "inputs": {"data": "car.done"}});
    for (action, code) in [(path, "connection.path"), (kind, "input.kind")] {
        let (outcome, deeds) = run(&saga(vec![booking("car"), pay(action)], "branch"));
        let results = outcome.expect("the branch is taken");
        let error = results.get("ill", "result").and_then(|given| given.get("error")?.get("code")).cloned();
        assert_eq!(error, Some(value!(code)));
        assert_eq!(deeds, ["car", "cancel of \"car\""], "{code}");
    }
}

#[test]
fn actions_and_compensations_may_be_workflows() {
    let workflow = |what: &str, next: &str| {
        value!({
            "nodes": [{"id": "first", "type": "Deed", "config": {"what": what}}, {"id": "second", "type": "Deed", "config": {"what": next}}],
            "connections": [{"from_node": "first", "from_output": "done", "to_node": "second", "to_input": "of"}],
        })
    };
    let step = value!({
        "id": "car",
        "action": {"workflow": (workflow("reserve", "book")), "inputs": {"first.of": "inputs.who"}},
        "compensation": {"workflow": (workflow("stop", "cancel")), "inputs": {"first.of": "action.second_done"}},
    });
    let pay = value!({"id": "pay", "action": {"workflow": {
        "nodes": [{"id": "card", "type": "Deed", "config": {"what": "card"}}, {"id": "bank", "type": "Deed", "config": {"what": "bank", "fails": 9}}],
        "connections": [{"from_node": "card", "from_output": "done", "to_node": "bank", "to_input": "of"}],
    }}});
    let mut builder = WorkflowBuilder::new("workflows");
    builder.add_node("SagaCoordinator", "saga", value!({"steps": [step, pay], "who": "Ada"}));
    let (outcome, deeds) = run(&builder.build(&registry()).expect("the saga is sound"));
    let unfinished = outcome.expect_err("the run is not completed");
    assert!(
        unfinished.error.message().contains("step `pay` failed: bank is refused"),
        "{}",
        unfinished.error
    );
    let expected =
        ["reserve of \"Ada\"", "book of \"reserve\"", "card", "stop of \"book\"", "cancel of \"stop\""];
    assert_eq!(deeds, expected, "what a failed step did itself is its own business");
}

#[test]
fn a_saga_may_be_a_step_of_a_saga() {
    let inner = |last: Value| {
        let config = value!({"steps": [(booking("car")), (pay(last))]});
        value!({"id": "inner", "action": {"type": "SagaCoordinator", "config": config}, "compensation": (deed("undo inner"))})
    };
    let (outcome, deeds) = run(&saga(vec![booking("bus"), inner(refused("pay"))], "branch"));
    outcome.expect("the branch is taken");
    assert_eq!(deeds, ["bus", "car", "cancel of \"car\"", "cancel of \"bus\""]);
    let last = value!({"id": "last", "action": (refused("last"))});
    let (outcome, deeds) = run(&saga(vec![booking("bus"), inner(deed("pay")), last], "branch"));
    outcome.expect("the branch is taken");
    assert_eq!(deeds, ["bus", "car", "pay", "undo inner", "cancel of \"bus\""]);
}

#[tokio::test]
async fn a_cancelled_saga_is_not_taken_back() {
    let wait = value!({"id": "wait", "action": {"type": "SignalWait", "config": {"signal_name": "go"}}});
    let world = World::default();
    let runtime = LocalRuntime::new(world.services());
    let handle =
        runtime.start(&saga(vec![booking("car"), wait], "branch"), Params::new()).expect("it begins");
    while world.deeds().is_empty() {
        tokio::task::yield_now().await;
    }
    handle.cancel();
    let Err(RunError::Unfinished(ended)) = handle.await else { panic!("it was cancelled") };
    assert_eq!((ended.status, ended.error.kind()), (RunStatus::Cancelled, ErrorKind::Cancelled));
    assert_eq!(world.deeds(), ["car"]);
}

//! Runs from code that is not async, and without an executor.

use kailash_core::{value, workflow::Params};

use super::{
    Make,
    lab::{Lab, codes, out},
    node::{FLAVOURS, Node, one},
};
use crate::RunError;

fn mixed(make: &Make) -> Lab {
    let mut lab = Lab::new(make);
    lab.node("start", Node::give(1));
    let mut before = "start".to_owned();
    for flavour in FLAVOURS {
        let id = format!("{flavour:?}");
        let node = Node::with(flavour, |inputs, _| one(inputs.int(0)?.unwrap_or(0) * 2));
        lab.node(&id, node.needs(&["x"])).wire(&format!("{before}.out"), &format!("{id}.x"));
        before = id;
    }
    lab.node(
        "limited",
        Node::compute(|inputs, _| one(inputs.int(0)?.unwrap_or(0) + 1)).needs(&["x"]).timeout_ms(60_000),
    );
    lab.wire(&format!("{before}.out"), "limited.x");
    lab
}

pub(super) async fn blocking_execution_works_outside_any_executor(make: Make) {
    let lab = mixed(&make);
    let (runtime, workflow) = lab.ready();
    let thread = std::thread::spawn(move || runtime.execute(&workflow, Params::new()));
    let (results, _) = thread.join().expect("no panic").expect("the run completes");
    assert_eq!(*out(&results, "limited"), value!(17));
}

pub(super) async fn blocking_execution_works_inside_executors_of_both_kinds(make: Make) {
    for threads in [0, 2] {
        let lab = mixed(&make);
        let (runtime, workflow) = lab.ready();
        let thread = std::thread::spawn(move || {
            let mut builder = match threads {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let executor = builder.enable_all().build().expect("an executor");
            executor.block_on(async { runtime.execute(&workflow, Params::new()) })
        });
        let (results, _) = thread.join().expect("no panic").expect("the run completes");
        assert_eq!(*out(&results, "limited"), value!(17), "{threads} threads");
    }
}

pub(super) async fn async_execution_works_on_an_executor_with_one_thread(make: Make) {
    let lab = mixed(&make);
    let (runtime, workflow) = lab.ready();
    let thread = std::thread::spawn(move || {
        let executor =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an executor");
        executor.block_on(runtime.execute_async(&workflow, Params::new()))
    });
    let (results, _) = thread.join().expect("no panic").expect("the run completes");
    assert_eq!(*out(&results, "limited"), value!(17));
}

pub(super) async fn async_execution_without_an_executor_is_a_clear_error(make: Make) {
    let lab = mixed(&make);
    let (runtime, workflow) = lab.ready();
    let thread = std::thread::spawn(move || {
        let awaited = futures_util::FutureExt::now_or_never(runtime.execute_async(&workflow, Params::new()));
        (awaited.expect("it is refused at once"), runtime.start(&workflow, Params::new()).err())
    });
    let (awaited, started) = thread.join().expect("no panic");
    for refused in [awaited.err(), started] {
        let Some(RunError::Refused(issues)) = refused else { panic!("refused, not {refused:?}") };
        assert_eq!(codes(&issues), ["runtime.executor"]);
        assert!(issues.to_string().contains("use `execute`"), "the hint says what to do: {issues}");
    }
}

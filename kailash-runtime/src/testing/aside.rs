//! Runs that are put aside and go on later: because nothing is left but to wait, or because their process is to end.

use std::sync::Arc;

use kailash_core::{
    ErrorKind, RunId, RunStatus, Text, Value,
    event::What,
    exec::{Clock, MemoryBlobStore, MemoryRunLog, SystemClock},
    node::Wake,
    value,
    workflow::Params,
};

use super::{
    Make,
    events::record,
    lab::{Lab, out},
    node::{FLAVOURS, Flavour, Node, one},
    suspension::{for_go, in_ms, waits},
    tools::{Counter, Gate},
};
use crate::{Journal, NodeStatus, RunError, Start, Wait};

/// A lab whose runs are put aside, with the journal that knows them.
fn parking(make: &Make) -> (Lab, Journal) {
    let journal = Journal::new(Arc::new(MemoryRunLog::default()), Arc::new(MemoryBlobStore::default()));
    let mut lab = Lab::new(make);
    lab.settings.journal = Some(journal.clone());
    lab.settings.park = true;
    (lab, journal)
}

fn parked(outcome: crate::Outcome) -> Wait {
    match outcome {
        Err(RunError::Suspended { wait, .. }) => wait,
        other => panic!("the run is put aside, but: {other:?}"),
    }
}

pub(super) async fn a_run_is_put_aside_and_goes_on_where_it_was(make: Make) {
    for flavour in FLAVOURS {
        let (mut lab, journal) = parking(&make);
        let (before, calls) = (Counter::default(), Counter::default());
        let counted = before.clone();
        lab.node(
            "before",
            Node::inline(move |_, _| {
                counted.hit();
                one(1)
            }),
        );
        lab.node("waits", waits(flavour, &calls, for_go)).wire("before.out", "waits.x");
        let (runtime, workflow) = lab.ready();
        let handle = runtime.start(&workflow, Params::new()).expect("it starts");
        let (run, late) = (handle.id(), handle.control());
        let wait = parked(handle.await);
        assert_eq!(wait, Wait { until: None, signals: vec!["go".into()] });
        assert_eq!(late.signal("go", 0).await.expect_err("it is aside").code(), "run.over");
        assert_eq!(journal.summary(run).await.expect("known").wait, Some(wait.clone()));

        let past = journal.past(run).await.expect("known");
        let again = runtime.resume(&workflow, past).expect("it goes on");
        assert_eq!(parked(again.await), wait, "nothing woke it");

        let past = journal.past(run).await.expect("known");
        let start = Start { signal: Some(("go".into(), value!(5))), ..Start::default() };
        let handle = runtime.resume_with(&workflow, past, start).expect("it goes on");
        let (results, _) = handle.await.expect("the run completes");
        assert_eq!(*out(&results, "waits"), value!(5), "{flavour:?}");
        assert_eq!((before.get(), calls.get()), (1, 2), "{flavour:?}: what was done is not done again");
        assert_eq!(journal.summary(run).await.expect("known").wait, None);
    }
}

pub(super) async fn a_run_put_aside_is_woken_by_time_that_came_meanwhile(make: Make) {
    let (mut lab, journal) = parking(&make);
    let calls = Counter::default();
    lab.node("waits", waits(Flavour::Future, &calls, || Wake::At(in_ms(30))));
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let run = handle.id();
    let until = parked(handle.await).until.expect("a time");
    tokio::time::sleep(until.saturating_since(SystemClock::default().now())).await;
    let past = journal.past(run).await.expect("known");
    let handle = runtime.resume(&workflow, past).expect("it goes on");
    assert_eq!(*out(&handle.await.expect("the run completes").0, "waits"), value!("time"));
}

pub(super) async fn a_signal_sent_before_a_run_was_put_aside_is_not_lost(make: Make) {
    let (mut lab, journal) = parking(&make);
    let (calls, signalled) = (Counter::default(), Gate::default());
    let held = signalled.clone();
    // Until it has ended, the run is not put aside.
    lab.node(
        "busy",
        Node::future(move |_, _| {
            let held = held.clone();
            async move {
                held.pass().await;
                one(1)
            }
        }),
    );
    lab.node("first", waits(Flavour::Inline, &calls, for_go));
    let later = waits(Flavour::Inline, &calls, || Wake::Signal("later".into()));
    lab.node("second", later).wire("first.out", "second.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let run = handle.id();
    handle.control().signal("later", 2).await.expect("it is kept");
    signalled.open(1);
    assert_eq!(parked(handle.await).signals, ["go"]);
    let past = journal.past(run).await.expect("known");
    let start = Start { signal: Some(("go".into(), value!(1))), ..Start::default() };
    let handle = runtime.resume_with(&workflow, past, start).expect("it goes on");
    let (results, _) = handle.await.expect("the run completes");
    assert_eq!((out(&results, "first"), out(&results, "second")), (&value!(1), &value!(2)));
}

pub(super) async fn a_run_that_can_keep_no_more_signals_still_takes_the_one_it_waits_for(make: Make) {
    let (mut lab, journal) = parking(&make);
    let full = Gate::default();
    let held = full.clone();
    // Until it has ended, the run is not put aside.
    lab.node(
        "busy",
        Node::future(move |_, _| {
            let held = held.clone();
            async move {
                held.pass().await;
                one(1)
            }
        }),
    );
    lab.node("waits", waits(Flavour::Inline, &Counter::default(), for_go));
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let (run, control) = (handle.id(), handle.control());
    while control.signal("other", 0).await.is_ok() {}
    full.open(1);
    assert_eq!(parked(handle.await).signals, ["go"]);
    let with = |name: &str| Start { signal: Some((name.into(), value!(5))), ..Start::default() };
    let past = journal.past(run).await.expect("known");
    match runtime.resume_with(&workflow, past, with("other")) {
        Err(RunError::Refused(issues)) => assert_eq!(issues.0[0].code, "run.signals"),
        other => panic!("there is no room, but: {:?}", other.map(|handle| handle.id())),
    }
    let past = journal.past(run).await.expect("known");
    let handle = runtime.resume_with(&workflow, past, with("go")).expect("it goes on");
    assert_eq!(*out(&handle.await.expect("the run completes").0, "waits"), value!(5));
}

pub(super) async fn a_signal_that_nobody_waits_for_is_kept_without_letting_the_run_go_on(make: Make) {
    let (mut lab, journal) = parking(&make);
    let calls = Counter::default();
    let later = waits(Flavour::Inline, &calls, || Wake::Signal("later".into()));
    lab.node("first", waits(Flavour::Inline, &calls, for_go)).node("second", later);
    lab.wire("first.out", "second.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let run = handle.id();
    let wait = parked(handle.await);
    let keep = |name: &str, value: Value| {
        let (name, journal) = (name.into(), journal.clone());
        async move { journal.keep_signal(run, &name, &value).await }
    };
    assert!(keep("later", value!(2)).await.expect("it is kept"));
    assert!(!keep("go", value!(1)).await.expect("known"), "the run is to be resumed with this one");
    assert_eq!(journal.summary(run).await.expect("known").wait, Some(wait), "it waits as before");
    let huge = Value::bytes(vec![7_u8; 16 << 20]);
    let refused = keep("later", huge).await.expect_err("it is too large to be kept");
    assert_eq!((refused.kind(), refused.code()), (ErrorKind::Limit, "run.signals"));

    let past = journal.past(run).await.expect("known");
    let start = Start { signal: Some(("go".into(), value!(1))), ..Start::default() };
    let handle = runtime.resume_with(&workflow, past, start).expect("it goes on");
    let (results, _) = handle.await.expect("the run completes");
    assert_eq!((out(&results, "first"), out(&results, "second")), (&value!(1), &value!(2)));
    assert!(!keep("later", value!(3)).await.expect("known"), "it does not lie aside any more");
}

pub(super) async fn events_of_a_run_that_was_put_aside_are_numbered_on(make: Make) {
    let (mut lab, journal) = parking(&make);
    lab.node("waits", waits(Flavour::Inline, &Counter::default(), for_go));
    lab.node("sleeps", waits(Flavour::Future, &Counter::default(), || Wake::At(in_ms(20))));
    lab.wire("waits.out", "sleeps.x");
    let (runtime, workflow) = lab.ready();
    let mut handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let (run, mut told) = (handle.id(), record(handle.events().expect("nobody took them")).await);
    let mut wait = parked(handle.await);
    let mut signal = Some((Text::from("go"), value!(5)));
    let outcome = loop {
        if let Some(until) = wait.until {
            tokio::time::sleep(until.saturating_since(SystemClock::default().now())).await;
        }
        let past = journal.past(run).await.expect("known");
        let start = Start { signal: signal.take(), ..Start::listened() };
        let mut handle = runtime.resume_with(&workflow, past, start).expect("it goes on");
        told.extend(record(handle.events().expect("nobody took them")).await);
        match handle.await {
            Err(RunError::Suspended { wait: next, .. }) => wait = next,
            outcome => break outcome,
        }
    };
    outcome.expect("the run completes");
    let numbers: Vec<u64> = told.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..told.len() as u64).collect::<Vec<_>>());
    let begun = told.iter().filter(|event| matches!(event.what, What::RunStarted { .. }));
    let resumed = told.iter().filter(|event| matches!(event.what, What::RunResumed { .. }));
    assert!((begun.count(), resumed.count() >= 2) == (1, true), "{told:?}");
    match told.last().map(|event| &event.what) {
        Some(What::RunFinished { duration_ms, .. }) => {
            assert!(*duration_ms >= 20.0, "{duration_ms} ms since it began");
        }
        other => panic!("the end is the last event, not {other:?}"),
    }
}

pub(super) async fn events_of_a_run_that_was_cut_off_never_have_a_number_again(make: Make) {
    let (lab, journal) = {
        let (mut lab, journal) = parking(&make);
        lab.node("never", Node::future(|_, _| std::future::pending()));
        (lab, journal)
    };
    let (runtime, workflow) = lab.ready();
    let (run, mut last) = (RunId::from_u128(7), None);
    for part in 0..3 {
        let start = Start { id: Some(run), ..Start::listened() };
        let mut prepared = match part {
            0 => runtime.prepare(&workflow, Params::new(), start).expect("it begins"),
            _ => {
                let past = journal.past(run).await.expect("known");
                runtime.prepare_resumed(&workflow, past, start).expect("it goes on")
            }
        };
        let (control, mut events) = (prepared.control(), prepared.events().expect("nobody took them"));
        let mut drive = Box::pin(prepared.drive());
        loop {
            let event = tokio::select! {
                event = events.next() => event.expect("it is under way"),
                ended = &mut drive => panic!("it never ends, but: {ended:?}"),
            };
            assert!(last.replace(event.seq) < Some(event.seq), "part {part}: {event:?}");
            if matches!(event.what, What::NodeStarted) {
                break;
            }
        }
        // The journal has begun; then the process ends.
        tokio::select! {
            recorded = control.recorded() => recorded.expect("the journal takes it"),
            ended = &mut drive => panic!("it never ends, but: {ended:?}"),
        }
        drop(drive);
    }
}

pub(super) async fn a_run_that_is_wound_down_ends_what_is_under_way_and_goes_on_later(make: Make) {
    let (mut lab, journal) = parking(&make);
    let (begun, go, calls) = (Gate::default(), Gate::default(), Counter::default());
    let (opened, passed, counted) = (begun.clone(), go.clone(), calls.clone());
    let slow = Node::future(move |_, _| {
        let (opened, passed, counted) = (opened.clone(), passed.clone(), counted.clone());
        async move {
            counted.hit();
            opened.open(1);
            passed.pass().await;
            one(1)
        }
    });
    let after = calls.clone();
    let last = Node::with(Flavour::Compute, move |inputs, _| {
        after.hit();
        one(inputs.int(0)?.unwrap_or(0) + 1)
    });
    lab.node("slow", slow).node("last", last.takes(&["x"])).wire("slow.out", "last.x");
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    let run = handle.id();
    begun.pass().await;
    handle.control().wind_down().expect("it has a journal");
    go.open(1);
    assert!(parked(handle.await).until.is_some(), "it can go on at once");
    assert_eq!(calls.get(), 1, "what was under way came to its end, and nothing more began");
    let past = journal.past(run).await.expect("known");
    let (results, _) = runtime.resume(&workflow, past).expect("it goes on").await.expect("it completes");
    assert_eq!((out(&results, "last"), calls.get()), (&value!(2), 2));
}

pub(super) async fn a_run_without_a_journal_cannot_be_wound_down(make: Make) {
    let mut lab = Lab::new(&make);
    lab.node("waits", waits(Flavour::Inline, &Counter::default(), for_go));
    let (runtime, workflow) = lab.ready();
    let handle = runtime.start(&workflow, Params::new()).expect("it starts");
    assert_eq!(handle.control().wind_down().expect_err("nothing knows it").code(), "journal.none");
    handle.cancel();
}

pub(super) async fn a_run_is_recorded_before_it_is_admitted_and_holds_its_permit_to_the_end(make: Make) {
    let (mut lab, journal) = parking(&make);
    let (go, calls, given_back) = (Gate::default(), Counter::default(), Gate::default());
    let counted = calls.clone();
    lab.node(
        "node",
        Node::inline(move |_, _| {
            counted.hit();
            one(1)
        }),
    );
    let (runtime, workflow) = lab.ready();
    let (admitted, permit) = (go.clone(), given_back.clone());
    let start = Start {
        id: Some(RunId::from_u128(7)),
        labels: [("who".into(), value!("me"))].into_iter().collect(),
        admission: Some(Box::pin(async move {
            admitted.pass().await;
            Box::new(permit.on_drop()) as crate::Permit
        })),
        ..Start::default()
    };
    let handle = runtime.start_with(&workflow, Params::new(), start).expect("it starts");
    handle.control().recorded().await.expect("the journal takes it");
    let summary = journal.summary(RunId::from_u128(7)).await.expect("known");
    assert_eq!((summary.status(), summary.labels.get("who")), (RunStatus::Running, Some(&value!("me"))));
    assert_eq!(calls.get(), 0, "it was not admitted");
    go.open(1);
    handle.await.expect("it completes");
    given_back.pass().await;
}

pub(super) async fn a_run_cancelled_before_it_is_admitted_runs_nothing(make: Make) {
    let mut lab = Lab::new(&make);
    let calls = Counter::default();
    let counted = calls.clone();
    lab.node(
        "node",
        Node::inline(move |_, _| {
            counted.hit();
            one(1)
        }),
    );
    let (runtime, workflow) = lab.ready();
    let start = Start { admission: Some(Box::pin(std::future::pending())), ..Start::default() };
    let handle = runtime.start_with(&workflow, Params::new(), start).expect("it starts");
    handle.cancel();
    assert_eq!(super::lab::unfinished(handle.await).status, RunStatus::Cancelled);
    assert_eq!(calls.get(), 0);
}

pub(super) async fn what_a_run_gave_is_recalled_from_its_journal(make: Make) {
    let (mut lab, journal) = parking(&make);
    lab.settings.on_failure = kailash_core::exec::FailurePolicy::SkipDependents;
    lab.node("first", Node::give(1)).node("then", Node::pass()).wire("first.out", "then.x");
    lab.node("fails", Node::fail("test.no")).node("skipped", Node::pass()).wire("fails.out", "skipped.x");
    let (runtime, workflow) = lab.ready();
    let outcome = runtime.execute_async(&workflow, Params::new()).await;
    let ended = super::lab::unfinished(outcome);
    let recalled = runtime.recall(&workflow, journal.past(ended.run).await.expect("known")).expect("it is");
    assert_eq!(recalled.to_map(), ended.results.to_map());
    for (node, status) in
        [("then", NodeStatus::Done), ("fails", NodeStatus::Failed), ("skipped", NodeStatus::Skipped)]
    {
        assert_eq!(recalled.status(node), Some(status), "{node}");
    }
}

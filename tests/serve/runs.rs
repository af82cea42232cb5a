//! Runs are listed, cancelled, signalled, forgotten, and go on after the host was stopped.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::support::{Served, inputs, read};

fn ids(told: &Json) -> Vec<String> {
    told["runs"].as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_listed_newest_first_in_pages_and_by_what_is_asked_for() {
    let served = Served::new().await;
    let mut runs = Vec::new();
    for n in 0..5 {
        let (_, told) = served.post("/workflows/count/execute", &inputs(n)).await;
        runs.insert(0, told["run_id"].as_str().unwrap().to_owned());
    }
    served.post("/workflows/broken/execute", &json!({})).await;
    let (_, page) = served.get("/runs?workflow=count&limit=3").await;
    assert_eq!(ids(&page), runs[..3]);
    let (_, rest) =
        served.get(&format!("/runs?workflow=count&limit=3&before={}", page["next"].as_str().unwrap())).await;
    assert_eq!((ids(&rest), &rest["next"]), (runs[3..].to_vec(), &Json::Null));
    let (_, failed) = served.get("/runs?status=failed").await;
    assert_eq!(failed["runs"][0]["workflow_id"], "broken");
    for wrong in ["limit=0", "limit=1001", "limit=x", "status=odd", "before=odd", "colour=red"] {
        assert_eq!(
            served.get(&format!("/runs?{wrong}")).await.0,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_cancelled_whether_it_runs_or_waits() {
    let served = Served::new().await;
    let (runs, waits) = (served.begin("hold").await, served.begin("wait").await);
    served.world.holding(1).await;
    served.until(&waits, "suspended").await;
    for run in [runs, waits] {
        let (status, told) = served.post(&format!("/runs/{run}/cancel"), &json!({})).await;
        assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("cancelled")), "{told}");
        let (status, told) = served.post(&format!("/runs/{run}/cancel"), &json!({})).await;
        assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("run.ended")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_run_says_what_it_waits_for_and_a_signal_lets_it_go_on_after_a_restart() {
    let served = Served::new().await;
    let run = served.begin("wait").await;
    let told = served.until(&run, "suspended").await;
    assert_eq!(told["waits"]["signals"], json!(["go"]));
    let served = served.restarted(&[]).await;
    assert_eq!(served.get(&format!("/status/{run}")).await.1["status"], "suspended");
    let (status, _) =
        served.post(&format!("/runs/{run}/signal"), &json!({"name": "go", "value": [1, 2]})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let told = served.until(&run, "completed").await;
    assert_eq!(told["outputs"]["wait"]["signal_data"], json!([1, 2]));
    let (status, told) = served.post(&format!("/runs/{run}/signal"), &json!({"name": "go"})).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("run.ended")));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_that_nobody_waits_for_are_kept_within_a_limit_and_the_run_stays_aside() {
    let served = Served::new().await;
    let run = served.begin("wait").await;
    served.until(&run, "suspended").await;
    let path = format!("/runs/{run}/signal");
    let large = json!({"name": "other", "value": "x".repeat(3 << 20)});
    for _ in 0..5 {
        assert_eq!(served.post(&path, &large).await.0, StatusCode::NO_CONTENT);
    }
    let (status, refused) = served.post(&path, &large).await;
    assert_eq!(
        (status, &refused["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("run.signals")),
        "{refused}"
    );
    assert_eq!(served.get(&format!("/status/{run}")).await.1["waits"]["signals"], json!(["go"]));
    let signal = json!({"name": "go", "value": 7});
    assert_eq!(served.post(&path, &signal).await.0, StatusCode::NO_CONTENT);
    assert_eq!(served.until(&run, "completed").await["outputs"]["wait"]["signal_data"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_node_types_have_another_version_now_stays_as_it_was_and_can_be_cancelled() {
    let served = Served::new().await;
    let run = served.begin("aging").await;
    served.until(&run, "suspended").await;

    let served = served.restarted_with_version::<2>(&[]).await;
    let signal = served.post(&format!("/runs/{run}/signal"), &json!({"name": "go"})).await;
    assert_eq!((signal.0, &signal.1["code"]), (StatusCode::CONFLICT, &json!("run.versions")), "{}", signal.1);
    assert_eq!(served.get(&format!("/status/{run}")).await.1["status"], "suspended");

    let (status, told) = served.post(&format!("/runs/{run}/cancel"), &Json::Null).await;
    assert_eq!((status, &told["status"]), (StatusCode::OK, &json!("cancelled")), "{told}");
    let served = served.restarted(&[]).await;
    assert_eq!(served.get(&format!("/status/{run}")).await.1["status"], "cancelled", "also after a restart");
    let again = served.post(&format!("/runs/{run}/cancel"), &Json::Null).await;
    assert_eq!((again.0, &again.1["code"]), (StatusCode::CONFLICT, &json!("run.ended")));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_at_the_same_time_each_wake_one_run_once() {
    let served = Served::new().await;
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(served.begin("wait").await);
    }
    let signals = runs.iter().flat_map(|run| {
        let served = &served;
        (0..3).map(move |n| async move {
            let body = json!({"name": "go", "value": n});
            served.post(&format!("/runs/{run}/signal"), &body).await.0
        })
    });
    let told = futures_util::future::join_all(signals).await;
    for status in &told {
        assert!([StatusCode::NO_CONTENT, StatusCode::CONFLICT].contains(status), "{status}");
    }
    for run in &runs {
        served.until(run, "completed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_a_time_goes_on_by_itself() {
    let served = Served::new().await;
    let document = json!({
        "format": "1.0", "name": "later",
        "nodes": [{"id": "later", "type": "Delay", "config": {"seconds": 0.3, "data": "done"}}],
    });
    let (status, told) = served.post("/execute", &json!({"workflow": document})).await;
    assert_eq!((status, &told["status"]), (StatusCode::ACCEPTED, &json!("suspended")), "{told}");
    assert!(told["waits"]["until"].is_string());
    let told = served.until(told["run_id"].as_str().unwrap(), "completed").await;
    assert_eq!(told["outputs"]["later"]["data"], "done");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_is_refused_leaves_the_time_of_a_run_as_it_was() {
    let served = Served::with(&["runs.max_running=1", "runs.max_waiting=0"]).await;
    let document = json!({
        "format": "1.0", "name": "later",
        "nodes": [{"id": "later", "type": "SignalWait", "config": {"signal_name": "go", "timeout_s": 1.5, "on_timeout": "branch"}}],
    });
    let (_, told) = served.post("/execute", &json!({"workflow": document})).await;
    let run = told["run_id"].as_str().unwrap();
    served.begin("hold").await;
    served.world.holding(1).await;
    let (status, refused) = served.post(&format!("/runs/{run}/signal"), &json!({"name": "go"})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::TOO_MANY_REQUESTS, &json!("runs.waiting")));
    served.world.open(1);
    served.until(run, "completed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_run_is_forgotten_on_request_and_an_open_one_is_not() {
    let served = Served::new().await;
    let open = served.begin("hold").await;
    let gone = |run: &str| served.request(Method::DELETE, &format!("/runs/{run}")).send();
    let (status, told) = read(gone(&open).await.unwrap()).await;
    assert_eq!((status, &told["code"]), (StatusCode::CONFLICT, &json!("run.open")));
    served.world.open(1);
    served.until(&open, "completed").await;
    assert_eq!(gone(&open).await.unwrap().status(), StatusCode::NO_CONTENT);
    assert_eq!(served.get(&format!("/status/{open}")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(served.get(&format!("/runs/{open}/history")).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_runs_are_kept_than_allowed_and_open_ones_stay() {
    let served = Served::with(&["journal.keep_runs=3"]).await;
    let open = served.begin("wait").await;
    served.until(&open, "suspended").await;
    for n in 0..6 {
        served.post("/workflows/count/execute", &inputs(n)).await;
    }
    let served = served.restarted(&["journal.keep_runs=3"]).await;
    let mut runs = ids(&served.get("/runs").await.1);
    while runs.len() > 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        runs = ids(&served.get("/runs").await.1);
    }
    assert!(runs.len() == 3 && runs.contains(&open), "{runs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runs_history_is_what_its_journal_knows() {
    let served = Served::new().await;
    let (_, told) = served.post("/workflows/broken/execute", &json!({})).await;
    let path = format!("/runs/{}/history", told["run_id"].as_str().unwrap());
    let types = |told: &Json| -> Vec<String> {
        told["history"].as_array().unwrap().iter().map(|h| h["type"].as_str().unwrap().to_owned()).collect()
    };
    let (_, told) = served.get(&path).await;
    assert_eq!(
        (types(&told), &told["next"]),
        (vec!["begun".into(), "failed".into(), "ended".into()], &Json::Null)
    );
    let (_, page) = served.get(&format!("{path}?limit=2")).await;
    assert_eq!((types(&page).len(), &page["next"]), (2, &json!(2)));
    assert_eq!(types(&served.get(&format!("{path}?limit=2&from=2")).await.1), ["ended"]);
    for wrong in ["limit=0", "limit=1001", "from=x", "odd=1"] {
        assert_eq!(
            served.get(&format!("{path}?{wrong}")).await.0,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{wrong}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_times_of_a_run_are_the_same_whoever_tells_them_and_after_a_restart() {
    let served = Served::new().await;
    let (_, told) = served.post("/workflows/count/execute", &inputs(1)).await;
    let times = |told: &Json| ["began", "ended", "execution_time"].map(|time| told[time].clone());
    let run = told["run_id"].as_str().unwrap().to_owned();
    let first = times(&told);
    assert!(first.iter().all(|time| !time.is_null()), "{told}");
    assert_eq!(times(&served.get(&format!("/status/{run}")).await.1), first);
    assert_eq!(times(&served.get("/runs").await.1["runs"][0]), first);
    let served = served.restarted(&[]).await;
    assert_eq!(times(&served.get(&format!("/status/{run}")).await.1), first);
}

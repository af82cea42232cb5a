//! When workers are started, shared and ended.

use super::*;

#[tokio::test]
async fn a_worker_serves_one_call_after_another() {
    let pool = pool();
    assert_eq!(pid(&pool).await, pid(&pool).await);
}

#[tokio::test]
async fn two_calls_overlap() {
    // Each waits for the other to say so through a file, which only trusted code can do.
    let directory = tempfile::tempdir().unwrap();
    let code = "import os, time\nopen(os.path.join(place, mine), 'w').close()\n\
        while not os.path.exists(os.path.join(place, other)): time.sleep(0.001)\nresult = os.getpid()";
    let meet = |mine: &str, other: &str| Call {
        sandbox: Sandbox::Trusted,
        ..with(code, &json!({"place": directory.path(), "mine": mine, "other": other}))
    };
    let pool = PythonPool::new(PythonSettings { max_workers: 2, ..PythonSettings::default() });
    let (one, two) = tokio::join!(run(&pool, meet("a", "b")), run(&pool, meet("b", "a")));
    assert_ne!(one, two);
}

#[tokio::test]
async fn no_more_workers_run_than_may() {
    let pool = PythonPool::new(PythonSettings { max_workers: 2, ..PythonSettings::default() });
    let code = "import os\nresult = os.getpid()";
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { run(&pool, call(code)).await.as_i64().unwrap() })
        })
        .collect();
    let mut pids = std::collections::BTreeSet::new();
    for call in calls {
        pids.insert(call.await.unwrap());
    }
    assert!(pids.len() <= 2, "{pids:?}");
}

#[tokio::test]
async fn trusted_and_restricted_code_never_share_a_worker() {
    let pool = pool_of_one();
    let restricted = pid(&pool).await;
    let worker = watch(restricted);
    let code = "import os\nresult = os.getpid()";
    assert_ne!(run(&pool, trusted(code)).await, json!(restricted));
    // There is room for one, so the other had to go.
    ended(worker).await;
    assert_eq!(
        run(&pool, call("try:\n    open('/etc/passwd')\n    result = True\nexcept OSError: result = False"))
            .await,
        json!(false)
    );
}

#[tokio::test]
async fn a_dropped_call_ends_its_worker() {
    let pool = pool_of_one();
    let worker = watch(pid(&pool).await);
    assert!(worker.is_some());
    let running = tokio::spawn({
        let pool = pool.clone();
        async move { pool.call(call("while True: pass")).await.map(drop) }
    });
    tokio::task::yield_now().await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    ended(worker).await;
    assert_eq!(run(&pool, call("result = 1")).await, json!(1));
}

#[tokio::test]
async fn all_workers_end_with_the_last_handle() {
    let pool = pool();
    let worker = watch(pid(&pool).await);
    let other = pool.clone();
    drop(pool);
    assert_eq!(run(&other, call("result = 1")).await, json!(1));
    drop(other);
    ended(worker).await;
}

#[tokio::test]
async fn shutdown_ends_the_workers_and_refuses_calls() {
    let pool = pool();
    let process = pid(&pool).await;
    pool.shutdown().await;
    assert!(watch(process).is_none(), "the process is gone when the shutdown is done");
    assert!(matches!(fail(&pool, call("result = 1")).await, PythonError::Closed));
}

#[tokio::test]
async fn shutdown_lets_running_calls_end() {
    let pool = pool();
    let running = pool.call(call("import time\ntime.sleep(0.05)\nresult = 1"));
    let (result, ()) = tokio::join!(running, async {
        tokio::task::yield_now().await;
        pool.shutdown().await;
    });
    assert_eq!(value(&result.unwrap()), json!(1));
}

#[tokio::test]
async fn a_worker_that_waits_too_long_ends() {
    let settings = PythonSettings { idle_timeout: Duration::from_millis(50), ..PythonSettings::default() };
    let pool = PythonPool::new(settings);
    let worker = watch(pid(&pool).await);
    ended(worker).await;
    assert_eq!(run(&pool, call("result = 1")).await, json!(1));
}

#[tokio::test]
async fn a_worker_is_replaced_after_its_calls() {
    let pool =
        PythonPool::new(PythonSettings { max_workers: 1, calls_per_worker: 2, ..PythonSettings::default() });
    let (one, two, three) = (pid(&pool).await, pid(&pool).await, pid(&pool).await);
    assert_eq!(one, two);
    assert_ne!(two, three);
}

#[tokio::test]
async fn what_trusted_code_started_ends_with_its_worker() {
    let pool = pool();
    let code = "import subprocess\nresult = subprocess.Popen(['/bin/sleep', '1000']).pid";
    let child = run(&pool, trusted(code)).await.as_i64().unwrap();
    let child = watch(child.try_into().unwrap());
    assert!(child.is_some());
    drop(pool);
    ended(child).await;
}

#[tokio::test]
async fn a_missing_interpreter_is_told_with_a_hint() {
    let settings =
        PythonSettings { interpreter: Some("/nowhere/python3".into()), ..PythonSettings::default() };
    let error = fail(&PythonPool::new(settings), call("result = 1")).await;
    assert!(
        matches!(&error, PythonError::NoInterpreter { hint } if hint.contains("/nowhere/python3")),
        "{error:?}"
    );
    let settings = PythonSettings { interpreter: Some("/bin/true".into()), ..PythonSettings::default() };
    let error = fail(&PythonPool::new(settings), call("result = 1")).await;
    assert!(matches!(&error, PythonError::NoInterpreter { .. }), "{error:?}");
}

#[test]
fn a_pool_is_made_without_a_runtime() {
    drop(pool());
}

/// Not a test by itself: the process that the next test ends.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn keeps_a_worker_busy() {
    let pool = pool_of_one();
    println!("worker {}", pid(&pool).await);
    fail(&pool, call("while True: pass")).await;
}

#[tokio::test]
async fn workers_do_not_outlive_a_process_that_is_killed() {
    use tokio::io::{AsyncBufReadExt, BufReader};

    let (_, module) = module_path!().split_once("::").unwrap();
    let mut process = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([&format!("{module}::keeps_a_worker_busy"), "--exact", "--ignored", "--nocapture"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let worker = loop {
        let line = lines.next_line().await.unwrap().expect("the process tells of its worker");
        if let Some((_, pid)) = line.split_once("worker ") {
            break watch(pid.parse().unwrap());
        }
    };
    assert!(worker.is_some());
    process.kill().await.unwrap();
    ended(worker).await;
}

#[test]
fn one_executor_after_the_other_uses_the_pool() {
    let pool = PythonPool::new(PythonSettings::default());
    for _ in 0..2 {
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reply = executor.block_on(pool.call(call("result = 1 + 1")));
        assert_eq!(reply.unwrap().value, b"2");
    }
}

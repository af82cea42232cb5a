//! What happens to code that takes too much or breaks its worker, and that the pool goes on.

use super::*;

async fn goes_on(pool: &PythonPool) {
    assert_eq!(run(pool, call("result = 'on'")).await, json!("on"));
}

fn short(code: &str) -> Call {
    Call { timeout: Some(Duration::from_millis(100)), ..call(code) }
}

#[tokio::test]
async fn code_that_does_not_end_is_killed() {
    let pool = pool_of_one();
    for (code, mode) in [
        ("while True: pass", Mode::Exec),
        ("import time\nwhile True:\n    try: time.sleep(100)\n    except BaseException: pass", Mode::Exec),
        ("import asyncio\nawait asyncio.sleep(100)", Mode::AsyncExec),
    ] {
        let worker = watch(pid(&pool).await);
        let error = fail(&pool, Call { mode, ..short(code) }).await;
        assert!(matches!(error, PythonError::Timeout { after } if after.as_millis() == 100), "{error:?}");
        assert!(error.retryable());
        ended(worker).await;
        goes_on(&pool).await;
    }
}

#[tokio::test]
async fn endless_printing_is_cut_and_ends_with_its_time() {
    let pool = pool_of_one();
    assert!(matches!(fail(&pool, short("while True: print('x' * 1000)")).await, PythonError::Timeout { .. }));
    goes_on(&pool).await;
}

#[tokio::test]
async fn printed_text_is_cut_at_its_limit() {
    let settings = PythonSettings { max_captured_output: 10, ..PythonSettings::default() };
    let pool = PythonPool::new(settings);
    let printed = pool.call(call("print('abc')\nprint('d' * 100)\nresult = 1")).await.unwrap().printed;
    assert_eq!(printed, "abc\ndddddd\n[output cut after 10 bytes]");
    assert_eq!(pool.call(call("print('ab')\nresult = 1")).await.unwrap().printed, "ab\n");
}

#[tokio::test]
async fn code_that_takes_too_much_memory_is_told_so() {
    for code in [
        "result = len(bytearray(1 << 40))",
        "kept = []\nwhile True: kept.append(bytearray(1 << 20))",
        "kept = []\nwhile True: kept.append([kept])",
        "def f():\n    local = [0]\n    while True: local += local\nf()",
    ] {
        let pool = PythonPool::new(PythonSettings {
            max_workers: 1,
            memory: 128 << 20,
            ..PythonSettings::default()
        });
        let worker = watch(pid(&pool).await);
        let error = fail(&pool, call(code)).await;
        assert!(matches!(error, PythonError::MemoryLimit), "{code}: {error:?}");
        assert!(!error.retryable());
        ended(worker).await;
        goes_on(&pool).await;
    }
}

#[tokio::test]
async fn inputs_that_do_not_fit_are_a_matter_of_memory() {
    let pool =
        PythonPool::new(PythonSettings { max_workers: 1, memory: 128 << 20, ..PythonSettings::default() });
    let error = fail(&pool, with("result = 1", &json!({"v": "x".repeat(150 << 20)}))).await;
    assert!(matches!(error, PythonError::MemoryLimit), "{error:?}");
    goes_on(&pool).await;
}

#[tokio::test]
async fn trusted_code_has_the_same_memory() {
    let pool = pool();
    let error = fail(&pool, trusted("result = len(bytearray(1 << 40))")).await;
    assert!(matches!(error, PythonError::MemoryLimit), "{error:?}");
}

#[tokio::test]
async fn a_result_that_is_too_long_is_refused() {
    let pool =
        PythonPool::new(PythonSettings { max_workers: 1, max_reply: 1000, ..PythonSettings::default() });
    let worker = watch(pid(&pool).await);
    let error = fail(&pool, call("result = 'x' * 1000")).await;
    assert!(matches!(error, PythonError::OutputLimit { limit: 1000 }), "{error:?}");
    ended(worker).await;
    assert_eq!(run(&pool, call("result = 'x' * 998")).await, json!("x".repeat(998)));
}

#[tokio::test]
async fn code_may_close_its_standard_descriptors() {
    let code = "import os\nfor number in range(10):\n    try: os.close(number)\n    except OSError: pass\nprint('still')\nresult = 1";
    let pool = pool_of_one();
    let reply = pool.call(call(code)).await.unwrap();
    assert_eq!((value(&reply), reply.printed.as_str()), (json!(1), "still\n"));
    goes_on(&pool).await;
}

#[tokio::test]
async fn writing_to_the_standard_descriptors_disturbs_nothing() {
    let code = "import os\nos.write(1, b'garbage')\nos.write(2, b'garbage')\nresult = os.read(0, 10)";
    assert_eq!(run(&pool(), call(code)).await, json!({"$bytes": ""}));
}

#[tokio::test]
async fn a_worker_that_breaks_is_replaced() {
    let pool = pool_of_one();
    for (code, says) in [
        ("import os\nos.write(201, b'g' * 100)\nresult = 1", "out of turn"),
        ("import os\nos.write(201, b'g')\nresult = 1", "out of turn"),
        ("import os\nos._exit(7)", "exit status: 7"),
        ("import os\nos.abort()", "signal: 6"),
        ("import ctypes\nctypes.string_at(0)", "signal: 11"),
        ("import os\nos.closerange(0, 256)\nresult = 1", "exit status: 1"),
    ] {
        let worker = watch(pid(&pool).await);
        let error = fail(&pool, call(code)).await;
        assert!(
            matches!(&error, PythonError::WorkerDied { status } if status.contains(says)),
            "{code}: {error:?}"
        );
        assert!(error.retryable());
        ended(worker).await;
        goes_on(&pool).await;
    }
}

#[tokio::test]
async fn code_that_closes_the_pipe_and_stays_is_killed() {
    let pool = pool_of_one();
    let worker = watch(pid(&pool).await);
    let error = fail(&pool, call("import os\nos.close(201)\nwhile True: pass")).await;
    assert!(
        matches!(&error, PythonError::WorkerDied { status } if status.contains("signal: 9")),
        "{error:?}"
    );
    ended(worker).await;
}

#[tokio::test]
async fn an_answer_prepared_for_the_next_call_is_not_taken() {
    let pool = pool_of_one();
    // An object that writes a well formed answer when the next call lets it go.
    let code = "import os, struct, sys\nframe = struct.pack('<QBBIQ', 0, 0, 0, 0, 1) + b'1'\n\
        class Late:\n    def __del__(self, write=os.write, frame=frame): write(201, frame)\n\
        sys.kept = Late()\nresult = 1";
    goes_on(&pool).await;
    assert_eq!(run(&pool, call(code)).await, json!(1));
    let error = fail(&pool, call("import sys\ndel sys.kept\nresult = 2")).await;
    assert!(matches!(error, PythonError::WorkerDied { .. }), "{error:?}");
}

#[tokio::test]
async fn a_worker_that_died_while_it_was_free_is_not_noticed() {
    let pool = pool_of_one();
    let process = pid(&pool).await;
    let worker = watch(process);
    let process = rustix::process::Pid::from_raw(process).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
    ended(worker).await;
    goes_on(&pool).await;
}

#[tokio::test]
async fn a_worker_with_threads_left_is_replaced() {
    let pool = pool_of_one();
    let worker = watch(pid(&pool).await);
    let code = "import threading, time\nthreading.Thread(target=time.sleep, args=(100,), daemon=True).start()\nresult = 1";
    assert_eq!(run(&pool, call(code)).await, json!(1));
    ended(worker).await;
    goes_on(&pool).await;
}

#[tokio::test]
async fn a_worker_that_keeps_half_of_its_memory_is_replaced() {
    let pool = pool_of_one();
    let worker = pid(&pool).await;
    let passing = "result = len(b'x' * (300 << 20))";
    assert_eq!(run(&pool, call(passing)).await, json!(300 << 20));
    assert_eq!(pid(&pool).await, worker);
    let keeping = "import sys\nsys.kept = b'x' * (300 << 20)\nresult = len(sys.kept)";
    assert_eq!(run(&pool, call(keeping)).await, json!(300 << 20));
    assert_ne!(pid(&pool).await, worker);
}

#[tokio::test]
async fn a_large_parent_does_not_make_its_workers_large() {
    let ballast = vec![1_u8; 300 << 20];
    let pool = pool_of_one();
    assert_eq!(pid(&pool).await, pid(&pool).await);
    drop(std::hint::black_box(ballast));
}

//! How each mode runs code, and what it tells about errors.

use super::*;

fn transform(sources: &[&str], inputs: &Value) -> Call {
    Call { mode: Mode::Transform, ..with(&json!(sources).to_string(), inputs) }
}

async fn transformed(sources: &[&str], data: Value) -> Value {
    run(&pool(), transform(sources, &json!({ "data": data }))).await
}

fn asynchronous(code: &str) -> Call {
    Call { mode: Mode::AsyncExec, ..call(code) }
}

#[tokio::test]
async fn inputs_are_names_and_result_is_the_value() {
    let call = with("result = {'sum': a + b}", &json!({"a": 1, "b": 2}));
    assert_eq!(run(&pool(), call).await, json!({"sum": 3}));
}

#[tokio::test]
async fn a_missing_input_is_a_name_error_that_can_be_caught() {
    let code = "try:\n    c = count\nexcept NameError:\n    c = 0\nresult = {'count': c + 1}";
    assert_eq!(run(&pool(), call(code)).await, json!({"count": 1}));
    assert_eq!(run(&pool(), with(code, &json!({"count": 4}))).await, json!({"count": 5}));
}

#[tokio::test]
async fn functions_and_comprehensions_see_the_inputs() {
    let code =
        "import math\ndef f(x):\n    return math.floor(x * scale)\nresult = [f(x) for x in xs if x < limit]";
    let inputs = json!({"scale": 2, "xs": [1.4, 2.6, 9], "limit": 5});
    assert_eq!(run(&pool(), with(code, &inputs)).await, json!([2, 5]));
}

#[tokio::test]
async fn names_do_not_stay_for_the_next_call() {
    let pool = pool_of_one();
    let first = run(&pool, call("import os\nkept = 1\nresult = os.getpid()")).await;
    let second = run(&pool, call("import os\nresult = [os.getpid(), 'kept' in globals()]")).await;
    assert_eq!(second, json!([first, false]));
}

#[tokio::test]
async fn the_decimal_context_does_not_stay_for_the_next_call() {
    let pool = pool_of_one();
    let set = "import decimal\ndecimal.getcontext().prec = 3\nresult = decimal.getcontext().prec";
    assert_eq!(run(&pool, call(set)).await, json!(3));
    assert_eq!(run(&pool, call("import decimal\nresult = decimal.getcontext().prec")).await, json!(28));
}

#[tokio::test]
async fn what_is_printed_comes_back_in_order() {
    let code = "import sys\nprint('one')\nprint('två', file=sys.stderr)\nsys.stdout.buffer.write(b'3')\nresult = None";
    let pool = pool_of_one();
    assert_eq!(pool.call(call(code)).await.unwrap().printed, "one\ntvå\n3");
    assert_eq!(pool.call(call("result = 1")).await.unwrap().printed, "");
}

#[tokio::test]
async fn code_that_sets_no_result_is_told_so() {
    assert!(matches!(fail(&pool(), call("x = 1")).await, PythonError::NoResult));
}

#[tokio::test]
async fn a_syntax_error_has_its_line() {
    for mode in [Mode::Exec, Mode::AsyncExec] {
        let error = fail(&pool(), Call { mode, ..call("x = 1\ny = = 2\n") }).await;
        assert!(matches!(error, PythonError::Syntax { line: Some(2), .. }), "{error:?}");
    }
    let error = fail(&pool(), call("x = '\0'")).await;
    assert!(matches!(error, PythonError::Syntax { .. }), "{error:?}");
}

#[tokio::test]
async fn an_exception_has_its_line_and_the_frames_of_the_user() {
    let code = "import json\ndef read(text):\n    return json.loads(text)\n\nresult = read('{')";
    let PythonError::Raised { exception, message, line, traceback } = fail(&pool(), call(code)).await else {
        panic!("the code does not raise");
    };
    assert_eq!((exception.as_str(), line), ("JSONDecodeError", Some(3)));
    assert!(message.starts_with("Expecting property name"), "{message}");
    assert!(traceback.starts_with("Traceback (most recent call last):\n  File \"<python>\", line 5, in <module>\n    result = read('{')\n"), "{traceback}");
    assert!(traceback.contains("line 3, in read\n    return json.loads(text)\n"), "{traceback}");
    assert!(traceback.ends_with(&format!("JSONDecodeError: {message}")), "{traceback}");
    assert!(!traceback.contains("decoder.py") && !traceback.contains("run_exec"), "{traceback}");
}

#[tokio::test]
async fn an_exception_keeps_the_worker() {
    let pool = pool_of_one();
    let before = pid(&pool).await;
    fail(&pool, call("1 / 0")).await;
    assert_eq!(pid(&pool).await, before);
}

#[tokio::test]
async fn leaving_the_program_is_an_exception() {
    for (code, expected) in [
        ("import sys\nsys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def f(): f()\nf()", "RecursionError"),
        ("raise ExceptionGroup('two', [ValueError(1)])", "ExceptionGroup"),
        ("class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd", "Odd"),
    ] {
        let error = fail(&pool(), call(code)).await;
        assert!(
            matches!(&error, PythonError::Raised { exception, .. } if exception == expected),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn async_code_awaits_at_the_top_level() {
    let code = "import asyncio\nasync def work(x):\n    await asyncio.sleep(0.001)\n    return x * 2\nresult = await asyncio.gather(work(1), work(2))";
    assert_eq!(run(&pool(), asynchronous(code)).await, json!([2, 4]));
    let code = "import asyncio\nresult = await asyncio.to_thread(sum, [1, 2])";
    assert_eq!(run(&pool(), asynchronous(code)).await, json!(3));
    assert_eq!(run(&pool(), asynchronous("result = 5")).await, json!(5));
}

#[tokio::test]
async fn an_exception_of_async_code_has_its_line() {
    let code = "import asyncio\nasync def work():\n    await asyncio.sleep(0)\n    raise ValueError('no')\nawait work()";
    let error = fail(&pool(), asynchronous(code)).await;
    assert!(matches!(error, PythonError::Raised { line: Some(4), .. }), "{error:?}");
}

#[tokio::test]
async fn code_that_is_not_async_can_run_a_loop_of_its_own() {
    let code = "import asyncio\nasync def work():\n    return 7\nresult = asyncio.run(work())";
    assert_eq!(run(&pool(), call(code)).await, json!(7));
}

#[tokio::test]
async fn a_lambda_of_one_parameter_is_mapped_over_a_list() {
    assert_eq!(transformed(&["lambda x: x * 2"], json!([1, 2, 3])).await, json!([2, 4, 6]));
    assert_eq!(transformed(&["lambda x: x * 2"], json!(4)).await, json!(8));
    assert_eq!(transformed(&["lambda x: x['a']"], json!({"a": 1})).await, json!(1));
    assert_eq!(transformed(&["lambda *xs: len(xs[0])"], json!([1, 2, 3])).await, json!(3));
}

#[tokio::test]
async fn one_def_is_called_like_a_lambda() {
    assert_eq!(transformed(&["def f(x):\n    return x + 1\n"], json!([1, 2])).await, json!([2, 3]));
}

#[tokio::test]
async fn an_expression_sees_the_value_and_other_names() {
    let sources = ["[y for y in data if y > least]", "\n  sum(x)"];
    let call = transform(&sources, &json!({"data": [1, 5, 7], "least": 2}));
    assert_eq!(run(&pool(), call).await, json!(12));
    assert_eq!(transformed(&["sorted", "len"], json!([3, 1])).await, json!(2));
}

#[tokio::test]
async fn statements_of_a_transform_set_result() {
    let code = "total = 0\nfor item in data:\n    total += item\nresult = {'total': total, 'before': result}";
    assert_eq!(transformed(&[code], json!([1, 2])).await, json!({"total": 3, "before": [1, 2]}));
    let call = transform(&["total = len(data)"], &json!({"data": []}));
    assert!(matches!(fail(&pool(), call).await, PythonError::NoResult));
}

#[tokio::test]
async fn an_error_of_a_transform_tells_which_source_and_line() {
    let sources = ["lambda x: x", "\n\nlambda x: x / 0"];
    let error = fail(&pool(), transform(&sources, &json!({"data": 1}))).await;
    let PythonError::Raised { line, traceback, .. } = error else { panic!("it does not raise") };
    assert_eq!(line, Some(3));
    assert!(
        traceback.contains("File \"<transform 2>\", line 3, in <lambda>\n    lambda x: x / 0"),
        "{traceback}"
    );
    let error = fail(&pool(), transform(&["x ==== 1"], &json!({"data": 1}))).await;
    assert!(matches!(error, PythonError::Syntax { line: Some(1), .. }), "{error:?}");
    for code in ["lambda x: x", "[1]", "{}"] {
        let error = fail(&pool(), Call { mode: Mode::Transform, ..call(code) }).await;
        assert!(matches!(error, PythonError::Syntax { line: None, .. }), "{error:?}");
    }
}

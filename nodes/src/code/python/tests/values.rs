//! Values on their way in and out.

use super::*;

/// Sends a value through code that gives back its input.
async fn there_and_back(input: &Value) -> Value {
    run(&pool(), with("result = v", &json!({ "v": input }))).await
}

async fn result(code: &str) -> Value {
    run(&pool(), call(code)).await
}

async fn misfit(code: &str) -> String {
    match fail(&pool(), call(code)).await {
        PythonError::NotJson { message } => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn json_comes_back_as_it_went() {
    let input = json!({"a": [1, -2.5, true, null, "é\u{1F600}\n"], "b": {"c": {}}, "big": u64::MAX, "small": i64::MIN});
    assert_eq!(there_and_back(&input).await, input);
}

#[tokio::test]
async fn large_values_pass() {
    let input = json!("x".repeat(5 << 20));
    assert_eq!(there_and_back(&input).await, input);
}

#[tokio::test]
async fn bytes_come_back_as_they_went() {
    let input = json!({"$bytes": "AAEC/w=="});
    assert_eq!(there_and_back(&input).await, input);
    let code = "assert type(v) is bytes\nresult = [list(v), bytearray(b'a'), memoryview(b'b')]";
    assert_eq!(
        run(&pool(), with(code, &json!({ "v": input }))).await,
        json!([[0, 1, 2, 255], {"$bytes": "YQ=="}, {"$bytes": "Yg=="}])
    );
}

#[tokio::test]
async fn arrays_come_back_as_they_went() {
    for (dtype, data) in [
        ("f64", "AAAAAAAA8D8AAAAAAAAEQA=="),
        ("f32", "AACAPw=="),
        ("i32", "/////w=="),
        ("u8", "AQID"),
        ("i64", "AgAAAAAAAAA="),
        ("u16", "AQI="),
        ("i8", "/w=="),
        ("u64", "//////////8="),
    ] {
        let input = json!({"$array": {"dtype": dtype, "data": data}});
        assert_eq!(there_and_back(&input).await, input);
    }
    let input = json!({ "v": {"$array": {"dtype": "f64", "data": "AAAAAAAA8D8AAAAAAAAEQA=="}} });
    assert_eq!(
        run(&pool(), with("result = [float(v[0]), sum(v), len(v)]", &input)).await,
        json!([1.0, 3.5, 2])
    );
}

#[tokio::test]
async fn an_array_of_an_unknown_type_is_refused() {
    let input = json!({ "v": {"$array": {"dtype": "c128", "data": ""}} });
    assert!(matches!(fail(&pool(), with("result = 1", &input)).await, PythonError::NotJson { .. }));
}

#[tokio::test]
async fn inputs_that_are_no_object_are_refused() {
    for inputs in ["[1]", "{", "\u{feff}"] {
        let call = Call { inputs: inputs.as_bytes().to_vec(), ..call("result = 1") };
        let error = fail(&pool(), call).await;
        assert!(
            matches!(&error, PythonError::NotJson { message } if message.starts_with("inputs: ")),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn collections_become_lists() {
    assert_eq!(
        result("result = ((1, 2), {3, 1, 2}, frozenset('ba'), len({1, 'a'}))").await,
        json!([[1, 2], [1, 2, 3], ["a", "b"], 2])
    );
    let mixed = result("result = {1, 'a'}").await;
    assert_eq!(mixed.as_array().unwrap().len(), 2);
    assert_eq!(result("from collections import namedtuple, OrderedDict, Counter\nresult = [namedtuple('P', 'x y')(1, 2), OrderedDict(a=1), Counter('aa')]").await, json!([[1, 2], {"a": 1}, {"a": 2}]));
}

#[tokio::test]
async fn keys_become_text() {
    assert_eq!(
        result("result = {1: 'a', 2.5: 'b', True: 'c', None: 'd'}").await,
        json!({"1": "c", "2.5": "b", "null": "d"})
    );
    assert_eq!(misfit("result = {'a': [{(1, 2): 3}]}").await, "result['a'][0] has a key of type tuple");
}

#[tokio::test]
async fn dates_and_decimals_have_a_form() {
    let code = "import datetime as d, decimal\nresult = [d.date(2024, 2, 29), d.datetime(2024, 2, 29, 12, 30), d.time(1, 2), decimal.Decimal('1.5')]";
    assert_eq!(result(code).await, json!(["2024-02-29", "2024-02-29T12:30:00", "01:02:00", 1.5]));
}

#[tokio::test]
async fn integers_beyond_64_bits_are_read_as_floats() {
    assert_eq!(result("result = 2 ** 70").await, json!(2f64.powi(70)));
    let reply = pool().call(call("result = 2 ** 70")).await.unwrap();
    assert_eq!(reply.value, b"1180591620717411303424");
}

#[tokio::test]
async fn what_has_no_form_is_named_with_its_place() {
    assert_eq!(
        misfit("result = {'p': [1, float('nan')]}").await,
        "result['p'][1] is nan, which JSON cannot hold"
    );
    assert_eq!(misfit("result = -float('inf')").await, "result is -inf, which JSON cannot hold");
    assert_eq!(
        misfit("result = {'f': print}").await,
        "result['f'] is of type builtin_function_or_method, which cannot be returned"
    );
    assert_eq!(
        misfit("class Thing: pass\nresult = [Thing()]").await,
        "result[0] is of type Thing, which cannot be returned"
    );
    assert_eq!(misfit("result = []\nresult.append(result)").await, "result[0] contains itself");
    assert_eq!(
        misfit("result = ['\\ud800']").await,
        "result[0] holds half a surrogate pair, which is not text"
    );
    assert!(misfit("result = 10 ** 5000").await.contains("too many digits"));
    assert!(misfit("result = []\nfor _ in range(100000): result = [result]").await.contains("too deep"));
}

/// Runs only what the interpreter at hand has; the rest of its kinds are tested by the array module.
#[tokio::test]
async fn numpy_values_become_plain_ones() {
    let code = "
try:
    import numpy as n
    result = [n.int64(3), n.float32(0.5), n.bool_(True), n.arange(2, dtype='i4'), n.eye(2), n.array([1.5])[::1]]
except ImportError:
    import array
    result = [3, 0.5, True, array.array('i', [0, 1]), [[1.0, 0.0], [0.0, 1.0]], array.array('d', [1.5])]
";
    assert_eq!(
        result(code).await,
        json!([3, 0.5, true, {"$array": {"dtype": "i32", "data": "AAAAAAEAAAA="}}, [[1.0, 0.0], [0.0, 1.0]],
            {"$array": {"dtype": "f64", "data": "AAAAAAAA+D8="}}])
    );
}

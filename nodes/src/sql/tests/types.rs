//! Values on their way into a database and back.

use kailash_core::{Value, value};

use super::{Bench, both};

#[tokio::test]
async fn common_values_come_back_as_they_went() {
    for bench in both().await {
        let bytes = if bench.is_server { "BYTEA" } else { "BLOB" };
        let create =
            format!("CREATE TABLE t (i BIGINT, f DOUBLE PRECISION, s TEXT, b BOOLEAN, x {bytes}, n INTEGER)");
        bench.all([create.as_str()]).await;
        let blob = Value::bytes(vec![0_u8, 1, 255]);
        for row in [
            value!([(i64::MAX), 0.1, "käse\n'\"", true, (blob.clone()), null]),
            value!([(i64::MIN), (-1.5e300), "", false, (Value::bytes(Vec::new())), 7]),
        ] {
            bench.sql("DELETE FROM t", Value::Null).await.unwrap();
            bench.sql("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", row.clone()).await.unwrap();
            assert_eq!(bench.rows("SELECT * FROM t", Value::Null).await, Value::list(vec![row]));
        }
    }
}

#[tokio::test]
async fn a_large_blob_comes_back_whole() {
    for bench in both().await {
        let bytes = if bench.is_server { "BYTEA" } else { "BLOB" };
        bench.all([format!("CREATE TABLE t (x {bytes})").as_str()]).await;
        let blob: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let blob = Value::bytes(blob);
        bench.sql("INSERT INTO t VALUES (?)", value!([(blob.clone())])).await.unwrap();
        assert_eq!(bench.rows("SELECT x FROM t", Value::Null).await, value!([[blob]]));
    }
}

/// What goes in, the type it goes through, what comes out.
#[tokio::test]
async fn every_type_of_postgres_has_a_form() {
    let bench = Bench::postgres().await;
    bench
        .all([
            "CREATE TYPE mood AS ENUM ('sad', 'so \"so\"')",
            "CREATE DOMAIN small AS int CHECK (VALUE < 9)",
        ])
        .await;
    let id = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    for (type_name, given, expected) in [
        ("int2", value!(-3), value!(-3)),
        ("int4", value!("42"), value!(42)),
        ("int8", value!(7.0), value!(7)),
        ("float4", value!(1.5), value!(1.5)),
        ("float8", value!(3), value!(3.0)),
        ("bool", value!("yes"), value!(true)),
        ("text", value!(5), value!("5")),
        ("varchar(3)", value!("abc"), value!("abc")),
        ("char(3)", value!("a"), value!("a  ")),
        ("\"char\"", value!("a"), value!("a")),
        ("name", value!("a"), value!("a")),
        ("bytea", (Value::bytes(vec![0_u8, 200])), (Value::bytes(vec![0_u8, 200]))),
        ("numeric", value!("12345678901234567890.0012300"), value!("12345678901234567890.0012300")),
        ("numeric", value!(-17), value!(-17)),
        ("numeric(10,2)", value!(1.5), value!("1.50")),
        ("numeric", value!("123456789012345678901234567890"), value!("123456789012345678901234567890")),
        ("date", value!("2024-02-29"), value!("2024-02-29")),
        ("time", value!("23:59:59.25"), value!("23:59:59.25")),
        ("timetz", value!("12:00:00+02"), value!("12:00:00+02:00")),
        ("timestamp", value!("1969-12-31 23:00:00.5"), value!("1969-12-31T23:00:00.5")),
        ("timestamptz", value!("2024-05-01T12:00:00+02:00"), value!("2024-05-01T10:00:00Z")),
        ("timestamptz", value!("infinity"), value!("infinity")),
        ("interval", value!("1 year 2 days 3.5 seconds"), value!("P1Y2DT3.5S")),
        ("uuid", value!(id), value!(id)),
        ("inet", value!("10.0.0.1/8"), value!("10.0.0.1/8")),
        ("cidr", value!("2001:db8::/32"), value!("2001:db8::/32")),
        ("json", value!({"a": [1, null]}), value!({"a": [1, null]})),
        ("jsonb", value!([1, {"b": "x"}]), value!([1, {"b": "x"}])),
        ("jsonb", value!("{\"a\": 1}"), value!({"a": 1})),
        ("int4[]", value!([1, null, 3]), value!([1, null, 3])),
        ("text[]", value!(["a,b", "\"}", null, ""]), value!(["a,b", "\"}", null, ""])),
        ("int4[]", value!([[1, 2], [3, 4]]), value!([[1, 2], [3, 4]])),
        ("timestamptz[]", value!(["2024-01-01T00:00:00Z"]), value!(["2024-01-01T00:00:00Z"])),
        ("jsonb[]", value!([{"a": "\"q\""}, [1]]), value!([{"a": "\"q\""}, [1]])),
        ("text[]", value!([]), value!([])),
        ("mood", value!("so \"so\""), value!("so \"so\"")),
        ("mood[]", value!(["sad"]), value!(["sad"])),
        ("small", value!(8), value!(8)),
        ("xml", value!("<a/>"), value!("<a/>")),
    ] {
        bench.all(["DROP TABLE IF EXISTS t", format!("CREATE TABLE t (x {type_name})").as_str()]).await;
        bench.sql("INSERT INTO t VALUES (?)", value!([(given.clone())])).await.unwrap();
        assert_eq!(
            bench.rows("SELECT x FROM t", Value::Null).await,
            value!([[(expected.clone())]]),
            "{type_name}"
        );
        let bulk = bench.bulk(value!({"table": "t", "on_conflict": "error"}));
        bulk.run(value!({"rows": [{"x": (given.clone())}, {"x": null}]})).await.unwrap();
        let rows = bench.rows("SELECT x FROM t", Value::Null).await;
        assert_eq!(rows, value!([[(expected.clone())], [expected], [null]]), "{type_name}");
    }
}

#[tokio::test]
async fn numbers_without_a_form_in_json_come_through_postgres() {
    let bench = Bench::postgres().await;
    let rows =
        bench.rows("SELECT ?::float8, ?::numeric", value!([(f64::INFINITY), (f64::NEG_INFINITY)])).await;
    assert_eq!(rows, value!([[(f64::INFINITY), (f64::NEG_INFINITY)]]));
}

#[tokio::test]
async fn a_type_without_a_form_is_named_with_the_way_around() {
    let bench = Bench::postgres().await;
    let error = bench.sql("SELECT point(1, 2) AS here", Value::Null).await.unwrap_err();
    assert_eq!((error.code(), error.place()), ("sql.type", Some("column here")));
    assert_eq!(bench.rows("SELECT point(1, 2)::text", Value::Null).await, value!([["(1,2)"]]));
}

#[tokio::test]
async fn sqlite_keeps_lists_as_json_and_refuses_what_it_has_no_form_for() {
    let bench = Bench::sqlite();
    bench.all(["CREATE TABLE t (x)"]).await;
    bench.sql("INSERT INTO t VALUES (?)", value!([{"a": [1]}])).await.unwrap();
    assert_eq!(bench.rows("SELECT x FROM t", Value::Null).await, value!([["{\"a\":[1]}"]]));
    assert_eq!(bench.rows("SELECT json_extract(x, '$.a[0]') FROM t", Value::Null).await, value!([[1]]));
    for value in [value!(f64::NAN), value!(u64::MAX)] {
        let error = bench.sql("INSERT INTO t VALUES (?)", value!([value])).await.unwrap_err();
        assert_eq!((error.code(), error.place()), ("sql.parameters", Some("parameter 1")));
    }
    let rows = bench.rows("SELECT CAST(x'ff41' AS TEXT), typeof(1.0), 1.0", Value::Null).await;
    assert_eq!(rows, value!([[(Value::bytes(vec![0xff_u8, 0x41])), "real", 1.0]]));
}

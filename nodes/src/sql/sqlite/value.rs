//! Values to and from SQLite: integers, floats, text and blobs; lists and maps are written as JSON.

use std::borrow::Cow;

use kailash_core::{Error, Result, Value};
use sqlx::{
    Arguments, Column, Decode, Encode, Row, Sqlite, Type, TypeInfo, ValueRef,
    sqlite::{SqliteArguments, SqliteRow, SqliteValueRef},
};

/// The parameters of a statement.
///
/// # Errors
/// Kind `Invalid`, code `sql.parameters`, for a value that SQLite has no form for.
pub(super) fn arguments(values: &[Value]) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    for (index, value) in values.iter().enumerate() {
        let wrong = |message: String| {
            Error::invalid("sql.parameters", message).at(format!("parameter {}", index + 1))
        };
        match value {
            Value::Null => add(&mut arguments, None::<i64>),
            Value::Bool(truth) => add(&mut arguments, *truth),
            Value::Int(number) => add(&mut arguments, *number),
            Value::UInt(number) => {
                return Err(wrong(format!("{number} is more than an integer of SQLite holds")));
            }
            Value::Float(number) if number.is_nan() => {
                return Err(wrong("NaN has no form in SQLite".into()));
            }
            Value::Float(number) => add(&mut arguments, *number),
            Value::Str(text) => add(&mut arguments, text.as_str().to_owned()),
            Value::Bytes(bytes) => add(&mut arguments, bytes.to_vec()),
            Value::Array(_) | Value::List(_) | Value::Map(_) => {
                let json = value.to_json().map_err(|error| wrong(error.message().to_owned()))?;
                add(&mut arguments, json)
            }
        }
        .map_err(|error| wrong(error.to_string()))?;
    }
    Ok(arguments)
}

fn add<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(
    arguments: &mut SqliteArguments,
    value: T,
) -> Result<(), sqlx::error::BoxDynError> {
    Arguments::add(arguments, value)
}

/// The values of a row. A column declared as BOOLEAN gives truth values; text that is not UTF-8 stays bytes.
///
/// # Errors
/// Kind `Internal` where the driver fails.
pub(super) fn cells(row: &SqliteRow) -> Result<Vec<Value>> {
    let failed = |error: String| Error::internal(format!("a value of SQLite cannot be read: {error}"));
    row.columns()
        .iter()
        .enumerate()
        .map(|(index, column)| {
            let raw = row.try_get_raw(index).map_err(|error| failed(error.to_string()))?;
            let is_truth = column.type_info().name() == "BOOLEAN";
            cell(raw, is_truth).map_err(|error| failed(error.to_string()))
        })
        .collect()
}

fn cell(raw: SqliteValueRef<'_>, is_truth: bool) -> Result<Value, sqlx::error::BoxDynError> {
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind: Cow<'_, _> = raw.type_info();
    Ok(match kind.name() {
        "INTEGER" => match <i64 as Decode<Sqlite>>::decode(raw)? {
            number @ (0 | 1) if is_truth => Value::Bool(number == 1),
            number => Value::Int(number),
        },
        "REAL" => Value::Float(<f64 as Decode<Sqlite>>::decode(raw)?),
        "TEXT" => match String::from_utf8(<Vec<u8> as Decode<Sqlite>>::decode(raw)?) {
            Ok(text) => Value::from(text),
            Err(error) => Value::bytes(error.into_bytes()),
        },
        _ => Value::bytes(<Vec<u8> as Decode<Sqlite>>::decode(raw)?),
    })
}

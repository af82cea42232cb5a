//! Values of PostgreSQL from the binary form of the protocol.

use std::net::IpAddr;

use kailash_core::{Error, Result, Value};
use sqlx::{
    Column, Row, TypeInfo, ValueRef,
    postgres::{PgRow, PgTypeInfo, PgTypeKind},
};

use super::{interval, numeric, time};

/// Why bytes are no value: the type is not known here, or they are not what it says.
pub(super) enum Wrong {
    /// A type without a value of its own.
    Type,
    /// Bytes that are no value of their type, or beyond what can be shown.
    Bytes,
}

/// The values of a row.
///
/// # Errors
/// Kind `Invalid`, code `sql.type` or `sql.value`, at the column.
pub(super) fn cells(row: &PgRow) -> Result<Vec<Value>> {
    let columns = row.columns().iter().enumerate();
    let cell = |index| -> Result<Result<Value, Wrong>> {
        let raw = row.try_get_raw(index).map_err(|error| Error::internal(error.to_string()))?;
        if raw.is_null() {
            return Ok(Ok(Value::Null));
        }
        let bytes = raw.as_bytes().map_err(|error| Error::internal(error.to_string()))?;
        Ok(value(&raw.type_info(), bytes))
    };
    columns
        .map(|(index, column)| {
            cell(index)?.map_err(|wrong| {
                let name = column.type_info().name();
                let error = match wrong {
                    Wrong::Type => {
                        Error::invalid("sql.type", format!("a value of type {name} has no form here"))
                    }
                    Wrong::Bytes => {
                        Error::invalid("sql.value", format!("this value of type {name} cannot be read"))
                    }
                };
                error
                    .at(format!("column {}", column.name()))
                    .with_hint(format!("read it as text: \"{}\"::text", column.name()))
            })
        })
        .collect()
}

fn value(type_info: &PgTypeInfo, bytes: &[u8]) -> Result<Value, Wrong> {
    match type_info.kind() {
        PgTypeKind::Domain(inner) => return value(inner, bytes),
        PgTypeKind::Enum(_) => return text(bytes),
        PgTypeKind::Array(item) => return array(item, bytes),
        PgTypeKind::Pseudo if type_info.name() == "VOID" => return Ok(Value::Null),
        PgTypeKind::Simple => {}
        _ => return Err(Wrong::Type),
    }
    Ok(match type_info.name() {
        "BOOL" => Value::Bool(fixed::<1>(bytes)? != [0]),
        "INT2" => i16::from_be_bytes(fixed(bytes)?).into(),
        "INT4" => i32::from_be_bytes(fixed(bytes)?).into(),
        "INT8" => i64::from_be_bytes(fixed(bytes)?).into(),
        "OID" => u32::from_be_bytes(fixed(bytes)?).into(),
        "FLOAT4" => f32::from_be_bytes(fixed(bytes)?).into(),
        "FLOAT8" => f64::from_be_bytes(fixed(bytes)?).into(),
        "NUMERIC" => numeric::read(bytes).ok_or(Wrong::Bytes)?,
        "BYTEA" => Value::bytes(bytes.to_vec()),
        "JSON" => json(bytes)?,
        "JSONB" => json(bytes.strip_prefix(&[1]).ok_or(Wrong::Bytes)?)?,
        "UUID" => uuid(fixed(bytes)?).into(),
        "DATE" => time::date(fixed(bytes)?).ok_or(Wrong::Bytes)?.into(),
        "TIME" => time::time(fixed(bytes)?).into(),
        "TIMETZ" => time::time_with_zone(bytes).ok_or(Wrong::Bytes)?.into(),
        "TIMESTAMP" => time::timestamp(fixed(bytes)?, false).ok_or(Wrong::Bytes)?.into(),
        "TIMESTAMPTZ" => time::timestamp(fixed(bytes)?, true).ok_or(Wrong::Bytes)?.into(),
        "INTERVAL" => interval::read(bytes).ok_or(Wrong::Bytes)?.into(),
        "INET" | "CIDR" => address(bytes).ok_or(Wrong::Bytes)?.into(),
        "VOID" => Value::Null,
        "TEXT" | "VARCHAR" | "CHAR" | "\"CHAR\"" | "NAME" | "UNKNOWN" | "XML" => text(bytes)?,
        name if ["citext", "xml"].iter().any(|known| name.eq_ignore_ascii_case(known)) => text(bytes)?,
        _ => return Err(Wrong::Type),
    })
}

fn fixed<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Wrong> {
    bytes.try_into().map_err(|_| Wrong::Bytes)
}

fn text(bytes: &[u8]) -> Result<Value, Wrong> {
    std::str::from_utf8(bytes).map(Value::from).map_err(|_| Wrong::Bytes)
}

fn json(bytes: &[u8]) -> Result<Value, Wrong> {
    Value::from_json_slice(bytes).map_err(|_| Wrong::Bytes)
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// An address of a host or network: family, bits, whether it is a network, length, bytes.
fn address(bytes: &[u8]) -> Option<String> {
    let (&[_, bits, is_network, length], rest) = bytes.split_first_chunk::<4>()?;
    let (address, all) = match length {
        4 => (IpAddr::from(<[u8; 4]>::try_from(rest).ok()?), 32),
        16 => (IpAddr::from(<[u8; 16]>::try_from(rest).ok()?), 128),
        _ => return None,
    };
    Some(if bits == all && is_network == 0 { address.to_string() } else { format!("{address}/{bits}") })
}

/// An array: dimensions, whether there are nulls, the type of an item, length and lower bound by dimension, items.
fn array(item: &PgTypeInfo, bytes: &[u8]) -> Result<Value, Wrong> {
    let mut rest = bytes;
    let dimensions = number(&mut rest)?;
    number(&mut rest)?;
    number(&mut rest)?;
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(number(&mut rest)?).map_err(|_| Wrong::Bytes)?);
        number(&mut rest)?;
    }
    if lengths.is_empty() { Ok(Value::list(Vec::new())) } else { items(item, &lengths, &mut rest) }
}

fn items(item: &PgTypeInfo, lengths: &[usize], rest: &mut &[u8]) -> Result<Value, Wrong> {
    let Some((length, inner)) = lengths.split_first() else {
        let Ok(length) = usize::try_from(number(rest)?) else { return Ok(Value::Null) };
        let (bytes, behind) = rest.split_at_checked(length).ok_or(Wrong::Bytes)?;
        *rest = behind;
        return value(item, bytes);
    };
    (0..*length).map(|_| items(item, inner, rest)).collect()
}

fn number(rest: &mut &[u8]) -> Result<i32, Wrong> {
    let (bytes, behind) = rest.split_first_chunk().ok_or(Wrong::Bytes)?;
    *rest = behind;
    Ok(i32::from_be_bytes(*bytes))
}

//! Parameters of PostgreSQL: the common types in binary, everything else as text that the server itself reads.

use kailash_core::{Error, Result, Value};
use sqlx::{
    Arguments, Encode, Postgres, Type, TypeInfo,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgTypeInfo, PgTypeKind},
};

use crate::sql::statement::write;

/// How one parameter is sent.
pub(super) enum Form {
    /// As a value of the type that the server wants.
    Native(Raw),
    /// As text, to be read as the type of this name.
    Text(String, Raw),
}

impl Form {
    /// Whether the placeholder needs a cast.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Self::Text(..))
    }
}

/// A value in the form of the protocol.
#[derive(Clone)]
pub(super) struct Raw {
    pub(super) type_info: PgTypeInfo,
    pub(super) bytes: Option<Vec<u8>>,
}

impl Type<Postgres> for Raw {
    fn type_info() -> PgTypeInfo {
        <str as Type<Postgres>>::type_info()
    }
}

impl Encode<'_, Postgres> for Raw {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match &self.bytes {
            Some(bytes) => {
                buffer.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            None => Ok(IsNull::Yes),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.type_info.clone())
    }
}

/// The forms of `values` for parameters of `types`.
///
/// # Errors
/// Kind `Invalid`, code `sql.parameters`, for a value that has no text.
pub(super) fn forms(types: &[PgTypeInfo], values: &[Value]) -> Result<Vec<Form>> {
    if types.len() != values.len() {
        let message =
            format!("the query has places for {} parameters, given are {}", types.len(), values.len());
        return Err(Error::invalid("sql.parameters", message).at("parameters"));
    }
    let forms = types.iter().zip(values).enumerate().map(|(index, (type_info, value))| {
        if let Some(bytes) = native(type_info.name(), value) {
            return Ok(Form::Native(Raw { type_info: type_info.clone(), bytes }));
        }
        let text = text(type_info, value).map_err(|error| error.at(format!("parameter {}", index + 1)))?;
        let raw = Raw { type_info: Raw::type_info(), bytes: Some(text.into_bytes()) };
        Ok(Form::Text(type_name(type_info), raw))
    });
    forms.collect()
}

/// Writes the placeholder of parameter `index`.
pub(super) fn placeholder(index: usize, form: Option<&Form>, sql: &mut String) {
    let number = index + 1;
    match form {
        Some(Form::Text(name, _)) => write(sql, format_args!("CAST(${number}::text AS {name})")),
        _ => write(sql, format_args!("${number}")),
    }
}

/// The arguments for the driver.
pub(super) fn arguments(forms: Vec<Form>) -> Result<PgArguments> {
    let mut arguments = PgArguments::default();
    for form in forms {
        let (Form::Native(raw) | Form::Text(_, raw)) = form;
        arguments
            .add(raw)
            .map_err(|error| Error::invalid("sql.parameters", error.to_string()).at("parameters"))?;
    }
    Ok(arguments)
}

/// The name under which SQL knows a type.
pub(super) fn type_name(type_info: &PgTypeInfo) -> String {
    match type_info.name() {
        "\"CHAR\"" => "\"char\"".into(),
        // CHAR alone would be CHAR(1).
        "CHAR" => "bpchar".into(),
        "CHAR[]" => "bpchar[]".into(),
        name => name.to_owned(),
    }
}

/// The bytes of `value` as a value of the type `name`, if they are that simple; the inner `None` is null.
fn native(name: &str, value: &Value) -> Option<Option<Vec<u8>>> {
    let int = || value.as_i64();
    let bytes = match (name, value) {
        (_, Value::Null) => return Some(None),
        ("BOOL", Value::Bool(truth)) => vec![u8::from(*truth)],
        ("INT2", _) => i16::try_from(int()?).ok()?.to_be_bytes().into(),
        ("INT4", _) => i32::try_from(int()?).ok()?.to_be_bytes().into(),
        ("INT8", _) => int()?.to_be_bytes().into(),
        ("FLOAT8", _) => value.as_f64()?.to_be_bytes().into(),
        ("TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" | "CITEXT", Value::Str(text)) => {
            text.as_bytes().into()
        }
        ("BYTEA", Value::Bytes(bytes)) => bytes.to_vec(),
        _ => return None,
    };
    Some(Some(bytes))
}

/// The text that the server reads as a value of a type.
///
/// # Errors
/// As [`plain`].
pub(super) fn text(type_info: &PgTypeInfo, value: &Value) -> Result<String> {
    match (value, type_info.kind()) {
        (Value::List(items), PgTypeKind::Array(item)) => list(item, items),
        (Value::Array(array), PgTypeKind::Array(item)) => {
            let items: Vec<Value> = (0..array.len()).filter_map(|i| array.numbers().get(i)).collect();
            list(item, &items)
        }
        _ => plain(value),
    }
}

/// The text of a value by itself; lists and maps are JSON.
///
/// # Errors
/// Kind `Invalid`, code `sql.parameters`, for what JSON cannot hold.
pub(in crate::sql) fn plain(value: &Value) -> Result<String> {
    Ok(match value {
        Value::Null => String::new(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::UInt(number) => number.to_string(),
        Value::Float(number) if number.is_infinite() => {
            if *number > 0.0 { "Infinity" } else { "-Infinity" }.into()
        }
        Value::Float(number) if number.is_nan() => "NaN".into(),
        Value::Float(number) => number.to_string(),
        Value::Str(text) => text.to_string(),
        Value::Bytes(bytes) => {
            let mut hex = String::with_capacity(bytes.len() * 2 + 2);
            hex.push_str("\\x");
            bytes.iter().for_each(|byte| write(&mut hex, format_args!("{byte:02x}")));
            hex
        }
        Value::Array(_) | Value::List(_) | Value::Map(_) => {
            value.to_json().map_err(|error| Error::invalid("sql.parameters", error.message().to_owned()))?
        }
    })
}

/// An array in the text form of PostgreSQL.
fn list(item: &PgTypeInfo, items: &[Value]) -> Result<String> {
    let mut text = String::from("{");
    for (index, value) in items.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        match value {
            Value::Null => text.push_str("NULL"),
            Value::List(inner) if !matches!(item.name(), "JSON" | "JSONB") => {
                text.push_str(&list(item, inner)?);
            }
            value => {
                text.push('"');
                for sign in plain(value)?.chars() {
                    if matches!(sign, '"' | '\\') {
                        text.push('\\');
                    }
                    text.push(sign);
                }
                text.push('"');
            }
        }
    }
    text.push('}');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use kailash_core::value;

    use super::*;

    #[test]
    fn arrays_are_quoted_so_that_no_item_ends_early() {
        let item = PgTypeInfo::with_name("text");
        let items = value!(["a,b", "\"}{\\", null, "", ["x", 1]]);
        let text = list(&item, items.as_list().unwrap()).unwrap();
        assert_eq!(text, r#"{"a,b","\"}{\\",NULL,"",{"x","1"}}"#);
    }

    #[test]
    fn numbers_that_do_not_fit_are_left_to_the_server() {
        assert_eq!(native("INT2", &value!(40_000)), None);
        assert_eq!(native("INT4", &value!(7.0)), Some(Some(vec![0, 0, 0, 7])));
        assert_eq!(native("INT4", &value!(7.5)), None);
        assert_eq!(plain(&value!(f64::INFINITY)).unwrap(), "Infinity");
        assert_eq!(plain(&Value::bytes(vec![0_u8, 255])).unwrap(), "\\x00ff");
    }
}

//! Conditions and computed values: Python-like expressions, compiled once, with a bound on their work.
//!
//! The language is that of Jinja2 expressions as minijinja implements it: `error < 0.01 and iteration > 2`.

mod limits;
mod path;

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{
    Environment, Expression, UndefinedBehavior,
    value::{Enumerator, Object, ObjectRepr, Value as Jinja, ValueKind},
};

pub use self::limits::confine;
use crate::{Error, ErrorKind, MAX_DEPTH, Map, Result, Text, Value};

/// Instructions that one evaluation may take. Work inside a filter (sorting a list) counts as one: it is bounded by the
/// data, by [`MAX_SOURCE`] and by [`MAX_TEXT`].
pub const FUEL: u64 = 100_000;

/// The longest text that one filter may make, in bytes.
pub const MAX_TEXT: usize = 16 << 20;

/// The length that a source may have, in bytes.
pub const MAX_SOURCE: usize = 4096;

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    confine(&mut environment);
    environment
});

/// How many operators one expression may have.
pub const MAX_OPERATORS: usize = 500;

/// Refuses a source with more than `most` operators: a parser may go one level deeper for each.
///
/// # Errors
/// Kind `Limit`, code `expression.operators`.
pub fn check_operators(source: &str, most: usize) -> Result<()> {
    let count = limits::operators(source);
    if count <= most {
        return Ok(());
    }
    let message = format!("there are {count} operators, {most} are allowed");
    Err(Error::new(ErrorKind::Limit, "expression.operators", message).with_retry(crate::Retry::Never))
}

/// A compiled expression.
pub struct Expr {
    source: Text,
    /// The names of one that only looks something up, such as `item.price`.
    path: Option<Box<[Text]>>,
    compiled: Expression<'static, 'static>,
}

impl Expr {
    /// Compiles `source`.
    ///
    /// # Errors
    /// Kind `Invalid`, code `expression.syntax`; kind `Limit`, code `expression.length`, beyond
    /// [`MAX_SOURCE`], or `expression.operators`, beyond [`MAX_OPERATORS`].
    pub fn compile(source: &str) -> Result<Self> {
        if source.len() > MAX_SOURCE {
            let message = format!("the expression has {} bytes, {MAX_SOURCE} are allowed", source.len());
            return Err(
                Error::new(ErrorKind::Limit, "expression.length", message).with_retry(crate::Retry::Never)
            );
        }
        check_operators(source, MAX_OPERATORS)?;
        let compiled = ENVIRONMENT.compile_expression_owned(source.to_owned()).map_err(|error| {
            let detail = error.detail().unwrap_or("not an expression").to_owned();
            Error::invalid("expression.syntax", format!("`{source}`: {detail}"))
        })?;
        Ok(Self { source: source.into(), path: path::of(source), compiled })
    }

    /// The source text.
    #[must_use]
    pub fn source(&self) -> &Text {
        &self.source
    }

    /// The value of the expression where the names of `variables` are known.
    ///
    /// # Errors
    /// Kind `Limit`, code `expression.fuel`, if it takes more than [`FUEL`] instructions; kind `Invalid`, code
    /// `expression.eval`, for an unknown name or operands that do not fit.
    pub fn eval(&self, variables: impl Into<Arc<Map>>) -> Result<Value> {
        let variables = variables.into();
        if let Some(found) = self.path.as_ref().and_then(|path| path::find(&variables, path)) {
            return self.checked(found);
        }
        let variables = Jinja::from_object(MapView(variables));
        let result = self.compiled.eval(variables).map_err(|error| self.error(&error))?;
        let value = from_jinja(&result).ok_or_else(|| {
            Error::invalid("expression.eval", format!("`{}` has no value", self.source))
                .with_hint("is every name in it spelled right?")
        })?;
        self.checked(value)
    }

    /// Refuses what is nested too deep: what holds what was there may be deeper than anything that was, turn after turn
    /// in a cycle, without end.
    fn checked(&self, value: Value) -> Result<Value> {
        if value.is_deeper(MAX_DEPTH) {
            let message = format!("`{}` is nested more than {MAX_DEPTH} levels deep", self.source);
            return Err(Error::new(ErrorKind::Limit, "value.depth", message).with_retry(crate::Retry::Never));
        }
        Ok(value)
    }

    /// Whether the expression holds: true, non-zero, non-empty.
    ///
    /// # Errors
    /// As [`Expr::eval`].
    pub fn holds(&self, variables: impl Into<Arc<Map>>) -> Result<bool> {
        self.eval(variables).map(|value| value.is_truthy())
    }

    fn error(&self, error: &minijinja::Error) -> Error {
        if error.kind() == minijinja::ErrorKind::OutOfFuel {
            let message = format!("`{}` takes more than {FUEL} steps", self.source);
            return Error::new(ErrorKind::Limit, "expression.fuel", message).with_retry(crate::Retry::Never);
        }
        let detail = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        Error::invalid("expression.eval", format!("`{}`: {detail}", self.source))
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.source, f)
    }
}

/// A value as minijinja sees it; lists and maps are looked at where they are, not copied.
#[must_use]
pub fn to_jinja(value: &Value) -> Jinja {
    match value {
        Value::Null => Jinja::from(()),
        Value::Bool(b) => Jinja::from(*b),
        Value::Int(n) => Jinja::from(*n),
        Value::UInt(n) => Jinja::from(*n),
        Value::Float(x) => Jinja::from(*x),
        Value::Str(text) => Jinja::from(text.as_str()),
        Value::Bytes(bytes) => Jinja::from_bytes(bytes.to_vec()),
        Value::Array(array) => {
            (0..array.len()).filter_map(|i| array.numbers().get(i)).map(|n| to_jinja(&n)).collect()
        }
        Value::List(items) => Jinja::from_object(ListView(items.clone())),
        Value::Map(map) => Jinja::from_object(MapView(map.clone())),
    }
}

/// The value that minijinja gave; `None` if it is undefined or not data.
#[must_use]
pub fn from_jinja(value: &Jinja) -> Option<Value> {
    if let Some(view) = value.downcast_object_ref::<ListView>() {
        return Some(Value::List(view.0.clone()));
    }
    if let Some(view) = value.downcast_object_ref::<MapView>() {
        return Some(Value::Map(view.0.clone()));
    }
    Some(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
            _ if !value.is_integer() => Value::Float(f64::try_from(value.clone()).ok()?),
            (Ok(n), _) => Value::Int(n),
            (_, Ok(n)) => Value::UInt(n),
            _ => Value::Float(f64::try_from(value.clone()).ok()?),
        },
        ValueKind::String => Value::from(value.as_str()?),
        ValueKind::Bytes => Value::bytes(value.as_bytes()?.to_vec()),
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter().ok()?.map(|item| from_jinja(&item)).collect::<Option<Vec<_>>>()?.into()
        }
        ValueKind::Map => value
            .try_iter()
            .ok()?
            .map(|key| Some((Text::from(key.to_string()), from_jinja(&value.get_item(&key).ok()?)?)))
            .collect::<Option<Map>>()?
            .into(),
        _ => return None,
    })
}

#[derive(Debug)]
struct ListView(crate::List);

impl Object for ListView {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.0.get(key.as_usize()?).map(to_jinja)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

#[derive(Debug)]
struct MapView(Arc<Map>);

impl Object for MapView {
    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        self.0.get(key.as_str()?).map(to_jinja)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        self.0.get(key).map(to_jinja)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Jinja::from(key.as_str())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    fn map(value: Value) -> Map {
        value.into_map().unwrap()
    }

    #[test]
    fn python_like_conditions_hold() {
        let variables = map(value!({"error": 0.001, "iteration": 3, "done": true, "rows": [{"v": 5}]}));
        for source in [
            "error < 0.01 and iteration > 2",
            "done == True",
            "rows[0].v == 5",
            "not (iteration in [1, 2])",
            "rows|length == 1",
        ] {
            assert!(Expr::compile(source).unwrap().holds(variables.clone()).unwrap(), "{source}");
        }
    }

    #[test]
    fn arithmetic_gives_values() {
        let variables = map(value!({"xs": [1, 2], "n": 7}));
        assert_eq!(Expr::compile("n * 2 + 0.5").unwrap().eval(variables.clone()).unwrap(), value!(14.5));
        assert_eq!(
            Expr::compile("{'a': xs, 'b': [n]}").unwrap().eval(variables).unwrap(),
            value!({"a": [1, 2], "b": [7]})
        );
    }

    #[test]
    fn what_is_only_looked_up_is_what_the_engine_finds_and_keeps_its_form() {
        let bytes = Value::bytes(vec![1, 2]);
        let variables = map(value!({"a": {"b": {"c": null}, "items": [1]}, "raw": (bytes.clone())}));
        for source in ["a", "a.b", "a.b.c", "a.items"] {
            let plain = Expr::compile(source).unwrap().eval(variables.clone()).unwrap();
            // What is in parentheses goes to the engine.
            let found = Expr::compile(&format!("({source})")).unwrap().eval(variables.clone()).unwrap();
            assert_eq!(plain, found, "{source}");
        }
        assert_eq!(Expr::compile("raw").unwrap().eval(variables.clone()).unwrap(), bytes);
        for source in ["a.x", "a.b.c.d", "x", "x.y"] {
            assert_eq!(
                Expr::compile(source).unwrap().eval(variables.clone()).unwrap_err().code(),
                "expression.eval"
            );
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_not_false() {
        let error = Expr::compile("misspelt > 1").unwrap().holds(Map::new()).unwrap_err();
        assert_eq!(error.code(), "expression.eval");
    }

    #[test]
    fn much_work_runs_out_of_fuel_and_much_text_is_refused() {
        let variables = map(value!({"xs": (Value::list(vec![value!(1); 10_000]))}));
        let source = "1 if 7 in xs else ".repeat(3) + "xs|map('string')|list|length";
        assert!(Expr::compile(&source).unwrap().eval(variables).is_ok());
        let many = "1+".repeat(MAX_OPERATORS) + "1";
        assert_eq!(Expr::compile(&many).unwrap().eval(Map::new()).unwrap(), value!(501));
        assert_eq!(Expr::compile(&"1+".repeat(MAX_SOURCE)).unwrap_err().code(), "expression.length");
    }

    #[test]
    fn a_syntax_error_shows_the_expression() {
        let error = Expr::compile("a <").unwrap_err();
        assert_eq!(error.code(), "expression.syntax");
        assert!(error.message().contains("`a <`"));
    }
}

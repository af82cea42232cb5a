//! What goes into a body.

use std::sync::Arc;

use smallvec::SmallVec;

use super::Woken;
use crate::{Error, Map, Result, Text, Value};

/// The values of a node's inputs, by position in its declared inputs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    values: SmallVec<[Option<Value>; 3]>,
    extra: Option<Arc<[(Text, Value)]>>,
    woken: Option<Box<Woken>>,
}

impl Inputs {
    /// Inputs without values.
    #[inline]
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of the next input.
    #[inline]
    pub fn push(&mut self, value: Option<Value>) {
        self.values.push(value);
    }

    /// Adds run parameters that go by name to a node with open inputs.
    pub fn set_extra(&mut self, extra: Arc<[(Text, Value)]>) {
        self.extra = Some(extra);
    }

    /// Run parameters beyond the declared inputs.
    pub fn extra(&self) -> impl Iterator<Item = (&Text, &Value)> {
        self.extra.iter().flat_map(|extra| extra.iter()).map(|(name, value)| (name, value))
    }

    /// What woke the node, if it was suspended and is run again.
    #[must_use]
    pub fn woken(&self) -> Option<&Woken> {
        self.woken.as_deref()
    }

    /// Says what woke the node; for runtimes.
    pub fn set_woken(&mut self, woken: Woken) {
        self.woken = Some(Box::new(woken));
    }

    /// How many inputs there are, given or not.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no input.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value of input `index`, if it was given.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index).and_then(Option::as_ref)
    }

    /// Takes the value of input `index` out, so that a list that nobody else holds can be changed in place.
    #[inline]
    pub fn take(&mut self, index: usize) -> Option<Value> {
        self.values.get_mut(index).and_then(Option::take)
    }

    /// Takes the value of input `index`, which was declared as required or with a default.
    ///
    /// # Errors
    /// Kind `Missing` if the input is absent all the same.
    #[inline]
    pub fn value(&mut self, index: usize) -> Result<Value> {
        self.take(index).ok_or_else(|| Error::missing("input.absent", format!("input {index} is absent")))
    }

    /// Takes the text of input `index`.
    ///
    /// # Errors
    /// Kind `Missing` or `Invalid` if it is absent or of another kind.
    pub fn text(&mut self, index: usize) -> Result<Text> {
        match self.value(index)? {
            Value::Str(text) => Ok(text),
            other => Err(mismatch(index, "text", &other)),
        }
    }

    /// The truth value of input `index`; absent and null are `None`.
    ///
    /// # Errors
    /// Kind `Invalid` if it is of another kind.
    pub fn bool(&self, index: usize) -> Result<Option<bool>> {
        match self.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(*b)),
            Some(other) => Err(mismatch(index, "bool", other)),
        }
    }

    /// The integer of input `index`; absent and null are `None`.
    ///
    /// # Errors
    /// Kind `Invalid` if it is of another kind.
    pub fn int(&self, index: usize) -> Result<Option<i64>> {
        match self.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| mismatch(index, "int", value)),
        }
    }

    /// The number of input `index`; absent and null are `None`.
    ///
    /// # Errors
    /// Kind `Invalid` if it is of another kind.
    pub fn number(&self, index: usize) -> Result<Option<f64>> {
        match self.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => value.as_f64().map(Some).ok_or_else(|| mismatch(index, "number", value)),
        }
    }

    /// Takes the items of list input `index`; those of a numeric array become values one by one.
    ///
    /// # Errors
    /// Kind `Missing` or `Invalid` if it is absent or of another kind.
    pub fn list(&mut self, index: usize) -> Result<Vec<Value>> {
        match self.value(index)? {
            Value::List(items) => Ok(Arc::unwrap_or_clone(items)),
            Value::Array(array) => Ok((0..array.len()).filter_map(|i| array.numbers().get(i)).collect()),
            other => Err(mismatch(index, "list", &other)),
        }
    }

    /// Takes the map of input `index`.
    ///
    /// # Errors
    /// Kind `Missing` or `Invalid` if it is absent or of another kind.
    pub fn map(&mut self, index: usize) -> Result<Map> {
        self.value(index)?.into_map().map_err(|other| mismatch(index, "map", &other))
    }
}

impl FromIterator<Option<Value>> for Inputs {
    fn from_iter<I: IntoIterator<Item = Option<Value>>>(values: I) -> Self {
        Self { values: values.into_iter().collect(), extra: None, woken: None }
    }
}

fn mismatch(index: usize, wanted: &str, given: &Value) -> Error {
    Error::invalid("input.kind", format!("input {index} wants {wanted}, not {}", given.kind()))
}

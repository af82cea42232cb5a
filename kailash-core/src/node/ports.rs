//! What goes into a body and what comes out of it.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::{Error, Map, Result, Text, Value, exec::Timestamp};

/// The values of a node's inputs, by position in its declared inputs.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    values: SmallVec<[Option<Value>; 3]>,
    extra: Option<Arc<[(Text, Value)]>>,
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
        Self { values: values.into_iter().collect(), extra: None }
    }
}

fn mismatch(index: usize, wanted: &str, given: &Value) -> Error {
    Error::invalid("input.kind", format!("input {index} wants {wanted}, not {}", given.kind()))
}

/// The values of a node's outputs, by position in its declared outputs. A port without a value is a branch not taken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outputs(SmallVec<[Option<Value>; 2]>);

impl Outputs {
    /// `count` ports, none of them with a value.
    #[must_use]
    pub fn none(count: usize) -> Self {
        Self(SmallVec::from_elem(None, count))
    }

    /// One port with a value.
    #[must_use]
    #[inline]
    pub fn one(value: impl Into<Value>) -> Self {
        let mut ports = SmallVec::new();
        ports.push(Some(value.into()));
        Self(ports)
    }

    /// Gives port `index` a value.
    #[inline]
    pub fn set(&mut self, index: usize, value: impl Into<Value>) {
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        self.0[index] = Some(value.into());
    }

    /// The value of port `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.0.get(index).and_then(Option::as_ref)
    }

    /// How many ports there are, with or without a value.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Outputs {
    type Item = Option<Value>;
    type IntoIter = smallvec::IntoIter<[Option<Value>; 2]>;

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<Option<Value>> for Outputs {
    fn from_iter<I: IntoIterator<Item = Option<Value>>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// How a body ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is done; ports without a value are branches not taken.
    Done(Outputs),
    /// It waits for something outside and wants to be run again then; meanwhile it costs no task.
    Suspend(Wake),
}

impl From<Outputs> for Outcome {
    fn from(outputs: Outputs) -> Self {
        Self::Done(outputs)
    }
}

/// What wakes a suspended node.
#[derive(Clone, Debug, PartialEq)]
pub enum Wake {
    /// A point in time.
    At(Timestamp),
    /// A signal by this name, sent to the run.
    Signal(Text),
}

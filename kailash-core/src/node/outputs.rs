//! What comes out of a body.

use crate::Value;

/// The values of a node's outputs, by position in its declared outputs. A port without a value is a branch not taken.
#[derive(Clone, Debug)]
pub struct Outputs(Ports);

/// Nearly every node has one output: that one costs no allocation.
#[derive(Clone, Debug)]
enum Ports {
    One(Option<Value>),
    Any(Vec<Option<Value>>),
}

impl Outputs {
    /// `count` ports, none of them with a value.
    #[must_use]
    pub fn none(count: usize) -> Self {
        Self(if count == 1 { Ports::One(None) } else { Ports::Any(vec![None; count]) })
    }

    /// One port with a value.
    #[must_use]
    #[inline]
    pub fn one(value: impl Into<Value>) -> Self {
        Self(Ports::One(Some(value.into())))
    }

    /// Gives port `index` a value.
    pub fn set(&mut self, index: usize, value: impl Into<Value>) {
        if let (Ports::One(first), 1..) = (&mut self.0, index) {
            self.0 = Ports::Any(vec![first.take()]);
        }
        match &mut self.0 {
            Ports::One(first) => *first = Some(value.into()),
            Ports::Any(ports) => {
                if index >= ports.len() {
                    ports.resize(index + 1, None);
                }
                ports[index] = Some(value.into());
            }
        }
    }

    /// The value of port `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.ports().get(index).and_then(Option::as_ref)
    }

    /// Takes the value of port `index` out.
    #[inline]
    pub fn take(&mut self, index: usize) -> Option<Value> {
        match &mut self.0 {
            Ports::One(first) if index == 0 => first.take(),
            Ports::One(_) => None,
            Ports::Any(ports) => ports.get_mut(index).and_then(Option::take),
        }
    }

    /// How many ports there are, with or without a value.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.ports().len()
    }

    /// Whether there is no port.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ports().is_empty()
    }

    #[inline]
    fn ports(&self) -> &[Option<Value>] {
        match &self.0 {
            Ports::One(first) => std::slice::from_ref(first),
            Ports::Any(ports) => ports,
        }
    }
}

impl Default for Outputs {
    fn default() -> Self {
        Self(Ports::Any(Vec::new()))
    }
}

impl PartialEq for Outputs {
    fn eq(&self, other: &Self) -> bool {
        self.ports() == other.ports()
    }
}

impl IntoIterator for Outputs {
    type Item = Option<Value>;
    type IntoIter = std::vec::IntoIter<Option<Value>>;

    fn into_iter(self) -> Self::IntoIter {
        match self.0 {
            Ports::One(first) => vec![first].into_iter(),
            Ports::Any(ports) => ports.into_iter(),
        }
    }
}

impl FromIterator<Option<Value>> for Outputs {
    fn from_iter<I: IntoIterator<Item = Option<Value>>>(values: I) -> Self {
        Self(Ports::Any(values.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::Outputs;
    use crate::Value;

    #[test]
    fn one_port_is_equal_to_the_same_port_collected() {
        let collected: Outputs = [Some(Value::from(1))].into_iter().collect();
        assert_eq!(Outputs::one(1), collected);
        assert_ne!(Outputs::one(2), collected);
        assert_eq!(Outputs::none(1).len(), 1);
        assert!(Outputs::default().is_empty());
    }

    #[test]
    fn a_port_beyond_the_last_makes_room() {
        let mut outputs = Outputs::one(1);
        outputs.set(2, 3);
        assert_eq!(outputs.len(), 3);
        assert_eq!(outputs.get(0), Some(&Value::from(1)));
        assert_eq!(outputs.get(1), None);
        assert_eq!(outputs.take(2), Some(Value::from(3)));
        assert_eq!(outputs.take(2), None);
        assert_eq!(outputs.take(9), None);
    }
}

//! Dot paths into a value: `result.d.e`, `rows.0.name`.

use super::{Text, Value};

/// The keys and list positions that lead from a value to one inside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path(Box<[Text]>);

impl Path {
    /// The path of `segments`, outermost first.
    #[must_use]
    pub fn new<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self(segments.into_iter().map(Text::from).collect())
    }

    /// Whether the path leads nowhere: the value itself.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at the end of the path. A segment is a map key, or a position in a list or array.
    ///
    /// # Errors
    /// The segment at which the way ended.
    pub fn resolve(&self, value: &Value) -> Result<Value, &Text> {
        let mut here = value.clone();
        for segment in &self.0 {
            here = step(&here, segment).ok_or(segment)?;
        }
        Ok(here)
    }
}

fn step(value: &Value, segment: &str) -> Option<Value> {
    match value {
        Value::Map(map) => map.get(segment).cloned(),
        Value::List(items) => items.get(segment.parse::<usize>().ok()?).cloned(),
        Value::Array(array) => array.numbers().get(segment.parse().ok()?),
        _ => None,
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(segment)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value;

    #[test]
    fn a_path_goes_through_maps_and_lists() {
        let v = value!({"rows": [{"name": "a"}, {"name": "b"}]});
        assert_eq!(Path::new(["rows", "1", "name"]).resolve(&v), Ok(value!("b")));
    }

    #[test]
    fn a_path_that_ends_early_names_the_missing_segment() {
        let v = value!({"rows": []});
        assert_eq!(Path::new(["rows", "0"]).resolve(&v).map_err(Text::as_str), Err("0"));
    }
}

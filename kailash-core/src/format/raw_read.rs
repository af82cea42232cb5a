//! Reading the outer levels of a document from a text of any syntax.

use std::fmt;

use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use super::raw::{Fields, Name, Parts, Raw, RawDocument};
use crate::{ARRAY_TAG, BYTES_TAG, Text, Value};

/// The fields that nodes have in some dialect, those of most nodes first.
const NODE: &[&str] = &[
    "type",
    "config",
    "node_id",
    "node_type",
    "position",
    "id",
    "parameters",
    "timeout_ms",
    "retry",
    "breaker",
    "extra",
];

/// The fields that connections have in some dialect, those of most connections first.
const CONNECTION: &[&str] = &[
    "from",
    "to",
    "source_node",
    "source_output",
    "target_node",
    "target_input",
    "from_node",
    "from_output",
    "to_node",
    "to_input",
    "cycle",
    "stream",
    "max_iterations",
    "convergence_check",
    "cycle_id",
    "timeout",
    "memory_limit",
    "condition",
    "parent_cycle",
    "extra",
];

impl<'de> Deserialize<'de> for RawDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentReader)
    }
}

/// What is read where something else than a map was expected.
macro_rules! otherwise {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value of JSON")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Value::Null.into())
        }

        fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
            Ok(Value::from(v).into())
        }

        fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
            Ok(Value::from(v).into())
        }

        fn visit_u64<E>(self, v: u64) -> Result<Self::Value, E> {
            Ok(Value::from(v).into())
        }

        fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
            Ok(Value::from(v).into())
        }

        fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
            Ok(Value::from(v).into())
        }
    };
}

macro_rules! list_otherwise {
    () => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element::<Value>()? {
                list.push(item);
            }
            Ok(Value::list(list).into())
        }
    };
}

struct DocumentReader;

impl<'de> Visitor<'de> for DocumentReader {
    type Value = RawDocument;

    otherwise!();
    list_otherwise!();

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<RawDocument, A::Error> {
        let mut document = RawDocument::default();
        while let Some(name) = entries.next_key::<Text>()? {
            let parts = match name.as_str() {
                "nodes" => (&mut document.nodes, NODE),
                "connections" => (&mut document.connections, CONNECTION),
                _ => {
                    if document.fields.has(&name) {
                        return Err(duplicate(&name));
                    }
                    document.fields.add(Name::Other(name), entries.next_value()?);
                    continue;
                }
            };
            if parts.0.is_some() {
                return Err(duplicate(&name));
            }
            *parts.0 = Some(entries.next_value_seed(PartsReader(parts.1))?);
        }
        Ok(document)
    }
}

/// Reads nodes or connections, whose known fields are these.
#[derive(Clone, Copy)]
struct PartsReader(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for PartsReader {
    type Value = Parts;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Parts, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PartsReader {
    type Value = Parts;

    otherwise!();

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Parts, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(PartReader(self.0))? {
            list.push(item);
        }
        Ok(Parts::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Parts, A::Error> {
        let mut parts = IndexMap::new();
        while let Some(id) = entries.next_key::<Text>()? {
            let entry = match parts.entry(id) {
                indexmap::map::Entry::Vacant(entry) => entry,
                indexmap::map::Entry::Occupied(entry) => return Err(duplicate(entry.key())),
            };
            entry.insert(entries.next_value_seed(PartReader(self.0))?);
        }
        match parts.first() {
            Some((id, _)) if parts.len() == 1 && [BYTES_TAG, ARRAY_TAG].contains(&id.as_str()) => {
                Err(de::Error::custom(format!("`{id}` alone in a map is not a node")))
            }
            _ => Ok(Parts::Map(parts)),
        }
    }
}

/// Reads a node or connection, whose known fields are these.
struct PartReader(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for PartReader {
    type Value = Raw;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PartReader {
    type Value = Raw;

    otherwise!();
    list_otherwise!();

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Raw, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = entries.next_key_seed(NameReader(self.0))? {
            if fields.has(&name) {
                return Err(duplicate(&name));
            }
            fields.add(name, entries.next_value()?);
        }
        Ok(Raw::Fields(fields))
    }
}

/// Reads the name of a field, without allocating a known one.
struct NameReader(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for NameReader {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NameReader {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<Name, E> {
        let known = self.0.iter().find(|known| **known == name);
        Ok(known.map_or_else(|| Name::Other(name.into()), |known| Name::Known(known)))
    }
}

fn duplicate<E: de::Error>(name: &str) -> E {
    E::custom(format!("duplicate key `{name}`"))
}

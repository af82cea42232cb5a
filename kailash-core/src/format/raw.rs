//! The outer levels of a document as they are read: fields by name, without a map for each node and connection.
//!
//! A document of a hundred thousand nodes has the same few field names over and over. Here the known ones are not
//! allocated, and only what stays in the document (configs, unknown fields) becomes a [`Value`].

use std::{iter, ops::Deref};

use indexmap::IndexMap;
use smallvec::SmallVec;

use crate::{Map, Text, Value, workflow::Dialect};

/// The name of a field.
#[derive(Debug)]
pub(super) enum Name {
    /// One that some dialect knows.
    Known(&'static str),
    /// Any other.
    Other(Text),
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Known(name) => name,
            Self::Other(name) => name,
        }
    }
}

impl From<Name> for Text {
    fn from(name: Name) -> Self {
        match name {
            Name::Known(name) => name.into(),
            Name::Other(name) => name,
        }
    }
}

/// The fields of one level, each name once.
#[derive(Debug, Default)]
pub(super) struct Fields {
    known: Known,
    other: Option<Box<Map>>,
}

/// Most nodes and connections have two fields.
type Known = SmallVec<[(&'static str, Value); 2]>;

impl Fields {
    /// Takes in a field whose name is new.
    pub(super) fn add(&mut self, name: Name, value: Value) {
        match name {
            Name::Known(name) => self.known.push((name, value)),
            Name::Other(name) => drop(self.other.get_or_insert_default().insert(name, value)),
        }
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.known.iter().any(|(known, _)| *known == name)
            || self.other.as_ref().is_some_and(|other| other.contains_key(name))
    }
}

impl From<Map> for Fields {
    fn from(other: Map) -> Self {
        Self { known: Known::new(), other: Some(Box::new(other)) }
    }
}

type KnownFields = iter::Map<<Known as IntoIterator>::IntoIter, fn((&'static str, Value)) -> (Name, Value)>;
type OtherFields = iter::Map<<Map as IntoIterator>::IntoIter, fn((Text, Value)) -> (Name, Value)>;

impl IntoIterator for Fields {
    type Item = (Name, Value);
    type IntoIter = iter::Chain<KnownFields, OtherFields>;

    fn into_iter(self) -> Self::IntoIter {
        let known: KnownFields = self.known.into_iter().map(|(name, value)| (Name::Known(name), value));
        let other: OtherFields = self
            .other
            .map(|other| *other)
            .unwrap_or_default()
            .into_iter()
            .map(|(name, value)| (Name::Other(name), value));
        known.chain(other)
    }
}

/// What stands where a document, a node or a connection should.
#[derive(Debug)]
pub(super) enum Raw {
    Fields(Fields),
    Other(Value),
}

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        value.into_map().map_or_else(Self::Other, |map| Self::Fields(map.into()))
    }
}

/// What stands under `nodes` or `connections`.
#[derive(Debug)]
pub(super) enum Parts {
    Map(IndexMap<Text, Raw>),
    List(Vec<Raw>),
    Other(Value),
}

impl Parts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Map(parts) => parts.len(),
            Self::List(parts) => parts.len(),
            Self::Other(_) => 0,
        }
    }
}

impl From<Value> for Parts {
    fn from(value: Value) -> Self {
        match value.into_map() {
            Ok(map) => Self::Map(map.into_iter().map(|(id, part)| (id, part.into())).collect()),
            Err(other) => match other.into_list() {
                Ok(list) => Self::List(list.into_iter().map(Raw::from).collect()),
                Err(other) => Self::Other(other),
            },
        }
    }
}

/// A whole document.
#[derive(Debug, Default)]
pub(super) struct RawDocument {
    pub(super) fields: Fields,
    pub(super) nodes: Option<Parts>,
    pub(super) connections: Option<Parts>,
    /// What stands there instead of a map.
    pub(super) other: Option<Value>,
}

impl RawDocument {
    /// The dialect it is written in.
    pub(super) fn dialect(&self) -> Dialect {
        let is_export = |node: &Raw| matches!(node, Raw::Fields(fields) if fields.has("node_type"));
        match &self.nodes {
            _ if self.fields.has("format") => Dialect::Own,
            Some(Parts::Map(nodes)) if nodes.values().any(is_export) => Dialect::Export,
            _ => Dialect::Builder,
        }
    }
}

impl From<Value> for RawDocument {
    fn from(value: Value) -> Self {
        match value.into_map() {
            Ok(mut map) => {
                let nodes = map.remove("nodes").map(Parts::from);
                let connections = map.remove("connections").map(Parts::from);
                Self { fields: map.into(), nodes, connections, other: None }
            }
            Err(other) => Self { other: Some(other), ..Self::default() },
        }
    }
}

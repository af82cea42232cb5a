//! What a node type declares about itself: its ports, its needs and its effect.

use std::{any::TypeId, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Kind, Text, Value};

/// What running a node does to the world; decides what may be repeated after a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The outputs depend on the inputs alone and nothing else changes.
    #[default]
    Pure,
    /// Running it again leaves the world as running it once: reads, overwriting a file.
    Idempotent,
    /// Running it again does it again: appending, sending.
    Effectful,
}

/// One input of a node. Its value comes from connection > run parameter > config > default, at each run.
#[derive(Clone, Debug)]
pub struct Input {
    /// The name, unique among the node's inputs and config fields.
    pub name: Text,
    /// What it takes; checked before the body sees it.
    pub kind: Kind,
    /// Whether a run is refused without it.
    pub required: bool,
    /// The value when nothing else gives one.
    pub default: Option<Value>,
    /// One sentence: meaning and unit.
    pub doc: Text,
    /// Whether items may arrive over a stream connection.
    pub streams: bool,
}

impl Input {
    /// An input that must be given.
    #[must_use]
    pub fn required(name: &str, kind: Kind, doc: &str) -> Self {
        Self { name: name.into(), kind, required: true, default: None, doc: doc.into(), streams: false }
    }

    /// An input that may be absent.
    #[must_use]
    pub fn optional(name: &str, kind: Kind, doc: &str) -> Self {
        Self { required: false, ..Self::required(name, kind, doc) }
    }

    /// An input with a default.
    #[must_use]
    pub fn with_default(name: &str, kind: Kind, default: impl Into<Value>, doc: &str) -> Self {
        Self { default: Some(default.into()), ..Self::optional(name, kind, doc) }
    }

    /// The same input, also open to stream connections.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }
}

/// One output of a node.
#[derive(Clone, Debug)]
pub struct Output {
    /// The name, unique among the node's outputs.
    pub name: Text,
    /// What it gives.
    pub kind: Kind,
    /// One sentence: meaning, shape and unit.
    pub doc: Text,
    /// Whether its items may leave over a stream connection.
    pub streams: bool,
}

impl Output {
    /// An output.
    #[must_use]
    pub fn new(name: &str, kind: Kind, doc: &str) -> Self {
        Self { name: name.into(), kind, doc: doc.into(), streams: false }
    }

    /// The same output, also open to stream connections.
    #[must_use]
    pub fn streaming(mut self) -> Self {
        self.streams = true;
        self
    }
}

/// The ports of one node: those of its type, unless its config changed them.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The inputs, in the order in which the body sees them.
    pub inputs: Arc<[Input]>,
    /// The outputs, in the order in which the body gives them.
    pub outputs: Arc<[Output]>,
    /// Whether names beyond `inputs` may be connected or given as run parameters.
    pub open_inputs: bool,
}

impl Ports {
    /// The position of input `name`.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| input.name == name)
    }

    /// The position of output `name`.
    #[must_use]
    pub fn output(&self, name: &str) -> Option<usize> {
        self.outputs.iter().position(|output| output.name == name)
    }
}

/// A service that a node type needs from its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub(crate) id: TypeId,
    /// The service's name, for messages.
    pub name: &'static str,
}

impl Requirement {
    /// The handle type `T`, called `name` in messages.
    #[must_use]
    pub fn of<T: 'static>(name: &'static str) -> Self {
        Self { id: TypeId::of::<T>(), name }
    }
}

/// What a node type declares about itself.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Whether the config may name inputs that only the config itself makes.
    pub config_ports: bool,
    /// The name in documents. It is also found with or without the suffix `Node`.
    pub name: &'static str,
    /// The family it is listed under: `data`, `logic`, `code`, `http`.
    pub category: &'static str,
    /// One sentence that says what it does.
    pub summary: &'static str,
    /// Its ports before any config.
    pub ports: Ports,
    /// The services it needs.
    pub requires: Vec<Requirement>,
    /// What running it does to the world.
    pub effect: Effect,
    /// Whether repeating an effect under the same idempotency key is harmless.
    pub honours_key: bool,
    /// Other names under which documents know it.
    pub aliases: &'static [&'static str],
    /// Raised when a config or an input that a run was given no longer means what it meant: a run that began with another
    /// version does not go on.
    pub version: u32,
}

impl Spec {
    /// A pure type without ports.
    #[must_use]
    pub fn new(name: &'static str, category: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            category,
            summary,
            ports: Ports { inputs: Arc::new([]), outputs: Arc::new([]), open_inputs: false },
            requires: Vec::new(),
            effect: Effect::Pure,
            honours_key: false,
            config_ports: false,
            aliases: &[],
            version: 1,
        }
    }

    /// Its inputs, in the order in which the body sees them.
    #[must_use]
    pub fn inputs(mut self, inputs: impl IntoIterator<Item = Input>) -> Self {
        self.ports.inputs = inputs.into_iter().collect();
        self
    }

    /// Its outputs, in the order in which the body gives them.
    #[must_use]
    pub fn outputs(mut self, outputs: impl IntoIterator<Item = Output>) -> Self {
        self.ports.outputs = outputs.into_iter().collect();
        self
    }

    /// Any name may be connected or given as a run parameter.
    #[must_use]
    pub fn open_inputs(mut self) -> Self {
        self.ports.open_inputs = true;
        self
    }

    /// The config itself makes ports, so that it may name inputs that no schema knows.
    #[must_use]
    pub fn config_ports(mut self) -> Self {
        self.config_ports = true;
        self
    }

    /// What running it does to the world.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// A service that it needs.
    #[must_use]
    pub fn requires<T: 'static>(mut self, name: &'static str) -> Self {
        self.requires.push(Requirement::of::<T>(name));
        self
    }

    /// Other names under which documents know it.
    #[must_use]
    pub fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Its version, 1 unless it is given: raised when a config or an input no longer means what it meant.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }
}

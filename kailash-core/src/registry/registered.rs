//! A registered type: its spec, its schema and the way from a document's config to a configured node.

use std::sync::{Arc, OnceLock};

use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde::de::value::MapDeserializer;
use serde_json::{Value as Json, json};

use super::{Registry, nearest};
use crate::{
    Error, Map, Text, Value,
    node::{Effect, Input, NodeType, Ports, Setup, SharedNode, Spec},
    validate::{Issue, Nesting},
};

/// A node of a workflow: its type with a config that was read and found good.
#[derive(Clone)]
pub struct NodeConfig {
    pub(crate) node: SharedNode,
    /// Its ports.
    pub ports: Ports,
    /// What running it does to the world.
    pub effect: Effect,
    /// Whether whoever it acts on remembers idempotency keys: what is in doubt after a crash is then done again.
    pub honours_key: bool,
    /// The config's value for each input of `ports`.
    pub inputs: Vec<Option<Value>>,
    /// Problems of the config that do not stop it.
    pub warnings: Vec<Issue>,
}

type Configure = fn(&RegisteredType, &Map, &Registry, &Nesting) -> Result<NodeConfig, Vec<Issue>>;

/// A node type as the registry knows it.
pub struct RegisteredType {
    spec: Spec,
    schema: OnceLock<Json>,
    struct_schema: fn() -> Json,
    configure: Configure,
}

impl RegisteredType {
    pub(crate) fn of<T: NodeType>() -> Self {
        Self {
            spec: T::spec(),
            schema: OnceLock::new(),
            struct_schema: || {
                let generator =
                    SchemaGenerator::new(SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true));
                generator.into_root_schema_for::<T>().to_value()
            },
            configure: configure::<T>,
        }
    }

    /// What the type declares about itself.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// The JSON Schema (draft 2020-12) of the type's config: static parameters and inputs.
    #[must_use]
    pub fn schema(&self) -> &Json {
        self.schema.get_or_init(|| schema(&self.spec, (self.struct_schema)()))
    }

    /// Reads a document's config.
    ///
    /// # Errors
    /// Every problem found.
    pub fn configure(
        &self,
        config: &Map,
        registry: &Registry,
        nesting: &Nesting,
    ) -> Result<NodeConfig, Vec<Issue>> {
        (self.configure)(self, config, registry, nesting)
    }
}

fn configure<T: NodeType>(
    this: &RegisteredType,
    config: &Map,
    registry: &Registry,
    nesting: &Nesting,
) -> Result<NodeConfig, Vec<Issue>> {
    let spec_ports = &this.spec.ports;
    let is_static = |(key, value): &(&Text, &Value)| spec_ports.input(key).is_none() && !value.is_null();
    let fields = config.iter().filter(is_static).map(|(key, value)| (key.as_str(), value));
    let mut node = T::deserialize(MapDeserializer::new(fields.clone())).map_err(|_| {
        let inputs = spec_ports.inputs.iter();
        let mut issues = wrong_fields::<T>(this, fields.collect());
        inputs.for_each(|input| drop(input_value(input, config, &mut issues)));
        issues
    })?;
    let (ports, effect, honours_key) = (spec_ports.clone(), this.spec.effect, this.spec.honours_key);
    let mut setup =
        Setup { registry, config, ports, effect, honours_key, issues: Vec::new(), nesting: nesting.clone() };
    if let Err(error) = node.configure(&mut setup) {
        setup.issues.push(Issue::from_error(&error).in_config());
    }
    let Setup { ports, effect, honours_key, mut issues, .. } = setup;
    let inputs = ports.inputs.iter().map(|input| input_value(input, config, &mut issues)).collect();
    if issues.iter().any(Issue::is_error) {
        return Err(issues);
    }
    Ok(NodeConfig { node: Arc::new(node), ports, effect, honours_key, inputs, warnings: issues })
}

/// Everything that is wrong with fields that do not make a `T`. Keeping track of the path costs allocations, and only an
/// error needs it.
fn wrong_fields<T: NodeType>(this: &RegisteredType, mut fields: Vec<(&str, &Value)>) -> Vec<Issue> {
    let mut issues = Vec::new();
    loop {
        let Err(error) =
            serde_path_to_error::deserialize::<_, T>(MapDeserializer::new(fields.iter().copied()))
        else {
            return issues;
        };
        let path = error.path().to_string();
        let message = error.into_inner().to_string();
        // What is missing may be there under a name that is not known.
        if !issues.is_empty() && message.starts_with("missing field") {
            return issues;
        }
        issues.push(config_issue(this, &path, &message));
        // Without an unknown field the next problem shows; any other hides what comes behind it.
        let before = fields.len();
        let unknown = unknown_field(&message);
        fields.retain(|(name, _)| Some(*name) != unknown);
        if fields.len() == before {
            return issues;
        }
    }
}

fn unknown_field(message: &str) -> Option<&str> {
    message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next())
}

fn input_value(input: &Input, config: &Map, issues: &mut Vec<Issue>) -> Option<Value> {
    let value = config.get(&input.name).filter(|value| !value.is_null())?;
    if !input.kind.accepts(value) {
        let message = format!("`{}` wants {}, not {}", input.name, input.kind, value.kind());
        issues.push(Issue::error("config.kind", message).at(format!("config.{}", input.name)));
    }
    Some(value.clone())
}

fn config_issue(this: &RegisteredType, path: &str, message: &str) -> Issue {
    let place = if path == "." { "config".to_owned() } else { format!("config.{path}") };
    let Some(unknown) = unknown_field(message) else {
        let issue = Issue::error("config.invalid", message.to_owned()).at(place);
        return match message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            Some(field) => issue.hint(format!("give `{field}` in the node's config")),
            None => issue,
        };
    };
    let schema = this.schema();
    let known: Vec<&str> =
        schema["properties"].as_object().map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default();
    let issue =
        Issue::error("config.unknown", format!("{} has no parameter `{unknown}`", this.spec.name)).at(place);
    match nearest(unknown, known.iter().copied()) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None if known.is_empty() => issue.hint("it takes no parameters"),
        None => issue.hint(format!("it has: {}", known.join(", "))),
    }
}

fn schema(spec: &Spec, mut schema: Json) -> Json {
    if !schema["properties"].is_object() {
        schema["properties"] = json!({});
    }
    let mut required: Vec<Json> = schema["required"].as_array().cloned().unwrap_or_default();
    for input in spec.ports.inputs.iter() {
        let mut property = input.kind.schema();
        property["description"] = json!(input.doc);
        property["x-input"] = json!(if input.required { "required" } else { "optional" });
        if let Some(default) = &input.default {
            property["default"] = serde_json::to_value(default).unwrap_or(Json::Null);
        }
        schema["properties"][input.name.as_str()] = property;
    }
    required.sort_by_key(|name| name.as_str().map(str::to_owned));
    if !required.is_empty() {
        schema["required"] = Json::Array(required);
    }
    schema["title"] = json!(spec.name);
    schema["description"] = json!(spec.summary);
    schema["type"] = json!("object");
    schema["additionalProperties"] = json!(spec.config_ports);
    schema
}

impl std::fmt::Debug for NodeConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeConfig")
            .field("ports", &self.ports)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

impl NodeConfig {
    /// Builds the node's body.
    ///
    /// # Errors
    /// As [`NodeType::build`].
    pub fn build(&self, cx: &crate::node::BuildContext<'_>) -> Result<crate::node::Body, Error> {
        self.node.build(cx)
    }
}

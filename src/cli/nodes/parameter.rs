//! The parameters of a node type in one list: inputs as the spec has them, static ones as the schema has them.

use kailash_core::RegisteredType;
use serde_json::Value as Json;

/// A parameter.
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: String,
    /// What it takes: `text`, `list`, or the names of a choice.
    pub(super) kind: String,
    /// Whether there is no run without it.
    pub(super) required: bool,
    /// The value when nothing else gives one, as JSON.
    pub(super) default: Option<String>,
    /// Whether it is read when the workflow is built, and not at each run.
    pub(super) is_static: bool,
    /// Whether items may arrive over a stream connection.
    pub(super) streams: bool,
    /// What it means.
    pub(super) doc: String,
}

impl Parameter {
    /// `required`, `default X` or `optional`.
    pub(super) fn need(&self) -> String {
        match (&self.default, self.required) {
            (Some(default), _) => format!("default {default}"),
            (None, true) => "required".to_owned(),
            (None, false) => "optional".to_owned(),
        }
    }

    /// `static` or `input`, and whether it streams.
    pub(super) fn way(&self) -> &'static str {
        match (self.is_static, self.streams) {
            (true, _) => "static",
            (false, true) => "input, streams",
            (false, false) => "input",
        }
    }
}

/// The parameters of `registered`: inputs in their order, then static ones.
pub(super) fn parameters(registered: &RegisteredType) -> Vec<Parameter> {
    let ports = &registered.spec().ports;
    let inputs = ports.inputs.iter().map(|input| Parameter {
        name: input.name.to_string(),
        kind: input.kind.to_string(),
        required: input.required,
        default: input.default.as_ref().and_then(|value| value.to_json().ok()),
        is_static: false,
        streams: input.streams,
        doc: input.doc.to_string(),
    });
    let schema = registered.schema();
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let properties = schema["properties"].as_object().into_iter().flatten();
    let fixed =
        properties.filter(|(name, _)| ports.input(name).is_none()).map(|(name, property)| Parameter {
            name: name.clone(),
            kind: kind(property),
            required: required.contains(&name.as_str()),
            default: property.get("default").filter(|default| !default.is_null()).map(Json::to_string),
            is_static: true,
            streams: false,
            doc: property["description"].as_str().unwrap_or_default().replace('\n', " "),
        });
    inputs.chain(fixed).collect()
}

/// What a property takes, in Kailash's names of kinds.
fn kind(property: &Json) -> String {
    let name = |name: &str| match name {
        "string" => "text".to_owned(),
        "boolean" => "bool".to_owned(),
        "integer" => "int".to_owned(),
        "object" => "map".to_owned(),
        "array" => "list".to_owned(),
        other => other.to_owned(),
    };
    if let Some(values) = property["enum"].as_array() {
        let values = values.iter().filter(|value| !value.is_null());
        return values
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(" | ");
    }
    if let Some(value) = property["const"].as_str() {
        return value.to_owned();
    }
    match &property["type"] {
        Json::String(one) => return name(one),
        Json::Array(several) => {
            let kinds = several.iter().filter_map(Json::as_str).filter(|kind| *kind != "null");
            return kinds.map(name).collect::<Vec<_>>().join(" | ");
        }
        _ => {}
    }
    let choices = ["anyOf", "oneOf"].iter().find_map(|key| property[key].as_array());
    let mut kinds: Vec<String> =
        choices.into_iter().flatten().filter(|choice| choice["type"] != "null").map(kind).collect();
    kinds.retain(|kind| !kind.is_empty());
    kinds.dedup();
    if kinds.is_empty() { "any".to_owned() } else { kinds.join(" | ") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::kind;
    use crate::cli::load;

    #[test]
    fn a_choice_that_may_be_left_out_says_what_holds_then() {
        let registry = load::registry().unwrap();
        for registered in registry.types() {
            let schema = registered.schema();
            for (name, property) in schema["properties"].as_object().into_iter().flatten() {
                let required =
                    schema["required"].as_array().is_some_and(|names| names.contains(&json!(name)));
                let chosen = property["enum"].is_array()
                    || property["oneOf"]
                        .as_array()
                        .is_some_and(|all| all.iter().all(|one| one["const"].is_string()));
                let said = required || property.get("default").is_some();
                assert!(!chosen || said, "{} of {}", name, registered.spec().name);
            }
        }
    }

    #[test]
    fn kinds_are_said_in_kailash_names() {
        assert_eq!(kind(&json!({"type": "string"})), "text");
        assert_eq!(kind(&json!({"type": ["integer", "null"]})), "int");
        assert_eq!(kind(&json!({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]})), "a | b");
        assert_eq!(kind(&json!({"oneOf": [{"const": "x"}, {"const": "null"}]})), "x | null");
        assert_eq!(kind(&json!({})), "any");
    }
}

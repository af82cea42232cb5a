//! The document with every object closed that has known members, so that an answer with one more is a finding.

use serde_json::Value as Json;

/// Closes the schemas of `document`. Clients get them open: members may be added.
pub(crate) fn close(document: &mut Json) {
    document["components"]["schemas"].as_object_mut().expect("schemas").values_mut().for_each(close_schema);
}

fn close_schema(schema: &mut Json) {
    match schema {
        Json::Object(fields) => {
            let known = fields.get("type").is_some_and(|kind| kind == "object")
                && fields.contains_key("properties")
                && fields.contains_key("required")
                // Documents of another form have more than is told of them.
                && !fields.contains_key("not");
            if known {
                fields.entry("additionalProperties").or_insert(Json::Bool(false));
            }
            fields.values_mut().for_each(close_schema);
        }
        Json::Array(items) => items.iter_mut().for_each(close_schema),
        _ => {}
    }
}

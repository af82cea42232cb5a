//! One operation of the document: what is asked for, what is answered, what is refused.

use serde_json::{Value as Json, json};

use crate::host::keys::Scope;

/// An operation.
pub(super) struct Operation(Json);

impl Operation {
    /// An operation that anybody may use. Whatever it is, the guard may refuse it.
    pub(super) fn open(id: &str, tag: &str, summary: &str) -> Self {
        let response = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
        Self(json!({
            "operationId": id, "tags": [tag], "summary": summary, "security": [], "parameters": [],
            "responses": {
                "401": response("Unauthorized"), "403": response("Forbidden"), "429": response("TooMany"),
                "500": response("Defect"), "503": response("Unavailable"),
            },
        }))
    }

    /// An operation that needs a scope.
    pub(super) fn new(scope: Scope, id: &str, tag: &str, summary: &str) -> Self {
        let Self(mut json) = Self::open(id, tag, summary);
        let scope = scope.as_str();
        json["security"] = json!([{ "bearer": [scope] }, { "key": [scope] }]);
        json["description"] = format!("Scope: `{scope}`.").into();
        Self(json)
    }

    /// It is answered whatever the load and whichever key a request brings.
    pub(super) fn always(mut self) -> Self {
        if let Some(responses) = self.0["responses"].as_object_mut() {
            responses.retain(|status, _| !matches!(status.as_str(), "401" | "429"));
        }
        self
    }

    /// Says more about it.
    pub(super) fn about(mut self, text: &str) -> Self {
        let scope = self.0["description"].as_str().map(|scope| format!("\n\n{scope}")).unwrap_or_default();
        self.0["description"] = format!("{text}{scope}").into();
        self
    }

    /// Adds parameters. Parts of a path may be no UTF-8, and those of a query unknown or ill-formed.
    pub(super) fn parameters(mut self, parameters: impl IntoIterator<Item = Json>) -> Self {
        if let Some(list) = self.0["parameters"].as_array_mut() {
            list.extend(parameters);
        }
        self.refuses(422, "A part of the path or a parameter is wrong.")
    }

    /// What is to be sent, by media type.
    pub(super) fn body(mut self, content: Json) -> Self {
        self.0["requestBody"] = json!({ "required": true });
        self.0["requestBody"]["content"] = content;
        self.refuses(408, "The content did not arrive in time: `http.body_timeout_s`, 30 s by default.")
            .refuses(413, "The content is too large: `http.max_body_bytes`, 4 MiB by default.")
            .refuses(415, "The media type of the content is none of those that are taken.")
            .refuses(422, "The content is wrong; `place` or `issues` say where.")
    }

    /// An answer without content.
    pub(super) fn done(mut self, status: u16, description: &str) -> Self {
        self.0["responses"][status.to_string()] = json!({ "description": description });
        self
    }

    /// An answer, by media type. Problems with the same status stay.
    pub(super) fn answers(mut self, status: u16, description: &str, mut content: Json) -> Self {
        let response = &mut self.0["responses"][status.to_string()];
        if status >= 400 {
            content["application/problem+json"] = json!({ "schema": reference("Problem") });
        }
        *response = json!({ "description": description, "content": content });
        self
    }

    /// A problem.
    pub(super) fn refuses(self, status: u16, description: &str) -> Self {
        self.problem(status, description, "Problem")
    }

    /// A problem of another schema.
    pub(super) fn problem(mut self, status: u16, description: &str, schema: &str) -> Self {
        self.0["responses"][status.to_string()] = json!({
            "description": description,
            "content": { "application/problem+json": { "schema": reference(schema) } },
        });
        if matches!(status, 429 | 503) {
            return self.header(status, "Retry-After", false, retry_after());
        }
        self
    }

    /// A header of the answer with `status`.
    pub(super) fn header(mut self, status: u16, name: &str, always: bool, mut header: Json) -> Self {
        header["required"] = always.into();
        self.0["responses"][status.to_string()]["headers"][name] = header;
        self
    }

    /// Which operation goes on from the answer with `status`, and where its parameter comes from.
    pub(super) fn leads(mut self, status: u16, operation: &str, parameter: &str, from: &str) -> Self {
        self.0["responses"][status.to_string()]["links"][operation] =
            json!({ "operationId": operation, "parameters": { parameter: from } });
        self
    }
}

impl From<Operation> for Json {
    fn from(operation: Operation) -> Self {
        operation.0
    }
}

/// A schema among the components.
pub(super) fn reference(name: &str) -> Json {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Content in JSON of a schema among the components.
pub(super) fn json_of(name: &str) -> Json {
    json!({ "application/json": { "schema": reference(name) } })
}

/// An object whose members are known; all but the `optional` ones are always there.
pub(super) fn object(description: &str, properties: &Json, optional: &[&str]) -> Json {
    let names = properties.as_object().into_iter().flat_map(|properties| properties.keys());
    let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
    let mut object = json!({ "type": "object", "properties": properties, "required": required });
    if !description.is_empty() {
        object["description"] = description.into();
    }
    object
}

/// A part of a path.
pub(super) fn in_path(name: &str, description: &str, schema: &Json) -> Json {
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

/// A part of a query.
pub(super) fn in_query(name: &str, description: &str, schema: &Json) -> Json {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

/// When to try again.
pub(super) fn retry_after() -> Json {
    json!({ "description": "The seconds to wait, where they are known.", "schema": { "type": "integer", "minimum": 1 } })
}

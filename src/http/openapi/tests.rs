//! The document and the router have the same routes, and the document hangs together.

use std::collections::BTreeSet;

use axum::routing::MethodFilter;
use serde_json::Value as Json;

use super::{super::app::routes, document::document};

/// Every operation of the document, with its path and method.
fn operations(document: &Json) -> impl Iterator<Item = (&str, &str, &Json)> {
    document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

/// Calls `seen` with every value in `json`.
fn walk<'j>(json: &'j Json, seen: &mut impl FnMut(&'j Json)) {
    seen(json);
    match json {
        Json::Object(fields) => fields.values().for_each(|value| walk(value, seen)),
        Json::Array(items) => items.iter().for_each(|item| walk(item, seen)),
        _ => {}
    }
}

#[test]
fn the_document_has_every_route_of_the_router_and_no_other() {
    let document = document(true);
    let told: BTreeSet<String> =
        operations(&document).map(|(path, method, _)| format!("{path} {}", method.to_uppercase())).collect();
    let method = |filter| match filter {
        MethodFilter::GET => "GET",
        MethodFilter::POST => "POST",
        MethodFilter::PUT => "PUT",
        MethodFilter::DELETE => "DELETE",
        MethodFilter::PATCH => "PATCH",
        other => panic!("{other:?} needs its name here"),
    };
    let served: BTreeSet<String> =
        routes().iter().map(|route| format!("{} {}", route.path, method(route.method))).collect();
    assert_eq!(told, served);
}

#[test]
fn an_operation_names_every_part_of_its_path() {
    let document = document(true);
    for (path, method, operation) in operations(&document) {
        let parts: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let named: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(parts, named, "{method} {path}");
    }
}

#[test]
fn every_reference_and_link_leads_somewhere_and_no_schema_is_left_over() {
    let document = document(true);
    let (mut used, mut linked) = (BTreeSet::new(), BTreeSet::new());
    walk(&document, &mut |json| {
        used.extend(json["$ref"].as_str());
        if let Some(links) = json["links"].as_object() {
            linked.extend(links.values().map(|link| link["operationId"].as_str().unwrap()));
        }
    });
    for reference in &used {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(used.contains(format!("#/components/schemas/{name}").as_str()), "nothing uses {name}");
    }
    let ids: Vec<&str> =
        operations(&document).map(|(_, _, operation)| operation["operationId"].as_str().unwrap()).collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "an id is used twice: {ids:?}");
    assert!(linked.is_subset(&once), "{linked:?}");
}

#[test]
fn a_key_is_optional_only_where_the_host_needs_none() {
    for needed in [true, false] {
        let document = document(needed);
        for (path, _, operation) in operations(&document) {
            let ways = operation["security"].as_array().unwrap();
            let open = matches!(path, "/health" | "/ready" | "/openapi.json");
            assert_eq!(ways.is_empty(), open, "{path}");
            assert_eq!(ways.contains(&serde_json::json!({})), !needed && !open, "{path}");
        }
    }
}

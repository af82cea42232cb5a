//! Each operation needs the scope that the document tells.

use serde_json::Value as Json;

use crate::host::Host;

const SCOPES: [&str; 3] = ["read", "execute", "manage"];

/// The scope that the document tells, if the operation needs any.
fn told(operation: &Json) -> Option<&str> {
    operation["security"][0]["bearer"][0].as_str()
}

#[test]
fn each_operation_needs_the_scope_that_it_tells_and_no_other() {
    let host = Host::start(true);
    let keys = SCOPES.map(|scope| (scope, host.add_key(scope)));
    let document = host.get("/openapi.json");
    let mut asked = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{run}", "01920000-0000-7000-8000-000000000000");
        let path = path.replace("{name}", "nothing").replace("{type}", "Nothing");
        for (method, operation) in methods.as_object().expect("methods") {
            let first = format!("{} {path} HTTP/1.1", method.to_uppercase());
            let told = told(operation);
            assert_eq!(host.status(&first, None) == 401, told.is_some(), "{first} without a key");
            for (scope, key) in &keys {
                let refused = host.status(&first, Some(key)) == 403;
                assert_eq!(refused, told.is_some_and(|told| told != *scope), "{first} with `{scope}`");
                asked += 1;
            }
        }
    }
    assert!(asked > 60, "only {asked} requests");
}

//! What the tools say of the document and of the host.

use serde_json::json;

use crate::{
    closed::close,
    host::Host,
    tools::{run, tool},
};

/// How many requests are made up for an operation, and what they grow from. For a longer test:
/// `KAILASH_OPENAPI_EXAMPLES=1000 KAILASH_OPENAPI_SEED=7 cargo nextest run --test openapi`.
fn amount() -> (String, String) {
    let or = |name, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.to_owned());
    (or("KAILASH_OPENAPI_EXAMPLES", "25"), or("KAILASH_OPENAPI_SEED", "1"))
}

#[test]
fn the_document_is_valid_openapi_with_and_without_keys() {
    for key_needed in [true, false] {
        let host = Host::start(key_needed);
        let file = host.folder().join("openapi.json");
        std::fs::write(&file, host.get("/openapi.json").to_string()).expect("a file");
        run(tool("openapi-spec-validator").args(["--schema", "3.1"]).arg(file));
    }
}

/// Every check of schemathesis, against every operation but `/events`, `/runs/{run}/events` and `/ws`, whose streams have
/// no end.
#[test]
fn generated_requests_are_answered_as_the_document_says() {
    let (host, (examples, seed)) = (Host::start(true), amount());
    let mut document = host.get("/openapi.json");
    close(&mut document);
    let (file, config) = (host.folder().join("openapi.json"), host.folder().join("schemathesis.toml"));
    std::fs::write(&file, document.to_string()).expect("a file");
    std::fs::write(&config, include_str!("schemathesis.toml").replace("[]", &runs(&host))).expect("a file");
    run(tool("st")
        .arg("--config-file")
        .arg(&config)
        .arg("run")
        .arg(&file)
        .current_dir(host.folder())
        .args(["--url", &host.url(), "--header", &format!("Authorization: Bearer {}", host.key)])
        .args(["--checks", "all", "--max-examples", &examples, "--seed", &seed, "--max-response-time", "10"])
        .args(["--generation-database", "none", "--max-failures", "10", "--no-color"]));
    let log = host.stop();
    assert!(!log.contains("panicked"), "{log}");
}

/// Runs that completed, failed, and wait for a signal and for a time, as a list.
fn runs(host: &Host) -> String {
    let begun = [
        ("completed", json!({ "workflow": "add" })),
        ("failed", json!({ "workflow": "add", "inputs": { "a": "x" } })),
        ("suspended", json!({ "workflow": "approve" })),
        ("suspended", json!({ "workflow": "later" })),
    ];
    let ids = begun.iter().map(|(status, request)| {
        let told = host.post("/execute", request);
        assert!([&told["status"], &told["run_status"]].contains(&&json!(status)), "{told}");
        told["run_id"].to_string()
    });
    format!("[{}]", ids.collect::<Vec<_>>().join(", "))
}

//! The law of the arrows: which crate may lean on which, read from what cargo itself says.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// For each crate of the workspace, the crates of the workspace that it may depend on.
const MAY_USE: [(&str, &[&str]); 6] = [
    ("base2histogram", &[]),
    ("kailash-core", &[]),
    ("kailash-runtime", &["kailash-core"]),
    ("kailash-edge", &["kailash-core"]),
    ("kailash-nodes", &["kailash-core", "kailash-edge"]),
    ("kailash", &["kailash-core", "kailash-runtime", "kailash-edge", "kailash-nodes"]),
];

/// Crates that the core may never pull in: it knows no executor and no network.
const NOT_IN_CORE: [&str; 8] = ["tokio", "reqwest", "hyper", "axum", "rayon", "socket2", "mio", "async-std"];

/// For each crate of the workspace, its dependencies outside tests.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let of = |package: &Value| {
        let listed = package["dependencies"].as_array().cloned().unwrap_or_default();
        listed.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    packages.iter().map(|package| (name(package), of(package))).collect()
}

#[test]
fn arrows_point_only_where_the_law_allows() {
    let dependencies = dependencies();
    assert_eq!(
        dependencies.len(),
        MAY_USE.len(),
        "a new crate needs its arrows in this table: {dependencies:?}"
    );
    for (name, allowed) in MAY_USE {
        let used = &dependencies[name];
        for other in MAY_USE.map(|(other, _)| other).iter().filter(|other| used.iter().any(|u| u == *other)) {
            assert!(allowed.contains(other), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn the_core_knows_no_executor_and_no_network() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["tree", "-p", "kailash-core", "-e", "normal", "--prefix", "none", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree runs");
    let tree = String::from_utf8(output.stdout).expect("cargo tree prints text");
    assert!(tree.contains("kailash-core"), "cargo tree failed: {}", String::from_utf8_lossy(&output.stderr));
    for forbidden in NOT_IN_CORE {
        assert!(
            !tree.lines().any(|line| line.split(' ').next() == Some(forbidden)),
            "kailash-core pulls in {forbidden}"
        );
    }
}

#[test]
fn no_source_file_is_longer_than_two_ideas() {
    let root = env!("CARGO_MANIFEST_DIR");
    let mut long = Vec::new();
    for tree in ["src", "kailash-core/src", "kailash-runtime/src", "kailash-edge/src", "nodes/src"] {
        for entry in walkdir::WalkDir::new(format!("{root}/{tree}")) {
            let entry = entry.expect("the source tree can be walked");
            if entry.path().extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(entry.path()).expect("a source file can be read");
                assert!(text.starts_with("//!"), "{} does not open with its duty", entry.path().display());
                if text.lines().count() > 600 {
                    long.push(entry.path().display().to_string());
                }
            }
        }
    }
    assert!(long.is_empty(), "files past 600 lines want a redesign: {long:?}");
}

/// A library user of core and the local runtime compiles few crates.
#[test]
fn core_and_the_local_runtime_lean_on_fewer_than_sixty_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "kailash-runtime", "--no-default-features"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tells the tree");
    let tree = String::from_utf8(output.stdout).expect("text");
    let crates: std::collections::BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split(" (").next()).filter(|line| !line.is_empty()).collect();
    println!("{} crates", crates.len());
    assert!(crates.contains(format!("kailash-core v{}", env!("CARGO_PKG_VERSION")).as_str()), "{tree}");
    assert!(crates.len() < 60, "{} crates: {crates:?}", crates.len());
}

//! The types that documents may carry and that a build may lack: those of features, and those that are yet to come.

use kailash_core::Registry;

/// The types of each feature.
const BY_FEATURE: &[(&str, &[&str])] = &[
    ("edge", &["EdgeCoordination", "EdgeStateMachine"]),
    ("http", &["HTTPRequest", "RESTClient", "RateLimitedAPI", "GraphQL", "WebSocket"]),
    ("kafka", &["KafkaConsumer", "StreamPublisher"]),
    ("mqtt", &["MQTTPublish", "MQTTSubscribe"]),
    ("sql", &["SQLDatabase", "SQLBulkUpsert"]),
];

/// The types of each family that is yet to come.
const PROMISED: &[(&str, &[&str])] = &[
    ("coordination", &["EdgeData", "EdgeAffinity"]),
    ("edge", &["EdgeWarming", "EdgeMonitoring", "EdgeMigration"]),
    (
        "resources",
        &[
            "ResourceAnalyzer",
            "ResourceScaler",
            "ResourceOptimizer",
            "Kubernetes",
            "Docker",
            "Cloud",
            "Platform",
        ],
    ),
    ("llm", &["LLMAgent", "Embedding"]),
];

/// Names every type that may be lacking, and says what it is part of.
pub(crate) fn announce(registry: &mut Registry) {
    for (feature, names) in BY_FEATURE {
        for name in *names {
            registry.announce(name, format!("build with the feature `{feature}`"));
        }
    }
    for (family, names) in PROMISED {
        for name in *names {
            registry.announce(name, format!("the family `{family}` is yet to come"));
        }
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::Registry;

    #[test]
    fn every_type_is_there_or_said_not_to_be() {
        let mut registry = Registry::new();
        crate::register_all(&mut registry).unwrap();
        for name in [
            "SwitchNode",
            "MergeNode",
            "PythonCodeNode",
            "DataTransformer",
            "WorkflowNode",
            "TextSplitterNode",
        ] {
            assert!(registry.get(name).is_ok(), "{name}");
        }
        let error = registry.get("EdgeDataNode").err().unwrap();
        assert_eq!(error.code(), "node.type.not_built");
        assert_eq!(error.hint(), Some("the family `coordination` is yet to come"));
        for (_, names) in super::PROMISED {
            for name in *names {
                assert_eq!(registry.get(name).err().unwrap().code(), "node.type.not_built", "{name}");
            }
        }
    }

    #[test]
    fn a_type_of_a_feature_is_there_with_it_and_named_with_it() {
        let mut registry = Registry::new();
        super::announce(&mut registry);
        for (feature, names) in super::BY_FEATURE {
            for name in *names {
                let error = registry.get(name).err().unwrap();
                assert_eq!(error.hint(), Some(&*format!("build with the feature `{feature}`")), "{name}");
            }
        }
        let mut registry = Registry::new();
        crate::register_all(&mut registry).unwrap();
        for (feature, names) in super::BY_FEATURE {
            let built = match *feature {
                "edge" => cfg!(feature = "edge"),
                "http" => cfg!(feature = "http"),
                "kafka" => cfg!(feature = "kafka"),
                "mqtt" => cfg!(feature = "mqtt"),
                "sql" => cfg!(feature = "sql"),
                other => panic!("{other}"),
            };
            assert!(names.iter().all(|name| registry.get(name).is_ok() == built), "{feature}");
        }
    }

    #[test]
    fn every_type_has_a_schema_whose_parameters_are_described() {
        let mut registry = Registry::new();
        crate::register_all(&mut registry).unwrap();
        for registered in registry.types() {
            let properties = registered.schema()["properties"].as_object().unwrap();
            for (name, property) in properties {
                let doc = property["description"].as_str().unwrap_or_default();
                assert!(!doc.is_empty(), "{}.{name} has no description", registered.spec().name);
            }
        }
    }

    #[test]
    fn the_default_services_are_enough_for_python() {
        let services = crate::default_services().unwrap();
        assert!(services.get::<crate::code::python::PythonPool>().is_some());
    }
}

//! The types that documents may carry and that this build does not have yet.

use kailash_core::Registry;

const PROMISED: &[(&str, &[&str])] = &[
    ("coordination", &["EdgeCoordination", "EdgeStateMachine", "EdgeData", "EdgeAffinity"]),
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
    #[cfg(not(feature = "kafka"))]
    ("stream", &["KafkaConsumer", "StreamPublisher"]),
    ("llm", &["LLMAgent", "Embedding"]),
];

/// Names every promised type with the family it belongs to.
pub(crate) fn announce(registry: &mut Registry) {
    for (family, names) in PROMISED {
        for name in *names {
            registry.announce(name, family);
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
        let error = registry.get("EdgeCoordinationNode").err().unwrap();
        assert_eq!(error.code(), "node.type.not_built");
        assert!(error.message().contains("coordination"));
        for (_, names) in super::PROMISED {
            for name in *names {
                assert_eq!(registry.get(name).err().unwrap().code(), "node.type.not_built", "{name}");
            }
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

//! A workflow as a node of another one.

use std::collections::BTreeMap;

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, NodeType, Output, Ports, Repeat, Scope, Setup, Spec},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    inner::{self, Inside, Mapped, Rest},
    mapping::{InputEnds, OutputEnd},
};

const STATICS: [&str; 4] = ["workflow", "workflow_file", "input_mapping", "output_mapping"];
const RESULTS: &str = "results";

/// Runs a workflow as one node.
///
/// Without `input_mapping` every inner input that has no connection is an input called `{node}_{input}`; without
/// `output_mapping` every output of a node that nothing follows is an output called `{node}_{output}`.
#[derive(Deserialize, JsonSchema)]
pub struct Workflow {
    /// The inner workflow, as a document in any form.
    #[serde(default, alias = "workflow_dict")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    workflow: Option<Value>,
    /// The path of a file with the inner workflow, in JSON or YAML, in place of `workflow`.
    #[serde(default, alias = "workflow_path")]
    workflow_file: Option<String>,
    /// The inputs of this node, each with the inner input that gets its value, or a list of them: `node.parameter`, or a
    /// map of `node` and `parameter`.
    #[serde(default)]
    input_mapping: Option<BTreeMap<String, InputEnds>>,
    /// The outputs of this node, each with the inner output it is taken from: `node.output`, with a dot path if need be,
    /// or a map of `node` and `output`.
    #[serde(default)]
    output_mapping: Option<BTreeMap<String, OutputEnd>>,
    #[serde(flatten)]
    #[schemars(skip)]
    rest: Rest,
    #[serde(skip)]
    scope: Option<Scope>,
}

impl NodeType for Workflow {
    fn spec() -> Spec {
        Spec::new("Workflow", "logic", "Runs a workflow as one node of another workflow.")
            .outputs([results_output()])
            .config_ports()
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        let file = self.workflow_file.as_deref();
        let Some(document) = inner::document(self.workflow.as_ref(), file, setup) else { return Ok(()) };
        let given = self.input_mapping.iter().flatten();
        let mut mapped: Vec<Mapped> =
            given.map(|(name, ends)| Mapped { name: name.into(), ends: ends.ends(&document) }).collect();
        let taken = self.output_mapping.as_ref().map(|mapping| {
            mapping.iter().map(|(name, end)| (name.into(), end.end(&document))).collect::<Vec<_>>()
        });
        let fed: Vec<_> = mapped.iter().flat_map(|mapped| mapped.ends.clone()).collect();
        let Some(workflow) = inner::workflow(document, &fed, file, setup) else { return Ok(()) };
        let inside = Inside::new(&workflow);
        if self.input_mapping.is_none() {
            mapped = inner::all_inputs(&inside);
        }
        let (mut inputs, mut feeds) = (Vec::with_capacity(mapped.len()), Vec::with_capacity(mapped.len()));
        for (outer, mapped) in mapped.iter().enumerate() {
            let place = format!("config.input_mapping.{}", mapped.name);
            let (input, fed) = inner::input(&inside, mapped, outer, &place, setup);
            inputs.push(input);
            feeds.extend(fed);
        }
        let (mut outputs, mut taps) = (Vec::new(), Vec::new());
        for (name, end) in taken.unwrap_or_else(|| inner::exit_outputs(&inside)) {
            let place = format!("config.output_mapping.{name}");
            if let Some(tap) = inner::tap(&inside, &end, &place, setup) {
                outputs.push(Output::new(
                    &name,
                    Kind::Any,
                    &format!("`{}` of inner node `{}`", end.1, end.0),
                ));
                taps.push(tap);
            }
        }
        let results_at = outputs.iter().all(|output| output.name != RESULTS).then_some(outputs.len());
        if results_at.is_some() {
            outputs.push(results_output());
        }
        inner::check_fed(&inside, &feeds, setup);
        inner::check_names(self.rest.keys(), &inputs, &STATICS, setup);
        setup.ports = Ports { inputs: inputs.into(), outputs: outputs.into(), open_inputs: false };
        self.scope =
            Some(Scope { workflow, feeds, taps, repeat: Repeat::Once { results_at, error_at: None } });
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let scope = self.scope.clone();
        scope.map(Body::scope).ok_or_else(|| Error::internal("a nested workflow was not configured"))
    }
}

fn results_output() -> Output {
    Output::new(
        RESULTS,
        Kind::Map,
        "the outputs of every inner node, by id; null for a node that was not run",
    )
}

#[cfg(test)]
mod tests {
    use kailash_core::{
        NodeConfig, Registry, Services, Text,
        node::{Effect, Whole},
        validate::{Issue, Nesting},
        value,
    };

    use super::*;

    fn configure(config: &Value) -> Result<NodeConfig, Vec<Issue>> {
        let mut registry = Registry::new();
        crate::logic::register(&mut registry).unwrap();
        crate::code::register(&mut registry).unwrap();
        registry.get("WorkflowNode").unwrap().configure(
            config.as_map().unwrap(),
            &registry,
            &Nesting::default(),
        )
    }

    fn scope(node: &NodeConfig) -> Scope {
        let cx = BuildContext { services: &Services::default(), node: &Text::from("outer"), inputs: &[] };
        match node.build(&cx).unwrap().whole {
            Some(Whole::Scope(scope)) => (*scope).clone(),
            _ => panic!("a nested workflow has a scope"),
        }
    }

    fn names<'n>(names: impl Iterator<Item = &'n Text>) -> Vec<&'n str> {
        names.map(Text::as_str).collect()
    }

    fn two_merges() -> Value {
        value!({
            "nodes": [
                {"id": "first", "type": "Switch", "config": {"value": 1}},
                {"id": "last", "type": "Merge", "config": {}},
            ],
            "connections": [
                {"from_node": "first", "from_output": "true_output", "to_node": "last", "to_input": "data1"},
            ],
        })
    }

    #[test]
    fn without_mappings_every_open_end_is_a_port() {
        let node = configure(&value!({"workflow": (two_merges())})).unwrap();
        let inputs = names(node.ports.inputs.iter().map(|input| &input.name));
        assert_eq!(
            inputs[..4],
            ["first_input_data", "first_condition_field", "first_operator", "first_value"]
        );
        assert!(inputs.contains(&"last_data2") && !inputs.contains(&"last_data1"));
        assert!(node.ports.inputs[0].required && !node.ports.inputs[3].required);
        assert_eq!(
            names(node.ports.outputs.iter().map(|output| &output.name)),
            ["last_merged_data", "results"]
        );
        let scope = scope(&node);
        assert!(matches!(scope.repeat, Repeat::Once { results_at: Some(1), error_at: None }));
        assert_eq!(scope.feeds[1].input, "condition_field");
    }

    #[test]
    fn mappings_name_the_ports() {
        let config = value!({
            "workflow": (two_merges()),
            "input_mapping": {"x": {"node": "first", "parameter": "input_data"}, "y": ["last.data2", "last.data3"]},
            "output_mapping": {"out": {"node": "last", "output": "merged_data"}, "head": "last.merged_data.0"},
            "x": 5,
        });
        let node = configure(&config).unwrap();
        assert_eq!(names(node.ports.inputs.iter().map(|input| &input.name)), ["x", "y"]);
        assert_eq!(node.inputs, [Some(value!(5)), None]);
        assert_eq!(names(node.ports.outputs.iter().map(|output| &output.name)), ["head", "out", "results"]);
        let scope = scope(&node);
        assert_eq!(scope.feeds.iter().map(|feed| feed.outer).collect::<Vec<_>>(), [0, 1, 1]);
        assert_eq!(scope.taps[0].path.as_ref().map(ToString::to_string).as_deref(), Some("0"));
    }

    #[test]
    fn variables_of_code_can_be_mapped() {
        let config = value!({
            "workflow": {"nodes": {"py": {"type": "PythonCode", "config": {"code": "result = x", "sandbox_mode": "trusted"}}}, "connections": []},
            "input_mapping": {"x": "py.x"},
        });
        let node = configure(&config).unwrap();
        assert_eq!(node.effect, Effect::Effectful);
        let scope = scope(&node);
        assert_eq!(names(scope.workflow.nodes()[0].inputs.iter()), ["x"]);
    }

    #[test]
    fn problems_inside_are_all_reported_with_their_place() {
        let config = value!({"workflow": {
            "nodes": [{"id": "a", "type": "Swich"}, {"id": "b", "type": "Merge", "config": {"merge_typ": "zip"}}],
            "connections": [],
        }});
        let issues = configure(&config).unwrap_err();
        assert_eq!(issues.len(), 2, "{issues:?}");
        assert_eq!(issues[0].place.as_deref(), Some("config.workflow.nodes[0].type"));
        assert!(issues[1].message.contains("inner node `b`"), "{:?}", issues[1]);
    }

    #[test]
    fn mappings_that_lead_nowhere_are_all_reported() {
        let config = value!({
            "workflow": (two_merges()),
            "input_mapping": {"a": "frist.input_data", "b": "last.data9", "c": "last.data1"},
            "output_mapping": {"d": "last.merged"},
            "e": 1,
        });
        let issues = configure(&config).unwrap_err();
        let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
        let expected = [
            "workflow.node.unknown",
            "workflow.input.unknown",
            "workflow.input.connected",
            "workflow.output.unknown",
            "input.missing",
            "config.unknown",
        ];
        assert_eq!(codes, expected);
        assert_eq!(issues[0].hint.as_deref(), Some("did you mean `first`?"));
    }

    #[test]
    fn a_workflow_comes_from_one_place() {
        assert_eq!(configure(&value!({})).unwrap_err()[0].code, "workflow.source");
        let issues = configure(&value!({"workflow_file": "/no/such/file.json"})).unwrap_err();
        assert_eq!(
            (issues[0].code.as_str(), issues[0].place.as_deref()),
            ("io.not_found", Some("config.workflow_file"))
        );
    }

    #[test]
    fn a_file_holds_a_workflow_and_nesting_has_an_end() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("self.json");
        let own = value!({"nodes": [{"id": "again", "type": "Workflow", "config": {"workflow_file": (file.to_str().unwrap())}}], "connections": []});
        std::fs::write(&file, own.to_json().unwrap()).unwrap();
        let issues = configure(&value!({"workflow_file": (file.to_str().unwrap())})).unwrap_err();
        assert_eq!(issues[0].code, "workflow.depth");
        std::fs::write(&file, two_merges().to_json().unwrap()).unwrap();
        assert!(configure(&value!({"workflow_file": (file.to_str().unwrap())})).is_ok());
    }
}

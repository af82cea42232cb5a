//! A workflow that runs once for each item of a list.

use std::collections::BTreeMap;

use kailash_core::{
    Error, Kind, Result, Value,
    node::{Body, BuildContext, Input, NodeType, OnItemError, Output, Ports, Repeat, Scope, Setup, Spec},
    validate::Issue,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    inner::{self, Inside, Mapped, Rest},
    mapping::{InputEnds, OutputEnd},
};

const STATICS: [&str; 7] =
    ["workflow", "workflow_file", "item", "output", "input_mapping", "max_concurrency", "on_error"];

/// Runs a workflow once for each item of a list.
#[derive(Deserialize, JsonSchema)]
pub struct ForEach {
    /// The workflow that is run for each item, as a document in any form.
    #[serde(default, alias = "workflow_dict")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    workflow: Option<Value>,
    /// The path of a file with that workflow, in JSON or YAML, in place of `workflow`.
    #[serde(default, alias = "workflow_path")]
    workflow_file: Option<String>,
    /// The inner input that gets the item, or a list of them: `node.parameter`, or a map of `node` and `parameter`.
    item: InputEnds,
    /// The inner output that is collected: `node.output`, with a dot path if need be, or a map of `node` and `output`. It
    /// can be left out where the inner workflow ends in a single output.
    #[serde(default)]
    output: Option<OutputEnd>,
    /// Further inputs of this node that have the same value for every item, each with the inner input that gets it.
    #[serde(default)]
    input_mapping: BTreeMap<String, InputEnds>,
    /// How many items may be under way at a time, at least 1.
    #[serde(default = "default_concurrency")]
    max_concurrency: usize,
    /// What an item that fails does: fail fails the node, null makes its result null.
    #[serde(default)]
    on_error: OnItemError,
    #[serde(flatten)]
    #[schemars(skip)]
    rest: Rest,
    #[serde(skip)]
    scope: Option<Scope>,
}

fn default_concurrency() -> usize {
    10
}

impl NodeType for ForEach {
    fn spec() -> Spec {
        Spec::new(
            "ForEach",
            "logic",
            "Runs a workflow once for each item of a list and collects what it gives.",
        )
        .inputs([Input::required("items", Kind::List, "The items.")])
        .config_ports()
        .outputs([Output::new(
            "results",
            Kind::List,
            "What the workflow gave for each item, in the order of the items.",
        )])
    }

    fn configure(&mut self, setup: &mut Setup<'_>) -> Result<()> {
        if self.max_concurrency == 0 {
            let issue = Issue::error("config.max_concurrency", "max_concurrency is 0: no item could be run");
            setup.issues.push(issue.at("config.max_concurrency"));
        }
        let file = self.workflow_file.as_deref();
        let Some(document) = inner::document(self.workflow.as_ref(), file, setup) else { return Ok(()) };
        let item = Mapped { name: "items".into(), ends: self.item.ends(&document) };
        let shared = self.input_mapping.iter();
        let shared: Vec<Mapped> =
            shared.map(|(name, ends)| Mapped { name: name.into(), ends: ends.ends(&document) }).collect();
        let output = self.output.as_ref().map(|output| output.end(&document));
        let fed: Vec<_> = [&item].into_iter().chain(&shared).flat_map(|mapped| mapped.ends.clone()).collect();
        let Some(workflow) = inner::workflow(document, &fed, file, setup) else { return Ok(()) };
        let inside = Inside::new(&workflow);
        let (_, mut feeds) = inner::input(&inside, &item, 0, "config.item", setup);
        let mut inputs = setup.ports.inputs.to_vec();
        for (outer, mapped) in (1..).zip(&shared) {
            let place = format!("config.input_mapping.{}", mapped.name);
            let (input, fed) = inner::input(&inside, mapped, outer, &place, setup);
            inputs.push(input);
            feeds.extend(fed);
        }
        let exits = inner::exit_outputs(&inside);
        let output = output.or_else(|| (exits.len() == 1).then(|| exits[0].1.clone()));
        let tap = match output {
            Some(end) => inner::tap(&inside, &end, "config.output", setup),
            None => {
                let known: Vec<String> =
                    exits.iter().map(|(_, (node, name))| format!("{node}.{name}")).collect();
                let issue = Issue::error("workflow.output.unclear", "`output` must say what to collect");
                setup.issues.push(issue.at("config.output").hint(format!("one of: {}", known.join(", "))));
                None
            }
        };
        inner::check_fed(&inside, &feeds, setup);
        inner::check_names(self.rest.keys(), &inputs, &STATICS, setup);
        let outputs = setup.ports.outputs.clone();
        setup.ports = Ports { inputs: inputs.into(), outputs, open_inputs: false };
        let repeat =
            Repeat::ForEach { items: 0, max_concurrency: self.max_concurrency, on_error: self.on_error };
        self.scope = tap.map(|tap| Scope { workflow, feeds, taps: vec![tap], repeat });
        Ok(())
    }

    fn build(&self, _: &BuildContext<'_>) -> Result<Body> {
        let scope = self.scope.clone();
        scope.map(Body::scope).ok_or_else(|| Error::internal("a foreach was not configured"))
    }
}

#[cfg(test)]
mod tests {
    use kailash_core::{NodeConfig, Registry, Services, Text, node::Whole, validate::Nesting, value};

    use super::*;

    fn configure(config: &Value) -> Result<NodeConfig, Vec<Issue>> {
        let mut registry = Registry::new();
        crate::logic::register(&mut registry).unwrap();
        registry.get("ForEach").unwrap().configure(config.as_map().unwrap(), &registry, &Nesting::default())
    }

    fn twice() -> Value {
        value!({
            "nodes": [{"id": "calc", "type": "Expression", "config": {"expression": "x * factor"}}],
            "connections": [],
        })
    }

    #[test]
    fn the_item_and_shared_inputs_are_fed() {
        let config = value!({
            "workflow": (twice()), "item": "calc.x", "output": "calc.result", "max_concurrency": 3, "on_error": "null",
            "input_mapping": {"factor": "calc.factor"}, "factor": 2,
        });
        let node = configure(&config).unwrap();
        let inputs: Vec<&str> = node.ports.inputs.iter().map(|input| input.name.as_str()).collect();
        assert_eq!(inputs, ["items", "factor"]);
        assert_eq!(node.inputs[1], Some(value!(2)));
        let cx = BuildContext { services: &Services::default(), node: &Text::from("each"), inputs: &[] };
        let Some(Whole::Scope(scope)) = node.build(&cx).unwrap().whole else {
            panic!("a foreach has a scope")
        };
        let repeat = &scope.repeat;
        assert!(
            matches!(repeat, Repeat::ForEach { items: 0, max_concurrency: 3, on_error: OnItemError::Null }),
            "{repeat:?}"
        );
        assert_eq!(scope.feeds.iter().map(|feed| feed.outer).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn a_single_output_needs_no_name_and_several_do() {
        assert!(configure(&value!({"workflow": (twice()), "item": "calc.x"})).is_ok());
        let switch =
            value!({"nodes": [{"id": "s", "type": "Switch", "config": {"value": 1}}], "connections": []});
        let issues = configure(&value!({"workflow": switch, "item": "s.input_data"})).unwrap_err();
        assert_eq!(issues[0].code, "workflow.output.unclear");
        assert!(issues[0].hint.as_deref().unwrap().contains("s.true_output"));
    }

    #[test]
    fn slips_are_reported() {
        let config =
            value!({"workflow": (twice()), "item": "clac.x", "max_concurrency": 0, "max_concurency": 2});
        let issues = configure(&config).unwrap_err();
        let codes: Vec<&str> = issues.iter().map(|issue| issue.code.as_str()).collect();
        assert_eq!(codes, ["config.max_concurrency", "workflow.node.unknown", "config.unknown"]);
        assert_eq!(issues[2].hint.as_deref(), Some("did you mean `max_concurrency`?"));
    }
}

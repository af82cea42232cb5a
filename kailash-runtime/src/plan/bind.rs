//! Run parameters: checked against a plan before anything runs, then resolved to one value for each input.

use std::{collections::HashMap, sync::Arc};

use kailash_core::{
    Text, Value, Workflow, nearest,
    validate::{Issue, Issues},
    workflow::{Node, Params},
};

use super::{Plan, compile::position};

/// A run parameter's name and value.
type Named = (Text, Value);

/// Run parameters that go by name to nodes with open inputs, by node.
pub(crate) type Extra = Option<Arc<HashMap<u32, Arc<[Named]>>>>;

/// The value of each input that no connection feeds, for one run.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(crate) values: Arc<[Option<Value>]>,
    extra: Extra,
}

impl Bound {
    /// The parameters that go by name to node `node` of the workflow.
    pub(crate) fn extra(&self, node: u32) -> Option<&Arc<[Named]>> {
        self.extra.as_ref()?.get(&node)
    }
}

impl Plan {
    /// Checks run parameters and resolves them: parameter > config > default.
    ///
    /// # Errors
    /// Every unknown node or name, value of a wrong kind, static parameter, and required input that nothing gives.
    pub(crate) fn bind(&self, params: &Params) -> Result<Bound, Issues> {
        if params.is_empty() {
            self.check_supplied(|_| false)?;
            return Ok(Bound { values: Arc::clone(&self.template), extra: self.extra.clone() });
        }
        let mut values = self.template.to_vec();
        let mut binding = Binding::new(&self.workflow, &self.bound_at, &mut values);
        binding.start_with(&self.extra);
        let (extra, mut issues) = binding.take(params);
        if let Err(missing) = self.check_supplied(|at| values[at].is_some()) {
            issues.extend(missing.0);
        }
        if issues.is_empty() { Ok(Bound { values: values.into(), extra }) } else { Err(Issues(issues)) }
    }

    fn check_supplied(&self, given: impl Fn(usize) -> bool) -> Result<(), Issues> {
        let missing = |(node, input): &(u32, u32)| {
            let at = (self.bound_at[*node as usize] + input) as usize;
            (!given(at)).then(|| {
                let index = *node as usize;
                let described = &self.workflow.nodes()[index];
                let name = &described.inputs[*input as usize];
                let issue = Issue::error("input.missing", format!("required input `{name}` has no value"));
                let hint = format!(
                    "connect it, set it in the config, or give the run parameter {}.{name}",
                    described.id
                );
                issue.hint(hint).in_node(&described.id, &self.workflow.document().node_place(index))
            })
        };
        let issues: Vec<Issue> = self.unsupplied.iter().filter_map(missing).collect();
        if issues.is_empty() { Ok(()) } else { Err(Issues(issues)) }
    }
}

/// Puts the run parameters that a document carries into `values`, as if its nodes' configs had them.
pub(super) fn document_parameters(
    workflow: &Workflow,
    bound_at: &[u32],
    values: &mut [Option<Value>],
) -> (Extra, Vec<Issue>) {
    let given = &workflow.document().parameters;
    if given.is_empty() {
        return (None, Vec::new());
    }
    let mut binding = Binding::new(workflow, bound_at, values);
    let params = Params::from_map(given.clone(), |name| binding.positions.contains_key(name));
    binding.origin = "the document's parameters";
    binding.take(&params)
}

struct Binding<'p> {
    workflow: &'p Workflow,
    bound_at: &'p [u32],
    values: &'p mut [Option<Value>],
    positions: HashMap<&'p str, usize>,
    extra: HashMap<u32, Vec<Named>>,
    issues: Vec<Issue>,
    /// Where the parameters come from, as a place in messages.
    origin: &'static str,
}

impl<'p> Binding<'p> {
    fn new(workflow: &'p Workflow, bound_at: &'p [u32], values: &'p mut [Option<Value>]) -> Self {
        let positions =
            workflow.nodes().iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
        let (extra, issues) = (HashMap::new(), Vec::new());
        Self { workflow, bound_at, values, positions, extra, issues, origin: "parameters" }
    }

    fn start_with(&mut self, extra: &Extra) {
        let known = extra.iter().flat_map(|extra| extra.iter());
        self.extra.extend(known.map(|(node, named)| (*node, named.to_vec())));
    }

    fn take(mut self, params: &Params) -> (Extra, Vec<Issue>) {
        self.everywhere(params);
        self.nodes(params);
        let extra: HashMap<_, _> = self.extra.into_iter().map(|(node, named)| (node, named.into())).collect();
        ((!extra.is_empty()).then(|| Arc::new(extra)), self.issues)
    }

    fn everywhere(&mut self, params: &Params) {
        let workflow = self.workflow;
        for (name, value) in params.everywhere() {
            let mut known = false;
            for (at, node) in workflow.nodes().iter().enumerate() {
                if node.inputs.contains(name) || node.config.ports.open_inputs && !is_static(node, name) {
                    known = true;
                    self.set(at, node, name, value);
                }
            }
            if !known {
                let issue = self.unknown_everywhere(name);
                self.issues.push(issue);
            }
        }
    }

    fn unknown_everywhere(&self, name: &Text) -> Issue {
        let nodes = self.workflow.nodes();
        if nodes.iter().any(|node| is_static(node, name)) {
            return read_at_build(name).at(self.origin);
        }
        let issue = Issue::error("param.unknown", format!("no node has an input `{name}`")).at(self.origin);
        let ids = nodes.iter().map(|node| node.id.as_str());
        let names = nodes.iter().flat_map(|node| node.inputs.iter().map(Text::as_str));
        match nearest(name, ids.chain(names)) {
            Some(near) => issue.hint(format!("did you mean `{near}`?")),
            None => issue.hint("write node.name=value for one node, name=value for all that have it"),
        }
    }

    fn nodes(&mut self, params: &Params) {
        let workflow = self.workflow;
        for (id, inputs) in params.nodes() {
            let Some(at) = self.positions.get(id.as_str()).copied() else {
                let issue =
                    Issue::error("param.node.unknown", format!("there is no node `{id}`")).at(self.origin);
                let ids = workflow.nodes().iter().map(|node| node.id.as_str());
                self.issues.push(match nearest(id, ids) {
                    Some(near) => issue.hint(format!("did you mean `{near}`?")),
                    None => issue,
                });
                continue;
            };
            for (name, value) in inputs {
                self.set(at, &workflow.nodes()[at], name, value);
            }
        }
    }

    fn set(&mut self, at: usize, node: &Node, name: &Text, value: &Value) {
        let ports = &node.config.ports;
        let Some(input) = node.inputs.iter().position(|input| input == name) else {
            if ports.open_inputs && !is_static(node, name) {
                let extra = self.extra.entry(position(at)).or_default();
                extra.retain(|(known, _)| known != name);
                extra.push((name.clone(), value.clone()));
            } else {
                self.issues.push(unknown(node, name).in_node(&node.id, self.origin));
            }
            return;
        };
        if let Some(declared) = ports.inputs.get(input)
            && !declared.kind.accepts(value)
            && (declared.required || !value.is_null())
        {
            let message = format!("`{name}` wants {}, not {}", declared.kind, value.kind());
            self.issues.push(Issue::error("param.kind", message).in_node(&node.id, self.origin));
            return;
        }
        self.values[self.bound_at[at] as usize + input] = Some(value.clone());
    }
}

fn is_static(node: &Node, name: &str) -> bool {
    !node.inputs.iter().any(|input| input == name)
        && node.registered.schema()["properties"].get(name).is_some()
}

fn read_at_build(name: &Text) -> Issue {
    let message = format!("`{name}` is read when the workflow is built, not at each run");
    Issue::error("param.static", message).hint("set it in the node's config")
}

fn unknown(node: &Node, name: &Text) -> Issue {
    if is_static(node, name) {
        return read_at_build(name);
    }
    let issue = Issue::error("param.unknown", format!("there is no input `{name}`"));
    match nearest(name, node.inputs.iter().map(Text::as_str)) {
        Some(near) => issue.hint(format!("did you mean `{near}`?")),
        None => issue,
    }
}

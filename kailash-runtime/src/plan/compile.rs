//! From a workflow to its plan.

use std::sync::OnceLock;

use kailash_core::{
    Error, Result, Services, Text, Value, Workflow,
    node::{Body, BuildContext, Feed, Repeat, Scope, Tap},
    validate::{Issue, Issues},
    workflow::Node,
};

use super::{
    NestedPlan, Plan, ScopePlan, TapPlan, Work,
    bind::{Extra, document_parameters},
    group::components,
    model::EachPlan,
    scope::{Placed, Source, Way, output_names, place},
    versions::Versions,
};

impl Plan {
    /// Builds the body of every node of `workflow` with the services of a host.
    ///
    /// # Errors
    /// Every missing service and every wrong parameter of the document; else a body that cannot be built, or a stream
    /// connection that cannot work.
    pub fn new(workflow: &Workflow, services: &Services) -> Result<Self, Issues> {
        let missing = missing_services(workflow, services);
        if !missing.is_empty() {
            return Err(Issues(missing));
        }
        let mut compiler = Compiler {
            services,
            scopes: Vec::new(),
            template: Vec::new(),
            versions: Versions::default(),
            issues: Vec::new(),
        };
        let mut bound_at = Vec::with_capacity(workflow.nodes().len());
        let (_, extra) = compiler.workflow(workflow, &[], &mut bound_at)?;
        let Compiler { scopes, template, versions, issues, .. } = compiler;
        if !issues.is_empty() {
            return Err(Issues(issues));
        }
        let unsupplied = unsupplied(workflow, &template, &bound_at);
        let members = &scopes[0].members;
        let mut document_order: Vec<u32> = (0..position(members.len())).collect();
        document_order.sort_unstable_by_key(|member| members[*member as usize].node);
        Ok(Self {
            workflow: workflow.clone(),
            scopes,
            template: template.into(),
            extra,
            bound_at,
            unsupplied,
            document_order,
            versions,
            packed: OnceLock::new(),
        })
    }
}

/// The services that nodes need and the host does not have.
fn missing_services(workflow: &Workflow, services: &Services) -> Vec<Issue> {
    let mut missing = Vec::new();
    for (index, node) in workflow.nodes().iter().enumerate() {
        for requirement in &node.registered.spec().requires {
            if let Err(error) = services.check(requirement) {
                let place = workflow.document().node_place(index);
                missing.push(Issue::from_error(&error).in_node(&node.id, &place));
            }
        }
    }
    missing
}

/// Required inputs without a connection that leads forward, config and default.
fn unsupplied(workflow: &Workflow, template: &[Option<Value>], bound_at: &[u32]) -> Vec<(u32, u32)> {
    let count = workflow.nodes().len();
    let marked = workflow.edges().iter().any(|edge| edge.cycle.is_some());
    let edges: Vec<_> = workflow.edges().iter().collect();
    let all: Vec<usize> = (0..count).collect();
    // A connection marked as a cycle leads back only if it closes one.
    let component = if marked { components(count, &all, &edges) } else { Vec::new() };
    let mut wired = vec![false; template.len()];
    for edge in edges {
        let back = edge.cycle.is_some() && component[edge.from] == component[edge.to];
        wired[bound_at[edge.to] as usize + edge.input] |= !back;
    }
    let mut missing = Vec::new();
    for (node, base) in (0_u32..).zip(bound_at) {
        let inputs = workflow.nodes()[node as usize].config.ports.inputs.iter();
        for (input, declared) in (0_u32..).zip(inputs) {
            let at = (base + input) as usize;
            if declared.required && !wired[at] && template[at].is_none() {
                missing.push((node, input));
            }
        }
    }
    missing
}

/// Parameters that an inner document has for open inputs that no connection names: nothing would hear of them.
fn unheard(node: &Node, named: &[(Text, Value)]) -> Vec<Issue> {
    let issue = |(name, _): &(Text, Value)| {
        let message = format!("an inner node has no input `{name}` that is connected or mapped");
        Issue::error("param.unknown", message).in_node(&node.id, "the document's parameters")
    };
    named.iter().map(issue).collect()
}

/// A plan under construction.
pub(super) struct Compiler<'s> {
    services: &'s Services,
    pub(super) scopes: Vec<ScopePlan>,
    template: Vec<Option<Value>>,
    versions: Versions,
    issues: Vec<Issue>,
}

impl Compiler<'_> {
    /// Compiles a whole workflow into a scope and returns its position, with the document's parameters for open inputs.
    fn workflow(
        &mut self,
        workflow: &Workflow,
        feeds: &[Feed],
        bound_at: &mut Vec<u32>,
    ) -> Result<(u32, Extra)> {
        let at = reserve(&mut self.scopes);
        let nodes = workflow.nodes();
        let mut bodies = Vec::with_capacity(nodes.len());
        for node in nodes {
            bodies.push(Some(self.body(node)?));
            self.versions.note(node.registered.spec());
            bound_at.push(position(self.template.len()));
            let ports = node.config.ports.inputs.iter().zip(&node.config.inputs);
            self.template.extend(ports.map(|(port, config)| config.clone().or_else(|| port.default.clone())));
            let open = node.inputs.len() - node.config.ports.inputs.len();
            self.template.extend(std::iter::repeat_n(None, open));
        }
        let (extra, issues) = document_parameters(workflow, bound_at, &mut self.template);
        self.issues.extend(issues);
        if at != 0
            && let Some(extra) = &extra
        {
            self.issues.extend(extra.iter().flat_map(|(node, named)| unheard(&nodes[*node as usize], named)));
        }
        let feeds = feeds.iter().filter_map(|feed| {
            let node = workflow.position(&feed.node)?;
            let input = nodes[node].inputs.iter().position(|name| *name == feed.input)?;
            Some(((node, input), position(feed.outer)))
        });
        let outermost = at == 0;
        let mut source = Source { workflow, bodies, bound_at, outermost, feeds: feeds.collect() };
        let all: Vec<usize> = (0..nodes.len()).collect();
        let placed: Vec<Placed> = (0..workflow.edges().len()).map(|edge| (edge, Way::Forward)).collect();
        let scope = self.scope(&mut source, &all, &placed)?;
        self.scopes[at as usize] = scope;
        Ok((at, extra))
    }

    fn body(&self, node: &Node) -> Result<Body> {
        let services = self.services;
        for requirement in &node.registered.spec().requires {
            services.check(requirement).map_err(|error| error.at(place(node)))?;
        }
        let cx = BuildContext { services, node: &node.id, inputs: &node.inputs };
        node.config.build(&cx).map_err(|error| {
            let here = error.place().map_or_else(|| place(node), |inner| format!("{}, {inner}", place(node)));
            error.at(here)
        })
    }

    /// Compiles a workflow inside the workflow.
    pub(super) fn inner(&mut self, scope: &Scope) -> Result<Work> {
        let workflow = &scope.workflow;
        let (at, _) = self.workflow(workflow, &scope.feeds, &mut Vec::new())?;
        let plan = &self.scopes[at as usize];
        let tap = |tap: &Tap| {
            let member = plan.members.iter().find(|member| member.id == tap.node);
            let slot = member.map(|member| member.slots.start + position(tap.output)).ok_or_else(|| {
                Error::invalid("scope.tap", format!("the inner workflow has no node `{}`", tap.node))
            })?;
            Ok(TapPlan { slot, path: tap.path.clone() })
        };
        let taps = scope.taps.iter().map(tap).collect::<Result<Vec<_>>>()?;
        Ok(match &scope.repeat {
            Repeat::Once { results_at, error_at } => {
                let names = output_names(workflow, plan);
                Work::Nested(Box::new(NestedPlan {
                    scope: at,
                    taps,
                    results_at: results_at.map(position),
                    error_at: error_at.map(position),
                    names,
                }))
            }
            Repeat::ForEach { items, max_concurrency, on_error } => {
                let tap = taps.into_iter().next();
                let tap =
                    tap.ok_or_else(|| Error::invalid("scope.tap", "a foreach needs an output to collect"))?;
                Work::Each(Box::new(EachPlan {
                    scope: at,
                    items: position(*items),
                    tap,
                    max_concurrency: position(*max_concurrency).max(1),
                    on_error: *on_error,
                }))
            }
        })
    }
}

/// Keeps a place for a scope.
pub(super) fn reserve(scopes: &mut Vec<ScopePlan>) -> u32 {
    scopes.push(ScopePlan::default());
    position(scopes.len() - 1)
}

/// A position in one of the plan's arrays. Documents are limited to far fewer than `u32::MAX` of anything.
pub(super) fn position(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

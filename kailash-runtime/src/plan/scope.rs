//! From the nodes of a workflow, or of one of its cycles, to a scope.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use kailash_core::{
    Error, Result, Text, Workflow,
    node::{Body, Effect, Whole},
    workflow::{Edge, Node},
};

use super::{
    ScopePlan, Unit, WireFrom, Work,
    building::{Building, PendingWire},
    compile::{Compiler, position, reserve},
    cost::Cost,
    group::{Group, group},
    model::{CycleCheck, CyclePlan, Member},
    order::order,
    pipeline,
};

/// One workflow on its way into scopes.
pub(super) struct Source<'w> {
    pub(super) workflow: &'w Workflow,
    pub(super) bodies: Vec<Option<Body>>,
    pub(super) bound_at: &'w [u32],
    pub(super) outermost: bool,
    /// Values handed in from outside: (node, input) -> position.
    pub(super) feeds: HashMap<(usize, usize), u32>,
}

/// How a connection lies in a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Both ends are inside, and it leads forward.
    Forward,
    /// Both ends are inside, and it leads to the next turn.
    Back,
    /// It enters, as the value handed in at this position.
    Enters(u32),
    /// It enters from the turn before of a cycle around.
    EntersBack(u32),
}

impl Way {
    fn wire(self) -> WireFrom {
        match self {
            Self::Forward => WireFrom::Slot(0),
            Self::Back => WireFrom::Back(0),
            Self::Enters(at) => WireFrom::Outer(at),
            Self::EntersBack(at) => WireFrom::OuterBack(at),
        }
    }

    fn is_back(self) -> bool {
        matches!(self, Self::Back | Self::EntersBack(_))
    }

    /// The way of the same connection in a cycle that it enters, at position `at` there.
    fn within(self, at: u32) -> Self {
        if self.is_back() { Self::EntersBack(at) } else { Self::Enters(at) }
    }
}

/// A connection in a scope: its position in the workflow, and how it lies.
pub(super) type Placed = (usize, Way);

impl Compiler<'_> {
    /// Compiles `nodes` of a workflow with the connections that end there.
    pub(super) fn scope(
        &mut self,
        source: &mut Source<'_>,
        nodes: &[usize],
        placed: &[Placed],
    ) -> Result<ScopePlan> {
        let workflow = source.workflow;
        let (count, edges) = (workflow.nodes().len(), workflow.edges());
        let inner: Vec<&Edge> =
            placed.iter().filter(|(_, way)| *way == Way::Forward).map(|(at, _)| &edges[*at]).collect();
        let groups = group(count, nodes, &inner).map_err(|node| {
            let message = "a stream connection enters or leaves a cycle";
            Error::invalid("connection.stream", message).at(place(&workflow.nodes()[node]))
        })?;
        let pairs = inner.iter().map(|edge| (edge.from, edge.to));
        let order = order(count, &groups, &pairs).map_err(|node| stream_loop(&workflow.nodes()[node]))?;
        let mut unit_of = vec![u32::MAX; count];
        for (unit, group) in (0_u32..).zip(&order) {
            for node in groups[*group].nodes() {
                unit_of[*node] = unit;
            }
        }
        let mut entering: Vec<Vec<Placed>> = vec![Vec::new(); order.len()];
        for (at, way) in placed {
            let edge = &edges[*at];
            if *way != Way::Forward || unit_of[edge.from] != unit_of[edge.to] {
                entering[unit_of[edge.to] as usize].push((*at, *way));
            }
        }
        let mut building = Building::new(count, source.outermost);
        for (mut entering, group) in entering.into_iter().zip(&order) {
            // Of several connections into an input the last wins: one that leads back, else the last in the document.
            entering.sort_unstable_by_key(|(at, way)| (way.is_back(), *at));
            self.unit(source, &mut building, &groups[*group], &entering, placed, &inner)?;
        }
        let pairs = pairs.map(|(from, to)| (unit_of[from], unit_of[to])).collect();
        Ok(building.finish(pairs))
    }

    fn unit(
        &mut self,
        source: &mut Source<'_>,
        building: &mut Building,
        group: &Group,
        entering: &[Placed],
        placed: &[Placed],
        inner: &[&Edge],
    ) -> Result<()> {
        let first_input = position(building.plan.inputs.len());
        let member_start = position(building.plan.members.len());
        let slot_start = building.plan.slots;
        let (mut open, mut suspends, mut options) = (false, false, None);
        let (effect, keyed) = effects(source.workflow, group.nodes());
        let work = match group {
            Group::Single(node) => {
                let described = &source.workflow.nodes()[*node];
                building.member(source.workflow, *node);
                inputs(source, building, *node, entering);
                open = described.config.ports.open_inputs;
                let body = source.bodies[*node].take();
                suspends = body.as_ref().is_some_and(|body| body.suspends);
                let whole = body.and_then(|body| body.whole);
                let work = match whole {
                    Some(Whole::Inline(body)) => Work::Inline(body),
                    Some(Whole::Compute(body)) => Work::Compute(body),
                    Some(Whole::Future(body)) => Work::Future(body),
                    Some(Whole::Scope(scope)) => {
                        refuse_options(described, "a node that holds a workflow")?;
                        self.inner(&scope)?
                    }
                    None => {
                        let message = "it only streams: give it a stream connection";
                        return Err(Error::invalid("node.streams_only", message).at(place(described)));
                    }
                };
                // Only attended bodies have their inputs kept.
                let attended = suspends || !described.options.is_default();
                options = attended.then(|| Box::new(described.options.clone()));
                work
            }
            Group::Cycle(nodes) => self.cycle(source, building, nodes, entering, placed)?,
            Group::Pipeline(nodes) => {
                for node in nodes {
                    refuse_options(&source.workflow.nodes()[*node], "a node with stream connections")?;
                    let first = building.plan.inputs.len();
                    building.member(source.workflow, *node);
                    inputs(source, building, *node, entering);
                    for edge in inner.iter().filter(|edge| edge.stream && edge.to == *node) {
                        building.plan.inputs[first + edge.input].required = false;
                    }
                }
                let plan =
                    pipeline::plan(source.workflow, &mut source.bodies, nodes, inner, source.outermost)?;
                Work::Pipeline(Arc::new(plan))
            }
        };
        let wired = building.wired_from(first_input);
        building.plan.units.push(Unit {
            work,
            inputs: first_input..position(building.plan.inputs.len()),
            slots: slot_start..building.plan.slots,
            members: member_start..position(building.plan.members.len()),
            successors: 0..0,
            wired,
            open,
            plain: false,
            options,
            cost: Cost::default(),
            suspends,
            effect,
            keyed,
        });
        Ok(())
    }

    /// Compiles the nodes of a cycle into a scope of their own.
    fn cycle(
        &mut self,
        source: &mut Source<'_>,
        building: &mut Building,
        nodes: &[usize],
        entering: &[Placed],
        around: &[Placed],
    ) -> Result<Work> {
        let workflow = source.workflow;
        let mut placed = inside(workflow, nodes, around);
        // Dot paths are followed within, where the node that misses something is known.
        for (at, (edge_at, way)) in (0_u32..).zip(entering) {
            let edge = &workflow.edges()[*edge_at];
            let wire = PendingWire { from: way.wire(), node: edge.from, output: edge.output, path: None };
            building.passage(&workflow.nodes()[edge.to].inputs[edge.input], wire);
            placed.push((*edge_at, way.within(at)));
        }
        let mut next = position(entering.len());
        for node in nodes {
            for (input, name) in workflow.nodes()[*node].inputs.iter().enumerate() {
                if let Some(fed) = source.feeds.get_mut(&(*node, input)) {
                    building.passage(name, PendingWire::handed(WireFrom::Fed(*fed)));
                    *fed = next;
                    next += 1;
                }
            }
        }
        let scope = reserve(&mut self.scopes);
        let plan = self.scope(source, nodes, &placed)?;
        let member_of =
            |node: usize| plan.members.iter().position(|m| m.node as usize == node).map_or(0, position);
        let back =
            || placed.iter().filter(|(_, way)| *way == Way::Back).map(|(at, _)| &workflow.edges()[*at]);
        let mut checks: Vec<(usize, CycleCheck)> = Vec::new();
        let mut max_iterations = u32::MAX;
        for edge in back() {
            let Some((number, cycle)) = edge.cycle.map(|number| (number, &workflow.cycles()[number])) else {
                continue;
            };
            max_iterations = max_iterations.min(cycle.max_iterations);
            let member = member_of(edge.from);
            if let Some((_, check)) = checks.iter_mut().find(|(known, _)| *known == number) {
                check.members.push(member);
            } else if cycle.convergence.is_some() || cycle.condition.is_some() {
                let (convergence, condition) = (cycle.convergence.clone(), cycle.condition.clone());
                checks.push((number, CycleCheck { convergence, condition, members: vec![member] }));
            }
        }
        let checks = checks.into_iter().map(|(_, check)| check).collect();
        let names = output_names(workflow, &plan);
        let back_from = back().map(|edge| member_of(edge.from)).collect();
        let slot_of =
            |edge: &Edge| plan.members[member_of(edge.from) as usize].slots.start + position(edge.output);
        let back_slots = back().map(slot_of).collect();
        for member in &plan.members {
            building.member(workflow, member.node as usize);
        }
        self.scopes[scope as usize] = plan;
        Ok(Work::Cycle(Box::new(CyclePlan { scope, max_iterations, checks, names, back_from, back_slots })))
    }
}

/// The strongest effect of some nodes that are run as one, and whether all that act honour idempotency keys.
fn effects(workflow: &Workflow, nodes: &[usize]) -> (Effect, bool) {
    let nodes = || nodes.iter().map(|node| &workflow.nodes()[*node]);
    let has = |effect| nodes().any(|node| node.config.effect == effect);
    let effect = [Effect::Effectful, Effect::Idempotent].into_iter().find(|effect| has(*effect));
    let mut acting = nodes().filter(|node| node.config.effect == Effect::Effectful);
    (effect.unwrap_or_default(), acting.all(|node| node.config.honours_key))
}

/// Adds the inputs of `node` with the connections into each: one handed in first, then those in `entering`.
fn inputs(source: &Source<'_>, building: &mut Building, node: usize, entering: &[Placed]) {
    let described = &source.workflow.nodes()[node];
    let mut wires: Vec<Vec<PendingWire>> = described.inputs.iter().map(|_| Vec::new()).collect();
    if !source.feeds.is_empty() {
        for (input, wires) in wires.iter_mut().enumerate() {
            let fed = source.feeds.get(&(node, input)).map(|at| PendingWire::handed(WireFrom::Fed(*at)));
            wires.extend(fed);
        }
    }
    for (at, way) in entering {
        let edge = &source.workflow.edges()[*at];
        if edge.to == node {
            let (from, path) = (way.wire(), edge.path.clone());
            wires[edge.input].push(PendingWire { from, node: edge.from, output: edge.output, path });
        }
    }
    for (input, wires) in wires.into_iter().enumerate() {
        building.input(described, input, source.bound_at[node] + position(input), wires);
    }
}

/// The connections `around` that have both ends among `nodes`. Those of the outermost cycles lead back now, all others
/// forward.
fn inside(workflow: &Workflow, nodes: &[usize], around: &[Placed]) -> Vec<Placed> {
    let mut member = vec![false; workflow.nodes().len()];
    for node in nodes {
        member[*node] = true;
    }
    let edge = |at: usize| &workflow.edges()[at];
    let within = |at: usize| member[edge(at).from] && member[edge(at).to];
    let inside: Vec<usize> =
        around.iter().filter(|(at, way)| *way == Way::Forward && within(*at)).map(|(at, _)| *at).collect();
    let cycles: HashSet<usize> = inside.iter().filter_map(|at| edge(*at).cycle).collect();
    let ids: HashSet<&Text> = cycles.iter().map(|cycle| &workflow.cycles()[*cycle].id).collect();
    let outermost = |cycle: usize| {
        let cycle = &workflow.cycles()[cycle];
        cycle.parent.as_ref().is_none_or(|parent| *parent == cycle.id || !ids.contains(parent))
    };
    let any = cycles.iter().any(|cycle| outermost(*cycle));
    let leads_back = |at: usize| edge(at).cycle.is_some_and(|cycle| !any || outermost(cycle));
    inside.into_iter().map(|at| (at, if leads_back(at) { Way::Back } else { Way::Forward })).collect()
}

/// The output names of each member of a scope.
pub(super) fn output_names(workflow: &Workflow, plan: &ScopePlan) -> Vec<Vec<Text>> {
    let names = |member: &Member| {
        let outputs = workflow.nodes()[member.node as usize].config.ports.outputs.iter();
        outputs.map(|output| output.name.clone()).collect()
    };
    plan.members.iter().map(names).collect()
}

pub(super) fn place(node: &Node) -> String {
    format!("node `{}`", node.id)
}

fn refuse_options(node: &Node, what: &str) -> Result<()> {
    if node.options.is_default() {
        return Ok(());
    }
    let message = format!("{what} has no retries, breaker or time limit of its own");
    Err(Error::invalid("node.options", message)
        .at(place(node))
        .with_hint("set them on the nodes inside, or a time limit for the whole run"))
}

fn stream_loop(node: &Node) -> Error {
    Error::invalid("connection.stream", "nodes joined by streams wait for a node outside that waits for them")
        .at(place(node))
        .with_hint("make the way around a stream connection too, or none of them")
}

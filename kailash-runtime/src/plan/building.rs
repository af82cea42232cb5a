//! A scope under construction: slots are given out node by node, connections get their slot's number at the end.

use kailash_core::{Kind, Path, Text, Workflow, workflow::Node};

use super::{InputPlan, ScopePlan, Sources, Wire, WireFrom, compile::position, model::Member};

/// A connection whose slot is not numbered yet.
pub(super) struct PendingWire {
    pub(super) from: WireFrom,
    /// The node it leaves, where its slot is still to be numbered.
    pub(super) node: usize,
    pub(super) output: usize,
    pub(super) path: Option<Path>,
}

impl PendingWire {
    /// A value handed in from the scope around.
    pub(super) fn handed(from: WireFrom) -> Self {
        Self { from, node: 0, output: 0, path: None }
    }
}

/// A scope under construction.
pub(super) struct Building {
    pub(super) plan: ScopePlan,
    /// For each node of the workflow, its first slot here.
    slot_of: Vec<u32>,
    /// The connections of each input, parallel to the plan's inputs.
    pending: Vec<Vec<PendingWire>>,
}

impl Building {
    /// A scope among the `count` nodes of a workflow.
    pub(super) fn new(count: usize, outermost: bool) -> Self {
        let plan = ScopePlan { outermost, ..ScopePlan::default() };
        Self { plan, slot_of: vec![u32::MAX; count], pending: Vec::new() }
    }

    /// Gives the outputs of `node` their slots.
    pub(super) fn member(&mut self, workflow: &Workflow, node: usize) {
        let described = &workflow.nodes()[node];
        let first = self.plan.slots;
        self.slot_of[node] = first;
        self.plan.slots += position(described.config.ports.outputs.len());
        let slots = first..self.plan.slots;
        self.plan.members.push(Member { id: described.id.clone(), node: position(node), slots });
    }

    /// Adds input `input` of `node` as the next one.
    pub(super) fn input(&mut self, node: &Node, input: usize, bound: u32, wires: Vec<PendingWire>) {
        let declared = node.config.ports.inputs.get(input);
        self.plan.inputs.push(InputPlan {
            sources: Sources::None,
            bound,
            kind: declared.map_or(Kind::Any, |declared| declared.kind),
            required: declared.is_some_and(|declared| declared.required),
        });
        self.plan.input_names.push(node.inputs[input].clone());
        self.pending.push(wires);
    }

    /// Adds a value that a cycle hands to the scope within, as the next input of its unit.
    pub(super) fn passage(&mut self, name: &Text, wire: PendingWire) {
        self.plan.inputs.push(InputPlan {
            sources: Sources::None,
            bound: u32::MAX,
            kind: Kind::Any,
            required: false,
        });
        self.plan.input_names.push(name.clone());
        self.pending.push(vec![wire]);
    }

    /// Whether a connection that can be a branch enters one of the inputs from `first` on.
    pub(super) fn wired_from(&self, first: u32) -> bool {
        self.pending[first as usize..].iter().flatten().any(|wire| wire.from.is_branch())
    }

    /// Numbers the slots of connections and lists who waits for whom; `pairs` are the units of each inner connection.
    pub(super) fn finish(mut self, mut pairs: Vec<(u32, u32)>) -> ScopePlan {
        let mut reads = vec![0_u32; self.plan.slots as usize];
        for (input, wires) in self.plan.inputs.iter_mut().zip(self.pending) {
            let mut wires: Vec<Wire> = wires
                .into_iter()
                .map(|pending| {
                    let slot = || self.slot_of[pending.node] + position(pending.output);
                    let from = match pending.from {
                        WireFrom::Slot(_) => WireFrom::Slot(slot()),
                        WireFrom::Back(_) => WireFrom::Back(slot()),
                        handed => handed,
                    };
                    if let WireFrom::Slot(slot) | WireFrom::Back(slot) = from {
                        reads[slot as usize] += 1;
                    }
                    Wire { from, path: pending.path.map(Box::new) }
                })
                .collect();
            input.sources = match wires.len() {
                0 => Sources::None,
                1 => wires.pop().map_or(Sources::None, Sources::One),
                _ => {
                    let first = position(self.plan.wires.len());
                    self.plan.wires.append(&mut wires);
                    Sources::Many(first..position(self.plan.wires.len()))
                }
            };
        }
        self.plan.reads = reads;
        for unit in &mut self.plan.units {
            let inputs = &self.plan.inputs[unit.inputs.start as usize..unit.inputs.end as usize];
            unit.plain = !unit.open && inputs.iter().all(|input| input.sources.are_plain());
        }
        pairs.retain(|(from, to)| from != to);
        pairs.sort_unstable();
        pairs.dedup();
        self.plan.waits = vec![0; self.plan.units.len()];
        self.plan.successors = Vec::with_capacity(pairs.len());
        let mut pairs = pairs.into_iter().peekable();
        for (at, unit) in (0_u32..).zip(&mut self.plan.units) {
            let start = position(self.plan.successors.len());
            while let Some((_, to)) = pairs.next_if(|(from, _)| *from == at) {
                self.plan.successors.push(to);
                self.plan.waits[to as usize] += 1;
            }
            unit.successors = start..position(self.plan.successors.len());
        }
        self.plan
    }
}

//! The inputs of a unit that is ready: from slots, from the turn before, from outside, from run parameters.

use kailash_core::{Error, Result, Text, Value, node::Inputs};

use super::frame::Frame;
use crate::plan::{Bound, InputPlan, ScopePlan, Sources, Unit, Wire, WireFrom};

/// Gathers the inputs of `unit` in `frame` into `inputs`, and says whether a branch led to it.
///
/// # Errors
/// A dot path that leads nowhere, or a value of a kind that the input does not take.
#[inline]
pub(super) fn gather(
    frame: &mut Frame,
    plan: &ScopePlan,
    unit: &Unit,
    bound: &Bound,
    inputs: &mut Inputs,
) -> Result<bool> {
    if unit.plain && frame.reads.is_empty() {
        if gather_plain(frame, plan.unit_inputs(unit), bound, inputs) {
            return Ok(true);
        }
        *inputs = Inputs::new();
    }
    gather_any(frame, plan, unit, bound, inputs)
}

/// The way of nearly every unit: each input has its value, from one slot or bound before. Gives up at whatever else.
#[inline]
fn gather_plain(frame: &Frame, planned: &[InputPlan], bound: &Bound, inputs: &mut Inputs) -> bool {
    for input in planned {
        let value = match &input.sources {
            Sources::One(Wire { from: WireFrom::Slot(slot), .. }) => frame.slots[*slot as usize].as_ref(),
            _ => bound.values.get(input.bound as usize).and_then(Option::as_ref),
        };
        match value {
            Some(value) if input.kind.accepts(value) => inputs.push(Some(value.clone())),
            None if !input.required && matches!(input.sources, Sources::None) => inputs.push(None),
            _ => return false,
        }
    }
    true
}

fn gather_any(
    frame: &mut Frame,
    plan: &ScopePlan,
    unit: &Unit,
    bound: &Bound,
    inputs: &mut Inputs,
) -> Result<bool> {
    let mut alive = !unit.wired;
    let mut lacking = false;
    for (input, name) in plan.unit_inputs(unit).iter().zip(plan.unit_input_names(unit)) {
        let wired = match &input.sources {
            Sources::None => None,
            Sources::One(wire) => read(frame, plan, wire, name, &mut alive)?,
            Sources::Many(wires) => {
                let mut last = None;
                for wire in plan.wires(wires) {
                    last = read(frame, plan, wire, name, &mut alive)?.or(last);
                }
                last
            }
        };
        let value = match wired {
            Some(value) => Some(value),
            None if input.bound == u32::MAX => None,
            None => match &bound.values[input.bound as usize] {
                None if unit.open && dead_branch(frame, plan, &input.sources) => Some(Value::Null),
                other => other.clone(),
            },
        };
        match &value {
            Some(value) if !input.kind.accepts(value) && (input.required || !value.is_null()) => {
                return Err(Error::invalid(
                    "input.kind",
                    format!("input `{name}` wants {}, not {}", input.kind, value.kind()),
                ));
            }
            None if input.required => lacking = true,
            _ => {}
        }
        inputs.push(value);
    }
    Ok(alive && !lacking)
}

fn read(
    frame: &mut Frame,
    plan: &ScopePlan,
    wire: &Wire,
    name: &Text,
    alive: &mut bool,
) -> Result<Option<Value>> {
    let value = match wire.from {
        WireFrom::Slot(slot) => {
            let slot = slot as usize;
            match frame.reads.get_mut(slot) {
                None => frame.slots[slot].clone(),
                Some(reads) if *reads == 1 => {
                    *reads = 0;
                    frame.slots[slot].take()
                }
                Some(reads) => {
                    *reads = reads.saturating_sub(1);
                    frame.slots[slot].clone()
                }
            }
        }
        WireFrom::Back(slot) => {
            let value = frame.previous.get(slot as usize).and_then(Clone::clone);
            return value.map(|value| follow(value, wire, name)).transpose();
        }
        WireFrom::OuterBack(at) | WireFrom::Fed(at) => {
            let value = frame.outer.get(at as usize).and_then(Clone::clone);
            return value.map(|value| follow(value, wire, name)).transpose();
        }
        WireFrom::Outer(at) => frame.outer.get(at as usize).and_then(Clone::clone),
    };
    let Some(value) = value else {
        // What a failed node did not give is absent, but that is no branch not taken.
        if let (true, WireFrom::Slot(slot)) = (frame.failed, wire.from) {
            *alive |= frame.gave_up(plan, slot);
        }
        return Ok(None);
    };
    *alive = true;
    if wire.path.is_none() { Ok(Some(value)) } else { follow(value, wire, name).map(Some) }
}

/// Whether a connection into the input was cut by a branch not taken, and not merely not there yet.
fn dead_branch(frame: &Frame, plan: &ScopePlan, sources: &Sources) -> bool {
    let cut = |wire: &Wire| match wire.from {
        WireFrom::Back(_) => frame.iteration > 0,
        WireFrom::OuterBack(_) => false,
        WireFrom::Slot(_) | WireFrom::Outer(_) | WireFrom::Fed(_) => true,
    };
    match sources {
        Sources::None => false,
        Sources::One(wire) => cut(wire),
        Sources::Many(wires) => plan.wires(wires).iter().any(cut),
    }
}

fn follow(value: Value, wire: &Wire, name: &Text) -> Result<Value> {
    let Some(path) = &wire.path else { return Ok(value) };
    path.resolve(&value).map_err(|segment| {
        let message = format!("the value connected to input `{name}` has no `{segment}` on the way `{path}`");
        Error::missing("connection.path", message)
            .with_hint("does the node before give what the dot path names?")
    })
}

//! The inputs of a unit that is ready: from slots, from the turn before, from outside, from run parameters.

use kailash_core::{Error, Kind, Result, Value, node::Inputs};

use super::frame::Frame;
use crate::plan::{Bound, InputPlan, ScopePlan, Sources, Unit, Wire, WireFrom};

/// What a ready unit gets.
pub(super) enum Gathered {
    /// Its inputs.
    Inputs(Inputs),
    /// No branch led to it.
    Skip,
}

/// Gathers the inputs of `unit` in `frame`.
///
/// # Errors
/// A dot path that leads nowhere, or a value of a kind that the input does not take.
pub(super) fn gather(frame: &mut Frame, plan: &ScopePlan, unit: &Unit, bound: &Bound) -> Result<Gathered> {
    let mut inputs = Inputs::new();
    let mut alive = !unit.wired;
    let mut lacking = false;
    for input in plan.unit_inputs(unit) {
        let wired = match &input.sources {
            Sources::None => None,
            Sources::One(wire) => read(frame, plan, wire, input, &mut alive)?,
            Sources::Many(wires) => {
                let mut last = None;
                for wire in wires {
                    last = read(frame, plan, wire, input, &mut alive)?.or(last);
                }
                last
            }
        };
        let value = match wired {
            Some(value) => Some(value),
            None if input.bound == u32::MAX => None,
            None => match &bound.values[input.bound as usize] {
                None if unit.open && dead_branch(frame, &input.sources) => Some(Value::Null),
                other => other.clone(),
            },
        };
        match &value {
            Some(value)
                if input.kind != Kind::Any
                    && !input.kind.accepts(value)
                    && (input.required || !value.is_null()) =>
            {
                return Err(Error::invalid(
                    "input.kind",
                    format!("input `{}` wants {}, not {}", input.name, input.kind, value.kind()),
                ));
            }
            None if input.required => lacking = true,
            _ => {}
        }
        inputs.push(value);
    }
    Ok(if alive && !lacking { Gathered::Inputs(inputs) } else { Gathered::Skip })
}

#[inline]
fn read(
    frame: &mut Frame,
    plan: &ScopePlan,
    wire: &Wire,
    input: &InputPlan,
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
            return value.map(|value| follow(value, wire, input)).transpose();
        }
        WireFrom::OuterBack(at) | WireFrom::Fed(at) => {
            let value = frame.outer.get(at as usize).and_then(Clone::clone);
            return value.map(|value| follow(value, wire, input)).transpose();
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
    if wire.path.is_none() { Ok(Some(value)) } else { follow(value, wire, input).map(Some) }
}

/// Whether a connection into the input was cut by a branch not taken, and not merely not there yet.
fn dead_branch(frame: &Frame, sources: &Sources) -> bool {
    let cut = |wire: &Wire| match wire.from {
        WireFrom::Back(_) => frame.iteration > 0,
        WireFrom::OuterBack(_) => false,
        WireFrom::Slot(_) | WireFrom::Outer(_) | WireFrom::Fed(_) => true,
    };
    match sources {
        Sources::None => false,
        Sources::One(wire) => cut(wire),
        Sources::Many(wires) => wires.iter().any(cut),
    }
}

fn follow(value: Value, wire: &Wire, input: &InputPlan) -> Result<Value> {
    let Some(path) = &wire.path else { return Ok(value) };
    path.resolve(&value).map_err(|segment| {
        let message =
            format!("the value connected to input `{}` has no `{segment}` on the way `{path}`", input.name);
        Error::missing("connection.path", message)
            .with_hint("does the node before give what the dot path names?")
    })
}

//! Scopes: opening the frames of cycles, nested workflows and foreaches, and what follows when a frame is through.

use std::sync::Arc;

use kailash_core::{
    Error, ErrorKind, MAX_DEPTH, Map, Result, Retry, RunId, Text, Value,
    node::{Inputs, OnItemError, Outputs, UnitKey},
};

use super::{
    frame::{Caught, Frame, Status},
    state::{Note, Schedule},
};
use crate::plan::{CyclePlan, EachPlan, NestedPlan, ScopePlan, TapPlan, Work};

/// A foreach under way.
pub(super) struct EachState {
    items: std::vec::IntoIter<Value>,
    started: u32,
    under_way: u32,
    results: Vec<Value>,
    outer: Vec<Option<Value>>,
}

/// What keeps a failure from being one of the run.
pub(super) enum Catcher {
    /// The foreach `each`, which makes null of its item in `frame`.
    Item { frame: u32, each: UnitKey },
    /// A nested workflow whose failure is told as a value when its `frame` is through.
    Told { frame: u32 },
}

impl Schedule {
    /// Opens the scope of `unit` with the values handed in.
    pub(super) fn open(&mut self, unit: UnitKey, mut inputs: Inputs) {
        let plan = Arc::clone(&self.plan);
        let Some(frame) = &self.frames[unit.frame as usize] else { return };
        let outer = |inputs: &mut Inputs| (0..inputs.len()).map(|i| inputs.take(i)).collect::<Vec<_>>();
        let work = &plan.scopes[frame.scope as usize].units[unit.node as usize].work;
        if let Work::Nested(_) | Work::Each(_) = work {
            self.note(|| Note::Opened(unit));
        }
        match work {
            Work::Cycle(cycle) => {
                let outer = outer(&mut inputs);
                self.enter(Frame::open(cycle.scope, &plan.scopes[cycle.scope as usize], Some(unit), outer));
            }
            Work::Nested(nested) => {
                let outer = outer(&mut inputs);
                self.enter(Frame::open(nested.scope, &plan.scopes[nested.scope as usize], Some(unit), outer));
            }
            Work::Each(each) => match inputs.list(each.items as usize) {
                Ok(items) => {
                    let results = vec![Value::Null; items.len()];
                    let (items, outer) = (items.into_iter(), outer(&mut inputs));
                    self.each.insert(unit, EachState { items, started: 0, under_way: 0, results, outer });
                    self.start_items(unit, each, &plan.scopes[each.scope as usize]);
                }
                Err(error) => self.fail(unit, error),
            },
            Work::Inline(_) | Work::Compute(_) | Work::Future(_) | Work::Pipeline(_) => {}
        }
    }

    /// Starts items while there are any and the limit allows; gives the results when the last one is done.
    fn start_items(&mut self, unit: UnitKey, each: &EachPlan, scope: &ScopePlan) {
        loop {
            let Some(state) = self.each.get_mut(&unit) else { return };
            if state.under_way >= each.max_concurrency {
                return;
            }
            let Some(item) = state.items.next() else { break };
            let mut outer = state.outer.clone();
            outer[each.items as usize] = Some(item);
            let mut frame = Frame::open(each.scope, scope, Some(unit), outer);
            frame.item = state.started;
            state.started += 1;
            state.under_way += 1;
            self.enter(frame);
        }
        if self.each.get(&unit).is_some_and(|state| state.under_way == 0)
            && let Some(state) = self.each.remove(&unit)
        {
            self.note(|| Note::Closed(unit));
            self.complete(unit, Outputs::one(Value::list(state.results)));
        }
    }

    /// What follows when every unit of frame `number` is done.
    pub(super) fn close(&mut self, number: u32) {
        let Some(mut frame) = self.frames[number as usize].take() else { return };
        let Some(unit) = frame.parent else { return };
        let plan = Arc::clone(&self.plan);
        let Some(around) = &self.frames[unit.frame as usize] else { return };
        let scope = &plan.scopes[frame.scope as usize];
        match &plan.scopes[around.scope as usize].units[unit.node as usize].work {
            Work::Cycle(cycle) => self.turned(unit, cycle, scope, *frame),
            Work::Nested(nested) if frame.failed && nested.error_at.is_none() => {
                self.note(|| Note::FailedWithin(unit));
                self.after_failure(unit);
            }
            Work::Nested(nested) => {
                let outcome = match frame.caught.take() {
                    Some(caught) => Err(*caught),
                    None => nested_outputs(nested, scope, &frame)
                        .map_err(|error| Caught { unit: self.name(unit), error }),
                };
                match (outcome, nested.error_at) {
                    (Ok(outputs), _) => {
                        self.note(|| Note::Closed(unit));
                        self.complete(unit, outputs.into_iter().collect());
                    }
                    (Err(caught), Some(at)) => {
                        self.note(|| Note::Closed(unit));
                        self.complete(unit, told(nested, at, caught));
                    }
                    (Err(caught), None) => self.fail(unit, caught.error),
                }
            }
            Work::Each(_) if frame.failed => {
                self.give_up_items(unit);
                self.note(|| Note::FailedWithin(unit));
                self.after_failure(unit);
            }
            Work::Each(each) => match tap(&each.tap, &frame) {
                Ok(value) => self.item_done(unit, each, frame.item, value.unwrap_or(Value::Null)),
                Err(_) if each.on_error == OnItemError::Null => {
                    self.item_done(unit, each, frame.item, Value::Null);
                }
                Err(error) => {
                    self.give_up_items(unit);
                    self.fail(unit, error);
                }
            },
            Work::Inline(_) | Work::Compute(_) | Work::Future(_) | Work::Pipeline(_) => {}
        }
    }

    /// A cycle has turned once more: ends it, or turns it again.
    fn turned(&mut self, unit: UnitKey, cycle: &CyclePlan, scope: &ScopePlan, frame: Frame) {
        let iteration = frame.iteration;
        let converged = match ends(cycle, scope, &frame) {
            _ if frame.failed => false,
            Ok(converged) => converged,
            Err(error) => return self.fail(unit, error),
        };
        self.note(|| Note::Turned { unit, iteration, converged });
        let dead = cycle.back_from.iter().all(|member| frame.status[*member as usize] != Status::Done);
        if !converged && !dead && !frame.failed && iteration + 1 < cycle.max_iterations {
            if let Some(slot) = too_deep(cycle, &frame) {
                let owner = scope.members.iter().find(|member| member.slots.contains(&slot));
                let node = owner.map_or("", |member| member.id.as_str());
                let message = format!(
                    "what `{node}` hands to the next turn is nested more than {MAX_DEPTH} levels deep"
                );
                return self.fail(
                    unit,
                    Error::new(ErrorKind::Limit, "value.depth", message).with_retry(Retry::Never),
                );
            }
            let mut next = Frame::open(frame.scope, scope, Some(unit), frame.outer);
            next.previous = frame.slots;
            next.iteration = iteration + 1;
            return self.enter(next);
        }
        let failed = frame.failed;
        self.take_turn(unit, frame);
        if failed { self.after_failure(unit) } else { self.advance(unit, Status::Done, false) }
    }

    /// Makes the outputs and states of a cycle's last turn those of its members.
    fn take_turn(&mut self, unit: UnitKey, turn: Frame) {
        let Some(around) = self.frames[unit.frame as usize].as_mut() else { return };
        let planned = &self.plan.scopes[around.scope as usize].units[unit.node as usize];
        for (slot, value) in planned.slots.clone().zip(turn.slots) {
            if around.reads.get(slot as usize) != Some(&0) {
                around.slots[slot as usize] = value;
            }
        }
        for (member, status) in planned.members.clone().zip(turn.status) {
            around.status[member as usize] = status;
        }
    }

    /// The run ends with a failure in frame `number`: what is around it failed too, and a cycle's turn so far counts.
    pub(super) fn fail_around(&mut self, number: u32) {
        let plan = Arc::clone(&self.plan);
        let mut here = number;
        while let Some(unit) = self.frames[here as usize].as_ref().and_then(|frame| frame.parent) {
            let Some(around) = &self.frames[unit.frame as usize] else { return };
            match &plan.scopes[around.scope as usize].units[unit.node as usize].work {
                Work::Cycle(_) => {
                    if let Some(turn) = self.frames[here as usize].take() {
                        self.take_turn(unit, *turn);
                    }
                }
                _ => {
                    self.note(|| Note::FailedWithin(unit));
                    self.mark(unit, Status::Failed);
                }
            }
            here = unit.frame;
        }
    }

    /// A foreach has failed: forgets its items under way.
    fn give_up_items(&mut self, unit: UnitKey) {
        self.each.remove(&unit);
        let Some(around) = &self.frames[unit.frame as usize] else { return };
        for number in around.opened.clone() {
            if self.frames[number as usize].as_ref().is_some_and(|frame| frame.parent == Some(unit)) {
                self.abandon(number);
            }
        }
    }

    fn item_done(&mut self, unit: UnitKey, each: &EachPlan, item: u32, value: Value) {
        if let Some(state) = self.each.get_mut(&unit) {
            state.results[item as usize] = value;
            state.under_way -= 1;
        }
        let plan = Arc::clone(&self.plan);
        self.start_items(unit, each, &plan.scopes[each.scope as usize]);
    }

    /// What around frame `number` keeps a failure there from being one of the run: the innermost, if there is any.
    pub(super) fn catcher(&self, number: u32) -> Option<Catcher> {
        let mut here = number;
        loop {
            let unit = self.frames[here as usize].as_ref()?.parent?;
            let around = self.frames[unit.frame as usize].as_ref()?;
            match &self.plan.scopes[around.scope as usize].units[unit.node as usize].work {
                Work::Each(each) if each.on_error == OnItemError::Null => {
                    return Some(Catcher::Item { frame: here, each: unit });
                }
                Work::Nested(nested) if nested.error_at.is_some() => {
                    return Some(Catcher::Told { frame: here });
                }
                _ => here = unit.frame,
            }
        }
    }

    /// The item in frame `number` has failed, and the foreach `unit` makes null of that: the item is through.
    pub(super) fn item_is_null(&mut self, number: u32, unit: UnitKey) {
        let plan = Arc::clone(&self.plan);
        let (Some(frame), Some(around)) = (&self.frames[number as usize], &self.frames[unit.frame as usize])
        else {
            return;
        };
        let item = frame.item;
        if let Work::Each(each) = &plan.scopes[around.scope as usize].units[unit.node as usize].work {
            self.abandon(number);
            self.item_done(unit, each, item, Value::Null);
        }
    }

    /// Keeps the failure of `unit` for frame `number`, unless that of a unit with a lower id is kept.
    pub(super) fn keep_first(&mut self, number: u32, unit: UnitKey, error: Error) {
        let unit = self.name(unit);
        let Some(frame) = self.frames[number as usize].as_mut() else { return };
        if frame.caught.as_ref().is_none_or(|caught| unit < caught.unit) {
            frame.caught = Some(Box::new(Caught { unit, error }));
        }
    }

    /// The id of a unit, as it is printed.
    fn name(&self, unit: UnitKey) -> String {
        // The run is no part of that.
        self.lineage.unit_id(RunId::from_u128(0), &self.plan, unit).to_string()
    }

    /// Forgets a frame and those opened from it; what is under way there will find nobody.
    fn abandon(&mut self, number: u32) {
        let mut gone = vec![number];
        while let Some(number) = gone.pop() {
            let Some(frame) = self.frames[number as usize].take() else { continue };
            if !frame.opened.is_empty() {
                self.each.retain(|unit, _| unit.frame != number);
            }
            gone.extend(frame.opened);
        }
    }
}

/// A slot that leads back and whose value has grown deeper than any stack should go: a turn may nest what the turn
/// before gave, so that only here a value can grow without end.
fn too_deep(cycle: &CyclePlan, frame: &Frame) -> Option<u32> {
    let value = |slot: &&u32| frame.slots[**slot as usize].as_ref();
    cycle.back_slots.iter().find(|slot| value(slot).is_some_and(|value| value.is_deeper(MAX_DEPTH))).copied()
}

fn nested_outputs(nested: &NestedPlan, scope: &ScopePlan, frame: &Frame) -> Result<Vec<Option<Value>>> {
    let mut outputs = nested.taps.iter().map(|plan| tap(plan, frame)).collect::<Result<Vec<_>>>()?;
    let results = nested.results_at.map(|at| (at, Some(results(nested, scope, frame))));
    let error = nested.error_at.map(|at| (at, None));
    let mut others: Vec<(u32, Option<Value>)> = results.into_iter().chain(error).collect();
    others.sort_by_key(|(at, _)| *at);
    for (at, value) in others {
        outputs.insert((at as usize).min(outputs.len()), value);
    }
    Ok(outputs)
}

/// The outputs of every inner node by its id; null for one that did not run.
fn results(nested: &NestedPlan, scope: &ScopePlan, frame: &Frame) -> Value {
    let members = scope.members.iter().zip(&nested.names).zip(&frame.status);
    let results: Map = members
        .map(|((member, names), status)| {
            let slots = &frame.slots[member.slots.start as usize..member.slots.end as usize];
            let value = if *status == Status::Done { named(names, slots) } else { Value::Null };
            (member.id.clone(), value)
        })
        .collect();
    results.into()
}

/// The outputs of a nested workflow that tells a failure at port `at`.
fn told(nested: &NestedPlan, at: u32, caught: Caught) -> Outputs {
    let mut outputs = Outputs::none(nested.taps.len() + usize::from(nested.results_at.is_some()) + 1);
    let error: Map = [
        ("kind", caught.error.kind().as_str().to_owned()),
        ("code", caught.error.code().to_owned()),
        ("message", caught.error.to_string()),
        ("node", caught.unit),
    ]
    .into_iter()
    .map(|(name, text)| (Text::from(name), Value::from(text)))
    .collect();
    outputs.set(at as usize, error);
    outputs
}

fn tap(plan: &TapPlan, frame: &Frame) -> Result<Option<Value>> {
    match (&frame.slots[plan.slot as usize], &plan.path) {
        (Some(value), Some(path)) => path.resolve(value).map(Some).map_err(|segment| {
            Error::missing(
                "connection.path",
                format!("the inner output has no `{segment}` on the way `{path}`"),
            )
        }),
        (value, _) => Ok(value.clone()),
    }
}

fn named(names: &[Text], slots: &[Option<Value>]) -> Value {
    let entries = names.iter().zip(slots).filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    entries.collect::<Map>().into()
}

/// Whether a condition ends the cycle. Its variables are the outputs of the nodes that lead back, what is in those of
/// them that are maps, every node of the cycle by its id, and `iteration`, from 0.
fn ends(cycle: &CyclePlan, scope: &ScopePlan, frame: &Frame) -> Result<bool> {
    for check in &cycle.checks {
        let mut variables = Map::new();
        for (member, names) in scope.members.iter().zip(&cycle.names) {
            let slots = &frame.slots[member.slots.start as usize..member.slots.end as usize];
            variables.insert(member.id.clone(), named(names, slots));
        }
        let of = |member: &u32| {
            let slots = &scope.members[*member as usize].slots;
            let outputs = &frame.slots[slots.start as usize..slots.end as usize];
            cycle.names[*member as usize]
                .iter()
                .zip(outputs)
                .filter_map(|(name, value)| Some((name, value.as_ref()?)))
        };
        for (_, value) in check.members.iter().flat_map(of) {
            if let Value::Map(map) = value {
                variables.extend(map.iter().map(|(key, value)| (key.clone(), value.clone())));
            }
        }
        variables
            .extend(check.members.iter().flat_map(of).map(|(name, value)| (name.clone(), value.clone())));
        variables.insert("iteration", frame.iteration);
        let variables = Arc::new(variables);
        let holds = |expr: &kailash_core::expr::Expr| {
            let id = check.members.first().map_or("", |member| scope.members[*member as usize].id.as_str());
            expr.holds(Arc::clone(&variables))
                .map_err(|error| error.at(format!("condition of the cycle at `{id}`")))
        };
        if check.convergence.as_deref().map(holds).transpose()? == Some(true)
            || check.condition.as_deref().map(holds).transpose()? == Some(false)
        {
            return Ok(true);
        }
    }
    Ok(false)
}

//! The search for an order that explains every answer.
//!
//! Calls and answers of one entry stand in a list in the order of time. The search takes a call from the front of the
//! list whose operation fits the state, removes it with its answer, and begins again at the front; where an answer
//! comes first whose operation has no place, it goes back. A set of places with the state that follows is tried once.
//! Operations with unknown outcome have no answer in the list: they may be placed anywhere behind their call, or not
//! at all.

use std::collections::{BTreeMap, HashMap};

use kailash_core::Text;

use super::{
    history::{Asked, History, Operation, Outcome},
    model::{State, carry_out},
    placed::Placed,
    verdict::{Verdict, Violation},
};

/// How many steps are enough for histories of some thousand operations on an entry.
pub const STEPS: u64 = 5_000_000;

/// Looks for an order that explains every answer of `history`, in no more than `steps` steps for each entry.
#[must_use]
pub fn check(history: &History, steps: u64) -> Verdict {
    let mut keys: BTreeMap<&Text, Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        let tells_nothing = operation.asked == Asked::Get && operation.outcome == Outcome::Unknown;
        if !tells_nothing {
            keys.entry(&operation.key).or_default().push(operation);
        }
    }
    let mut verdict = Verdict::Linearizable;
    for (key, operations) in keys {
        match Search::new(&operations).run(steps) {
            Found::Order => {}
            Found::TooMany => verdict = Verdict::Inconclusive { key: key.clone() },
            Found::None { unplaced, order } => {
                return Verdict::Violation(Box::new(violation(key, &operations, unplaced, &order)));
            }
        }
    }
    verdict
}

fn violation(key: &Text, operations: &[&Operation], unplaced: usize, order: &[usize]) -> Violation {
    let last = operations[unplaced].answered().unwrap_or(u64::MAX);
    let is_open = |at: &usize| *at != unplaced && !order.contains(at) && operations[*at].called <= last;
    let take = |at: usize| operations[at].clone();
    Violation {
        key: key.clone(),
        unplaced: take(unplaced),
        order: order.iter().copied().map(take).collect(),
        open: (0..operations.len()).filter(is_open).map(take).collect(),
    }
}

/// What a search found.
enum Found {
    Order,
    TooMany,
    None { unplaced: usize, order: Vec<usize> },
}

/// A call or an answer in the list. The list's ends are at 0.
#[derive(Clone, Copy)]
struct Event {
    operation: usize,
    /// Where the answer stands; none for an answer itself, and 0 if there is none.
    answer: Option<usize>,
    before: usize,
    after: usize,
}

struct Search<'o> {
    operations: &'o [&'o Operation],
    events: Vec<Event>,
    placed: Placed,
    state: State,
    /// The calls that were taken, each with the state before it.
    taken: Vec<(usize, State)>,
    /// States that were tried already, by what was placed.
    tried: HashMap<Placed, Vec<State>>,
    /// How many operations with an answer have no place.
    left: usize,
    /// The latest answer that was reached without a place, and an order that led there.
    stuck: Option<(usize, Vec<usize>)>,
}

impl<'o> Search<'o> {
    fn new(operations: &'o [&'o Operation]) -> Self {
        let mut times: Vec<(u64, bool, usize)> = Vec::new();
        for (at, operation) in operations.iter().enumerate() {
            // Calls come before answers of the same time: those overlap.
            times.push((operation.called, false, at));
            times.extend(operation.answered().map(|answered| (answered.max(operation.called), true, at)));
        }
        times.sort_unstable();
        let count = times.len();
        let end = Event { operation: usize::MAX, answer: None, before: count, after: count.min(1) };
        let mut events = vec![end];
        let mut calls = vec![0; operations.len()];
        for (at, (_, is_answer, operation)) in (1..).zip(times) {
            let answer = (!is_answer).then_some(0);
            events.push(Event { operation, answer, before: at - 1, after: (at + 1) % (count + 1) });
            if is_answer {
                events[calls[operation]].answer = Some(at);
            } else {
                calls[operation] = at;
            }
        }
        Self {
            operations,
            events,
            placed: Placed::none_of(operations.len()),
            state: None,
            taken: Vec::new(),
            tried: HashMap::new(),
            left: operations.iter().filter(|operation| operation.told().is_some()).count(),
            stuck: None,
        }
    }

    fn run(mut self, steps: u64) -> Found {
        let mut at = self.events[0].after;
        for _ in 0..steps {
            if self.left == 0 {
                return Found::Order;
            }
            let Event { answer, after, .. } = self.events[at];
            if answer.is_some() {
                at = if self.take(at) { self.events[0].after } else { after };
                continue;
            }
            self.is_stuck(at);
            let Some((call, before)) = self.taken.pop() else {
                let (at, order) = self.stuck.unwrap_or_default();
                return Found::None { unplaced: self.events[at].operation, order };
            };
            self.give_back(call, before);
            at = self.events[call].after;
        }
        if self.left == 0 { Found::Order } else { Found::TooMany }
    }

    /// Places the operation called at `call` next, if it fits there and that was not tried yet.
    fn take(&mut self, call: usize) -> bool {
        let number = self.events[call].operation;
        let operation = self.operations[number];
        let (state, told) = carry_out(&self.state, &operation.asked);
        let fits = match operation.told() {
            Some(answered) => *answered == told,
            // What changes nothing may as well never have happened.
            None => state != self.state,
        };
        if !fits {
            return false;
        }
        self.placed.insert(number);
        let tried = self.tried.entry(self.placed.clone()).or_default();
        if tried.contains(&state) {
            self.placed.remove(number);
            return false;
        }
        tried.push(state.clone());
        self.left -= usize::from(operation.told().is_some());
        self.taken.push((call, std::mem::replace(&mut self.state, state)));
        self.unlink(call);
        if let Some(answer) = self.events[call].answer.filter(|answer| *answer != 0) {
            self.unlink(answer);
        }
        true
    }

    /// Takes the last placement back.
    fn give_back(&mut self, call: usize, before: State) {
        let Event { operation: number, answer, .. } = self.events[call];
        if let Some(answer) = answer.filter(|answer| *answer != 0) {
            self.link(answer);
        }
        self.link(call);
        self.state = before;
        self.placed.remove(number);
        self.left += usize::from(self.operations[number].told().is_some());
    }

    /// Notes that the answer at `at` was reached while its operation has no place. Events are in the order of time.
    fn is_stuck(&mut self, at: usize) {
        let latest = self.stuck.as_ref().map(|(at, order)| (*at, order.len()));
        if latest.is_none_or(|latest| (at, self.taken.len()) > latest) {
            let order = self.taken.iter().map(|(call, _)| self.events[*call].operation);
            self.stuck = Some((at, order.collect()));
        }
    }

    fn unlink(&mut self, at: usize) {
        let Event { before, after, .. } = self.events[at];
        self.events[before].after = after;
        self.events[after].before = before;
    }

    /// Undoes the last `unlink`, of this event.
    fn link(&mut self, at: usize) {
        let Event { before, after, .. } = self.events[at];
        self.events[before].after = at;
        self.events[after].before = at;
    }
}

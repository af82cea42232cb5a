//! What the scheduler decided, told to those who listen.

use kailash_core::{Error, ErrorKind, event::What, node::UnitKey};

use super::drive::{Run, State};
use crate::{plan::Work, schedule::Note};

impl Run {
    /// Tells what happened in the scheduler since the last call.
    pub(super) fn tell_notes(&self, state: &mut State) {
        let shared = &self.shared;
        for note in state.schedule.take_notes() {
            match note {
                Note::Opened(unit) => {
                    state.opened.insert(unit, shared.clock.monotonic());
                    shared.tell(unit, None, What::NodeStarted);
                }
                Note::Closed(unit) => {
                    let now = shared.clock.monotonic();
                    let took = state.opened.remove(&unit).map(|began| now.saturating_since(began));
                    let duration_ms = took.unwrap_or_default().as_secs_f64() * 1e3;
                    shared.tell(unit, None, What::NodeFinished { duration_ms });
                }
                Note::FailedWithin(unit) => {
                    state.opened.remove(&unit);
                    shared.tell(unit, None, failed(&Error::node("node.within", "a node inside it failed")));
                }
                Note::Failed(unit, error) => self.tell_failure(state, unit, &error),
                Note::Skipped(unit) => shared.tell_each(unit, None, &What::NodeSkipped),
                Note::Turned { unit, iteration, converged } => {
                    shared.tell(unit, None, What::CycleTurned { iteration, converged });
                }
            }
        }
    }

    /// Of nodes joined by streams the one that failed has the error; the others stopped because of it.
    fn tell_failure(&self, state: &State, unit: UnitKey, error: &Error) {
        let shared = &self.shared;
        let Some(blamed) = state.blamed.get(&unit) else {
            // The condition of a cycle failed after its nodes were through.
            let cycle = shared.planned(unit).is_some_and(|planned| matches!(planned.work, Work::Cycle(_)));
            return if cycle {
                shared.tell(unit, None, failed(error));
            } else {
                shared.tell_each(unit, None, &failed(error));
            };
        };
        let message = format!("node `{blamed}`, joined to it by streams, failed");
        let other = failed(&Error::new(ErrorKind::Cancelled, "link.closed", message));
        for member in shared.members(unit) {
            let own = shared.node_of(member).is_some_and(|node| node == *blamed);
            shared.tell(member, None, if own { failed(error) } else { other.clone() });
        }
    }
}

fn failed(error: &Error) -> What {
    What::NodeFailed { kind: error.kind(), code: error.code().into(), message: error.to_string() }
}

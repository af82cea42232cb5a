//! Lets units of a run under way wait for time or signals, and runs them again when it has come.

use std::time::Duration;

use kailash_core::{
    Error, ErrorKind, Result, Text, Value,
    event::What,
    node::{UnitKey, Wake, Woken},
};

use super::{Run, body, drive::State};
use crate::{journal::Wait, schedule::Ready};

/// The longest time between two looks at the clock, which somebody may set.
const NAP: Duration = Duration::from_secs(60);

impl Run {
    /// Keeps what a unit needs to be run again, until its wish to be suspended lands.
    pub(super) fn keep(&self, ready: Ready) {
        self.lock().kept.insert(ready.unit, ready);
    }

    /// Lets a unit wait.
    pub(super) fn lay(&self, state: &mut State, unit: UnitKey, wake: Wake) {
        match state.kept.remove(&unit) {
            Some(ready) => state.asleep.lay(ready, wake),
            None => state.schedule.fail(unit, body::no_suspension()),
        }
    }

    /// Makes those ready that something woke.
    pub(super) fn rouse(&self, state: &mut State) {
        if state.asleep.is_empty() {
            return;
        }
        for (ready, woken) in state.asleep.rouse(self.shared.clock.now()) {
            if state.schedule.is_live(ready.unit) {
                self.wake_up(state, ready, woken);
            }
        }
    }

    fn wake_up(&self, state: &mut State, mut ready: Ready, woken: Woken) {
        let unit = ready.unit;
        self.shared.tell(unit, None, What::NodeWoken { signal: matches!(woken, Woken::Signal(_)) });
        let effect = self.shared.plan.scopes[ready.scope as usize].units[unit.node as usize].effect;
        ready.inputs.set_woken(woken.clone());
        let free = match &mut state.scribe {
            Some(scribe) => scribe.wake(self.shared.unit_path(unit), woken, effect, ready),
            None => Some(ready),
        };
        state.futures.extend(free);
        self.ink.notify_one();
    }

    /// How long nobody need look at the clock for those who sleep.
    pub(super) fn nap(&self, state: &State) -> Option<Duration> {
        // A little longer, so that the time has come for certain.
        let left = state.asleep.next()?.saturating_since(self.shared.clock.now());
        Some(NAP.min(left + Duration::from_millis(1)))
    }

    /// Ends a run in which nothing moves and somebody sleeps, if it is to be put aside: what they wait for.
    pub(super) fn park(&self, state: &mut State) -> Option<Wait> {
        let moving = state.helpers > 0 || !state.futures.is_empty() || !state.compute.is_empty();
        let held_back = || state.scribe.as_ref().is_none_or(|scribe| scribe.holds_back());
        if !self.engine.settings.park || state.asleep.is_empty() || moving || held_back() {
            return None;
        }
        let wait = state.asleep.wait();
        // From here on a signal is refused, and whoever sends it finds the run put aside.
        state.schedule.stop();
        Some(wait)
    }

    /// Sends the run a signal. With a journal it is durable when this returns.
    ///
    /// # Errors
    /// Kind `Conflict`, code `run.over`, if the run has ended or was put aside; kind `Limit` for too many signals.
    pub(crate) async fn signal(&self, name: Text, value: Value) -> Result<()> {
        let told = {
            let mut state = self.lock();
            if state.schedule.is_done() {
                return Err(over("the run takes no signals any more"));
            }
            state.asleep.signal(name.clone(), value.clone())?;
            state.scribe.as_mut().map(|scribe| scribe.signalled(name, value))
        };
        self.ink.notify_one();
        self.wake.notify_one();
        match told {
            Some(told) => told.await.map_err(|_| over("the run ended before its journal had the signal")),
            None => Ok(()),
        }
    }
}

fn over(message: &str) -> Error {
    Error::new(ErrorKind::Conflict, "run.over", message)
}

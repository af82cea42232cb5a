//! Lets units of a run under way wait for time or signals, and runs them again when it has come.

use std::{sync::atomic::Ordering, time::Duration};

use kailash_core::{
    Error, ErrorKind, Result, Text, Value,
    event::What,
    node::{UnitKey, Wake, Woken},
};

use super::{Run, body, drive::State};
use crate::{
    journal::{Scribe, Wait},
    schedule::Ready,
};

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

    /// Ends a run in which nothing is under way, if it is to be put aside: what it waits for.
    pub(super) fn park(&self, state: &mut State) -> Option<Wait> {
        if state.helpers > 0 {
            return None;
        }
        let winding_down = self.is_winding_down();
        let ready = || !state.futures.is_empty() || !state.compute.is_empty();
        let held_back = || state.scribe.as_ref().is_none_or(Scribe::holds_back);
        let only_waits = || self.engine.settings.park && !state.asleep.is_empty() && !ready() && !held_back();
        if !winding_down && !only_waits() {
            return None;
        }
        let mut wait = state.asleep.wait();
        if winding_down {
            wait.until = Some(self.shared.clock.now());
        }
        // From here on a signal is refused, and whoever sends it finds the run put aside.
        state.schedule.stop();
        Some(wait)
    }

    /// Lets what is under way come to its end, begins nothing more, and puts the run aside.
    ///
    /// # Errors
    /// Kind `Invalid`, code `journal.none`, for a run without a journal.
    pub(crate) fn wind_down(&self) -> Result<()> {
        if self.engine.settings.journal.is_none() {
            return Err(Error::invalid("journal.none", "a run without a journal cannot be put aside"));
        }
        self.shared.winding_down.store(true, Ordering::Release);
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn is_winding_down(&self) -> bool {
        self.shared.winding_down.load(Ordering::Acquire)
    }

    /// Waits until everything that happened in the run up to now is durable; at once without a journal.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `journal.broken`, if the journal takes nothing more.
    pub(crate) async fn recorded(&self) -> Result<()> {
        let told = self.lock().scribe.as_mut().map(Scribe::ask);
        self.ink.notify_one();
        match told {
            Some(told) => told.await.map_err(|_| {
                Error::new(ErrorKind::Unavailable, "journal.broken", "the journal did not take the run")
            }),
            None => Ok(()),
        }
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

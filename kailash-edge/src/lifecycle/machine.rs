//! The machine: a state, the work under way, and which signals it takes.

use kailash_core::{Error, ErrorKind};

use super::{Signal, State};

/// A host's lifecycle. Pure: it knows no clock and does nothing by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lifecycle {
    state: State,
    under_way: u64,
}

/// A signal or piece of work that does not fit the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The signal does not lead anywhere from here.
    #[error("a host that is {state} takes no signal `{signal}`")]
    Signal {
        /// Where the host stands.
        state: State,
        /// What it was told.
        signal: Signal,
    },
    /// New work is not admitted.
    #[error("a host that is {state} takes no new work")]
    Work {
        /// Where the host stands.
        state: State,
    },
    /// Work was finished that never began.
    #[error("no work is under way")]
    NothingUnderWay,
}

impl Lifecycle {
    /// A new host.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A host that stands at `state`, with no work under way.
    #[must_use]
    pub fn at(state: State) -> Self {
        Self { state, under_way: 0 }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// How many pieces of work are under way.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.under_way
    }

    /// Takes a signal and says where that leads.
    ///
    /// # Errors
    /// [`Refused::Signal`]; nothing changes then. `drained` is refused while work is under way.
    pub fn signal(&mut self, signal: Signal) -> Result<State, Refused> {
        use State::{Active, Draining, Initialized, Terminated, Warming};
        let next = match (self.state, signal) {
            (Initialized, Signal::Warm) => Warming,
            (Warming, Signal::Ready) => Active,
            (Initialized | Warming, Signal::Drain) => Terminated,
            (Active, Signal::Drain) => Draining,
            (Draining, Signal::Drained) if self.under_way == 0 => Terminated,
            (Initialized | Warming | Active | Draining, Signal::Fail) => Terminated,
            (state, signal) => return Err(Refused::Signal { state, signal }),
        };
        self.state = next;
        if next == Terminated {
            self.under_way = 0;
        }
        Ok(next)
    }

    /// Admits a piece of work.
    ///
    /// # Errors
    /// [`Refused::Work`] unless the host is active.
    pub fn begin_work(&mut self) -> Result<(), Refused> {
        if !self.state.admits_work() {
            return Err(Refused::Work { state: self.state });
        }
        self.under_way += 1;
        Ok(())
    }

    /// Notes that a piece of work ended, and says whether `drained` may follow.
    ///
    /// # Errors
    /// [`Refused::NothingUnderWay`].
    pub fn end_work(&mut self) -> Result<bool, Refused> {
        self.under_way = self.under_way.checked_sub(1).ok_or(Refused::NothingUnderWay)?;
        Ok(self.state == State::Draining && self.under_way == 0)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let (kind, code) = match refused {
            Refused::Signal { .. } => (ErrorKind::Conflict, "lifecycle.signal"),
            Refused::Work { .. } => (ErrorKind::Unavailable, "lifecycle.work"),
            Refused::NothingUnderWay => (ErrorKind::Invalid, "lifecycle.nothing_under_way"),
        };
        Self::new(kind, code, refused.to_string()).with_source(refused)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn active() -> Lifecycle {
        let mut host = Lifecycle::new();
        host.signal(Signal::Warm).unwrap();
        host.signal(Signal::Ready).unwrap();
        host
    }

    #[test]
    fn a_whole_life_goes_through_every_state() {
        let mut host = Lifecycle::new();
        let signals = [Signal::Warm, Signal::Ready, Signal::Drain, Signal::Drained];
        let states: Vec<State> = signals.map(|signal| host.signal(signal).unwrap()).to_vec();
        assert_eq!(states, State::ALL[1..]);
    }

    #[test]
    fn a_host_drains_only_once_its_work_is_done() {
        let mut host = active();
        host.begin_work().unwrap();
        host.signal(Signal::Drain).unwrap();
        assert_eq!(host.begin_work(), Err(Refused::Work { state: State::Draining }));
        assert!(host.signal(Signal::Drained).is_err());
        assert_eq!(host.end_work(), Ok(true));
        assert_eq!(host.signal(Signal::Drained), Ok(State::Terminated));
    }

    #[test]
    fn what_was_never_active_need_not_drain() {
        let mut host = Lifecycle::new();
        assert_eq!(host.signal(Signal::Drain), Ok(State::Terminated));
    }

    proptest! {
        #[test]
        fn no_history_revives_a_host_or_admits_work_unless_active(
            steps in prop::collection::vec((0_usize..7).prop_map(|n| Signal::ALL.get(n).copied()), 0..60),
        ) {
            let mut host = Lifecycle::new();
            let mut furthest = 0;
            for step in steps {
                let before = host.clone();
                let result = match step {
                    Some(signal) => host.signal(signal).map(drop),
                    None => host.begin_work(),
                };
                if result.is_err() {
                    prop_assert_eq!(&host, &before, "a refusal changes nothing");
                }
                let rank = State::ALL.iter().position(|state| *state == host.state()).unwrap();
                prop_assert!(rank >= furthest, "a life never goes back");
                furthest = rank;
                prop_assert!(host.under_way() == 0 || host.state().may_be_working());
            }
        }
    }
}

//! The lifecycle that is kept in a state.

use kailash_core::{Error, ErrorKind, Result, Text, value};
use kailash_edge::{
    coordinate::{
        StateAsk,
        state::{Answer, Encoded, Expect},
    },
    lifecycle::{Lifecycle, Signal, State},
};

use super::{
    told::Told,
    work::{TRIES, Work, other, served},
};

/// The entry that holds the lifecycle.
const LIFECYCLE: &str = "lifecycle";

impl Work<'_> {
    /// Tells the lifecycle a signal.
    pub(super) async fn transition(&self, state_id: &str, signal: &str) -> Result<Told> {
        let signal = Signal::ALL.into_iter().find(|known| known.to_string() == *signal).ok_or_else(|| {
            Error::invalid("state.signal", format!("unknown signal `{signal}`"))
                .at("signal")
                .with_hint("one of: warm ready drain drained fail")
        })?;
        let key = Text::from(LIFECYCLE);
        for _ in 0..TRIES {
            let (before, _) = served!(self.entry(state_id, &key).await);
            let expect = before.as_ref().map_or(Expect::Absent, |entry| Expect::Version(entry.version));
            let old = match before.map(|entry| entry.value.value()).transpose()? {
                None => State::default(),
                Some(value) => {
                    State::ALL.into_iter().find(|state| Some(state.as_str()) == value.as_str()).ok_or_else(
                        || Error::invalid("state.lifecycle", "the entry `lifecycle` holds no lifecycle"),
                    )?
                }
            };
            let new = Lifecycle::at(old).signal(signal)?;
            let put = StateAsk::Put { key: key.clone(), value: Encoded::of(&value!(new.as_str()))?, expect };
            let changed = self.changed(state_id, put).await;
            if changed.as_ref().is_err_and(|error| error.code() == "map.version") {
                continue;
            }
            let (answer, by) = served!(changed);
            let Answer::Written { version, .. } = answer else { return Err(other()) };
            return Ok(Told::done([
                ("state", new.as_str().into()),
                ("old_value", old.as_str().into()),
                ("new_value", new.as_str().into()),
                ("version", version.into()),
                ("served_by", by),
            ]));
        }
        Err(Error::new(ErrorKind::Conflict, "state.contended", "the lifecycle changes all the time"))
    }
}

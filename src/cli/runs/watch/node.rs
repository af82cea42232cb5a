//! One node of a run that is watched. Pure.

use kailash_core::{Event, Text, event::What, exec::Timestamp};

/// How a node stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Done,
    Failed,
    Skipped,
    /// It failed and is tried again.
    Retrying,
    Suspended,
    /// It was under way when its run ended.
    GivenUp,
}

impl State {
    /// Whether it is under way or will go on.
    pub(super) fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Retrying | Self::Suspended)
    }
}

/// A node of the outermost workflow, with everything inside it.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) id: Text,
    pub(super) state: State,
    /// The attempt, from 1.
    pub(super) attempt: u32,
    /// The turn of its cycle, from 0.
    pub(super) turn: u32,
    /// When it began what it is at, or went to sleep.
    pub(super) since: Option<Timestamp>,
    /// How long all its turns took, in milliseconds, as far as it is known.
    pub(super) took_ms: Option<f64>,
    /// How many units inside it are done.
    pub(super) inside: u64,
    /// What it says of its progress: done, of all, and a message.
    pub(super) progress: Option<(u64, Option<u64>, String)>,
    /// Why it failed, or what it waits for.
    pub(super) said: Option<String>,
}

impl Node {
    pub(super) fn new(id: Text) -> Self {
        Self {
            id,
            state: State::Running,
            attempt: 1,
            turn: 0,
            since: None,
            took_ms: None,
            inside: 0,
            progress: None,
            said: None,
        }
    }

    /// Takes an event of the node itself, at turn `turn`.
    pub(super) fn hear(&mut self, event: &Event, turn: u32) {
        match &event.what {
            What::NodeStarted => {
                (self.state, self.turn, self.since) = (State::Running, turn, Some(event.at));
                self.attempt = event.attempt.unwrap_or(1);
                (self.said, self.progress) = (None, None);
            }
            What::NodeFinished { duration_ms } => {
                self.state = State::Done;
                *self.took_ms.get_or_insert(0.0) += duration_ms;
                (self.said, self.progress) = (None, None);
            }
            What::NodeFailed { code, message, .. } => {
                self.fail(Some(code), Some(message));
                self.took_ms = self.since.map(|since| event.at.saturating_since(since).as_secs_f64() * 1e3);
            }
            What::NodeRetrying { message, .. } => {
                (self.state, self.since) = (State::Retrying, Some(event.at));
                (self.attempt, self.said) = (event.attempt.unwrap_or(1) + 1, Some(message.clone()));
            }
            What::NodeSkipped => self.state = State::Skipped,
            What::NodeSuspended { until, signal } => self.sleep(Some(event.at), *until, signal.as_ref()),
            What::NodeWoken { .. } => (self.state, self.said) = (State::Running, None),
            What::NodeProgress { message, done, total } => {
                self.progress = Some((*done, *total, message.clone()));
            }
            _ => {}
        }
    }

    /// It failed.
    pub(super) fn fail(&mut self, code: Option<&Text>, message: Option<&str>) {
        self.state = State::Failed;
        let parts = [code.map(Text::as_str), message];
        self.said = Some(parts.into_iter().flatten().collect::<Vec<_>>().join(": "));
    }

    /// It waits.
    pub(super) fn sleep(
        &mut self,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        signal: Option<&Text>,
    ) {
        (self.state, self.since) = (State::Suspended, since);
        let signal = signal.map(|signal| format!("for signal `{signal}`"));
        let until = until.map(|until| format!("until {until}"));
        self.said = Some([signal, until].into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
}

/// The node of the outermost workflow that `unit` belongs to, the turn it is at, and whether `unit` stands inside it.
pub(super) fn place(unit: &str) -> (&str, u32, bool) {
    let (outer, inside) = match unit.split_once('/') {
        Some((outer, _)) => (outer, true),
        None => (unit, false),
    };
    match outer.rsplit_once('#').map(|(id, turn)| (id, turn.parse())) {
        Some((id, Ok(turn))) => (id, turn, inside),
        _ => (outer, 0, inside),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn a_unit_belongs_to_a_node_of_the_outermost_workflow() {
        assert_eq!(place("read"), ("read", 0, false));
        assert_eq!(place("inc#17"), ("inc", 17, false));
        assert_eq!(place("each/item[3]#2"), ("each", 0, true));
        assert_eq!(place("nest#2/inner"), ("nest", 2, true));
        assert_eq!(place("issue#x"), ("issue#x", 0, false));
    }
}

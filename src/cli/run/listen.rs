//! Listening to a run: events as lines, progress on a terminal, and how long each node took.
//!
//! ```text
//! run ──hook──> durations (a map)
//!         └───> channel ──> thread: lines on stderr, or a progress display
//! ```
//! The run never waits for a slow reader of its events.

use std::{
    collections::{HashMap, HashSet},
    io::{self, BufWriter, IsTerminal, Write},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::{self, JoinHandle},
};

use kailash_core::{Event, Text, Workflow, event::What};
use kailash_runtime::Hook;

use super::progress;
use crate::cli::term::{Paint, clean, err};

/// Milliseconds of each node, all its turns and attempts together.
pub(super) type Durations = HashMap<Text, f64>;

/// What listens to one run.
#[derive(Default)]
pub(super) struct Listener {
    hooks: Vec<Hook>,
    durations: Arc<Mutex<Durations>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Listens as the command's options ask for; with `--json` in a pipe nobody does.
    pub(super) fn new(workflow: &Workflow, events: bool, json: bool, quiet: bool) -> Self {
        let mut listener = Self::default();
        if events {
            listener.spawn(lines);
        } else if !quiet && io::stderr().is_terminal() {
            let ids: HashSet<Text> = workflow.nodes().iter().map(|node| node.id.clone()).collect();
            listener.spawn(move |events| progress::show(events, &ids));
        }
        if !quiet && !events {
            let told = AtomicBool::new(false);
            listener.hooks.push(Arc::new(move |event| tell_of_waiting(event, &told)));
        }
        if !json {
            let durations = Arc::clone(&listener.durations);
            let ids: HashSet<Text> = workflow.nodes().iter().map(|node| node.id.clone()).collect();
            listener.hooks.push(Arc::new(move |event| note(event, &ids, &durations)));
        }
        listener
    }

    fn spawn(&mut self, body: impl FnOnce(&Receiver<Event>) + Send + 'static) {
        let (sender, receiver): (Sender<Event>, _) = channel();
        let made = thread::Builder::new().name("kailash-events".into()).spawn(move || body(&receiver));
        match made {
            Ok(thread) => {
                self.thread = Some(thread);
                // An error says that the thread has stopped listening.
                self.hooks.push(Arc::new(move |event| drop(sender.send(event.clone()))));
            }
            Err(error) => tracing::warn!(%error, "nobody listens to the run: no thread"),
        }
    }

    /// The hooks for the run's settings.
    pub(super) fn hooks(&self) -> Vec<Hook> {
        self.hooks.clone()
    }

    /// Waits until everything heard is written, and gives what each node took. The run has ended, or never began.
    pub(super) fn end(self) -> io::Result<Durations> {
        let Self { hooks, durations, thread } = self;
        drop(hooks);
        if let Some(thread) = thread {
            thread.join().map_err(|_| io::Error::other("the thread that listens to the run panicked"))?;
        }
        Ok(std::mem::take(&mut durations.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Says once that a node waits for a signal, which nobody can send to a run without a host.
fn tell_of_waiting(event: &Event, told: &AtomicBool) {
    let (Some(unit), What::NodeSuspended { signal: Some(signal), until }) = (&event.unit, &event.what) else {
        return;
    };
    if told.swap(true, Ordering::Relaxed) {
        return;
    }
    let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
    let text = format!(
        "node `{unit}` waits for the signal `{signal}`{until}, and no signal reaches a run without a host"
    );
    let (head, help) = (Paint::stderr().yellow("note"), "`kailash serve` runs it where it can be sent one");
    // Nobody may read what is said.
    drop(writeln!(err(), "{head}: {}: {help}", clean(&text)));
}

fn note(event: &Event, ids: &HashSet<Text>, durations: &Mutex<Durations>) {
    let (Some(unit), What::NodeFinished { duration_ms }) = (&event.unit, &event.what) else { return };
    let Some(id) = outermost(unit, ids) else { return };
    *durations.lock().unwrap_or_else(PoisonError::into_inner).entry(id.clone()).or_default() += duration_ms;
}

/// The node of the outermost workflow that `unit` is a turn of; none for a unit inside a nested workflow.
pub(super) fn outermost<'i>(unit: &str, ids: &'i HashSet<Text>) -> Option<&'i Text> {
    ids.get(unit).or_else(|| ids.get(unit.rsplit_once('#')?.0))
}

/// Writes every event as a line of JSON on stderr.
fn lines(events: &Receiver<Event>) {
    let mut out = BufWriter::new(io::stderr());
    let mut open = true;
    loop {
        let event = match events.try_recv() {
            Ok(event) => event,
            Err(TryRecvError::Empty) => {
                open = open && out.flush().is_ok();
                match events.recv() {
                    Ok(event) => event,
                    Err(_) => return,
                }
            }
            Err(TryRecvError::Disconnected) => break,
        };
        let last = matches!(event.what, What::RunFinished { .. });
        open = open && serde_json::to_writer(&mut out, &event).is_ok() && out.write_all(b"\n").is_ok();
        if last {
            break;
        }
    }
    // A reader that went away does not want the rest.
    drop(out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_turns_of_a_node_count_for_it_and_inner_nodes_for_none() {
        let ids: HashSet<Text> = ["inc".into(), "a#1".into()].into();
        assert_eq!(outermost("inc#4", &ids).map(Text::as_str), Some("inc"));
        assert_eq!(outermost("a#1", &ids).map(Text::as_str), Some("a#1"));
        assert_eq!(outermost("inc/x", &ids), None);
    }
}

//! How far a run is, on a terminal: nodes done of all, and which are under way.

use std::{
    collections::HashSet,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kailash_core::{Event, Text, event::What};

use super::listen::outermost;

/// A run shorter than this shows nothing.
const QUIET: Duration = Duration::from_millis(200);
const TICK: Duration = Duration::from_millis(100);
const TEMPLATE: &str = "{spinner} {pos}/{len} nodes [{bar:24}] {elapsed}  {wide_msg}";

/// Shows progress until the run ends.
pub(super) fn show(events: &Receiver<Event>, ids: &HashSet<Text>) {
    let began = Instant::now();
    let mut state = State::default();
    let mut bar: Option<ProgressBar> = None;
    loop {
        match events.recv_timeout(TICK) {
            Ok(Event { what: What::RunFinished { .. }, .. }) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(event) => {
                state.hear(&event, ids);
                if bar.is_some() {
                    for event in events.try_iter().take(10_000) {
                        if matches!(event.what, What::RunFinished { .. }) {
                            return finish(bar);
                        }
                        state.hear(&event, ids);
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        if bar.is_none() && began.elapsed() > QUIET {
            let made = ProgressBar::with_draw_target(Some(ids.len() as u64), ProgressDrawTarget::stderr());
            let style =
                ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar = Some(made.with_style(style.progress_chars("=> ")).with_elapsed(began.elapsed()));
        }
        if let Some(bar) = &bar {
            bar.set_position(state.done.len() as u64);
            bar.set_message(state.message());
            bar.tick();
        }
    }
    finish(bar);
}

fn finish(bar: Option<ProgressBar>) {
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
}

#[derive(Default)]
struct State {
    done: HashSet<Text>,
    running: Vec<Text>,
    said: Option<String>,
}

impl State {
    fn hear(&mut self, event: &Event, ids: &HashSet<Text>) {
        let Some(unit) = &event.unit else { return };
        match &event.what {
            What::NodeStarted if !self.running.contains(unit) => self.running.push(unit.clone()),
            What::NodeFinished { .. } | What::NodeFailed { .. } | What::NodeSkipped => {
                self.running.retain(|running| running != unit);
                self.said = None;
                if let Some(id) = outermost(unit, ids) {
                    self.done.insert(id.clone());
                }
            }
            What::NodeRetrying { message, .. } => self.said = Some(format!("{unit} again after: {message}")),
            What::NodeProgress { message, done, total } => {
                let of = total.map(|total| format!("/{total}")).unwrap_or_default();
                self.said = Some(format!("{unit}: {message} {done}{of}"));
            }
            _ => {}
        }
    }

    fn message(&self) -> String {
        if let Some(said) = &self.said {
            return crate::cli::term::one_line(said, 120);
        }
        let names: Vec<&str> = self.running.iter().take(3).map(Text::as_str).collect();
        let more = self.running.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        crate::cli::term::one_line(&format!("{}{more}", names.join(", ")), 120)
    }
}

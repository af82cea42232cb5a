//! What is told of a demo.

use std::{process::ExitStatus, time::Duration};

use tokio::time::Instant;

use super::super::status::Standing;
use crate::cli::term::{Paint, clean};

/// How long no majority is there until that is told: an election takes less.
const LONG: Duration = Duration::from_secs(2);

/// What was told last, and what is to be told next.
pub(super) struct Story {
    paint: Paint,
    last: Standing,
    /// Since when the leader is gone.
    leaderless: Option<Instant>,
    /// Since when no majority is there.
    without: Option<Instant>,
    told: bool,
}

impl Story {
    pub(super) fn new(first: Standing, paint: Paint) -> Self {
        Self { paint, last: first, leaderless: None, without: None, told: false }
    }

    /// A host has gone.
    pub(super) fn gone(&mut self, name: &str, status: ExitStatus) -> String {
        if self.last.leader() == Some(name) {
            self.leaderless = Some(Instant::now());
        }
        self.paint.red(format!("{name} has gone: {status}"))
    }

    /// The cluster stands so, or no host is with a majority.
    pub(super) fn stands(&mut self, now: Option<Standing>) -> Option<String> {
        let Some(now) = now else {
            let is_long = self.without.get_or_insert_with(Instant::now).elapsed() >= LONG;
            let news = is_long && !self.told;
            self.told = is_long;
            return news.then(|| self.paint.red("no majority is there: nothing is accepted"));
        };
        let is_back = std::mem::take(&mut self.told);
        let is_other = (now.leader(), now.term) != (self.last.leader(), self.last.term);
        (self.last, self.without) = (now, None);
        if is_other {
            let took =
                self.leaderless.take().map(|since| format!(", {} ms after", since.elapsed().as_millis()));
            let line = format!("{}, term {}{}", leads(&self.last), self.last.term, took.unwrap_or_default());
            return Some(self.paint.green(line));
        }
        is_back.then(|| self.paint.green("a majority is there again"))
    }
}

/// Who leads.
pub(super) fn leads(standing: &Standing) -> String {
    format!("{} leads", standing.leader().map_or_else(|| "nobody".into(), clean))
}

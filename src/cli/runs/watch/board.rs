//! What a watcher knows of a host: fed by events and by how runs stand, with times from outside. Pure.

use std::collections::{BTreeMap, VecDeque};

use kailash_core::{Event, RunId, RunStatus, event::What, exec::Timestamp};
use serde::Deserialize;

use super::{feed::Standing, row::Run};
use crate::cli::remote::Message;

/// The most runs under way that are kept, and of those that ended.
const MAX_RUNS: usize = 4096;
const MAX_ENDED: usize = 50;

/// The time over which the rate of events is taken, in seconds.
const SPAN: i64 = 5;

/// What is known of a host.
pub(super) struct Board {
    /// The run that is watched; all of them if there is none.
    pub(super) only: Option<RunId>,
    /// In the order in which they began.
    pub(super) under_way: BTreeMap<RunId, Run>,
    /// The last ones first.
    pub(super) ended: VecDeque<Run>,
    /// How many events were missed.
    pub(super) missed: u64,
    /// Why there is no connection, and when it is tried again; nothing while there is one.
    pub(super) lost: Option<(String, Timestamp)>,
    /// Events of each of the last seconds: the second, and how many.
    seconds: VecDeque<(i64, u64)>,
    /// The milliseconds by which the clock here is ahead of the host's: the least that was seen, so that the way of an
    /// event counts as little as it can.
    ahead: Option<i64>,
}

#[derive(Deserialize)]
struct Lagged {
    missed: u64,
}

impl Board {
    pub(super) fn new(only: Option<RunId>) -> Self {
        Self {
            only,
            under_way: BTreeMap::new(),
            ended: VecDeque::new(),
            missed: 0,
            lost: None,
            seconds: VecDeque::new(),
            ahead: None,
        }
    }

    /// The host's time when it is `now` here.
    pub(super) fn host_time(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_unix_millis(now.unix_millis() - self.ahead.unwrap_or(0))
    }

    /// Events a second.
    pub(super) fn rate(&self, now: Timestamp) -> f64 {
        let since = now.unix_millis() / 1000 - SPAN;
        let counted: u64 = self.seconds.iter().filter(|(second, _)| *second > since).map(|(_, n)| n).sum();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = counted as f64 / SPAN as f64;
        rate
    }

    /// The run that is watched alone.
    pub(super) fn watched(&self) -> Option<&Run> {
        let run = self.only?;
        self.under_way.get(&run).or_else(|| self.ended.iter().find(|ended| ended.id == run))
    }

    /// How the run that is watched alone ended, if it has.
    pub(super) fn over(&self) -> Option<RunStatus> {
        self.watched().map(|run| run.status).filter(|status| status.is_end())
    }

    /// Takes what came at `now`.
    pub(super) fn hear(&mut self, message: &Message, now: Timestamp) {
        if message.event == "lagged" {
            if let Ok(Lagged { missed }) = serde_json::from_str(&message.data) {
                self.missed += missed;
            }
            for run in self.under_way.values_mut() {
                run.partial = true;
            }
            return;
        }
        // A newer host may tell of what is not known here.
        let Ok(event) = serde_json::from_str::<Event>(&message.data) else { return };
        self.tick(&event, now);
        if self.only.is_some_and(|run| run != event.run) || self.ended.iter().any(|run| run.id == event.run) {
            return;
        }
        if matches!(event.what, What::RunFinished { .. }) {
            let mut run = self.under_way.remove(&event.run).unwrap_or_else(|| Run::new(event.run, true));
            run.hear(&event);
            return self.put_away(run);
        }
        if self.under_way.len() == MAX_RUNS && !self.under_way.contains_key(&event.run) {
            return;
        }
        let begins = matches!(event.what, What::RunStarted { .. });
        let unseen = || Run::new(event.run, !begins);
        self.under_way.entry(event.run).or_insert_with(unseen).hear(&event);
    }

    fn tick(&mut self, event: &Event, now: Timestamp) {
        let ahead = now.unix_millis() - event.at.unix_millis();
        self.ahead = Some(self.ahead.map_or(ahead, |least| least.min(ahead)));
        let second = now.unix_millis() / 1000;
        match self.seconds.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => self.seconds.push_back((second, 1)),
        }
        while self.seconds.front().is_some_and(|(first, _)| *first <= second - SPAN) {
            self.seconds.pop_front();
        }
    }

    fn put_away(&mut self, run: Run) {
        self.ended.push_front(run);
        self.ended.truncate(MAX_ENDED);
    }

    /// Takes how runs stand: what is not among them is not under way any more.
    pub(super) fn stands(&mut self, standing: &Standing) {
        self.lost = None;
        let known = |run: &RunId| standing.runs.iter().any(|head| head.run_id == *run);
        self.under_way.retain(|run, _| known(run));
        // The oldest first, so that the last one that ended comes to stand before the others.
        let mut heads: Vec<_> = standing.runs.iter().collect();
        heads.sort_by_key(|head| (head.ended, head.run_id));
        for head in heads {
            if self.ended.iter().any(|run| run.id == head.run_id) {
                continue;
            }
            let unseen = || Run::new(head.run_id, head.status != RunStatus::Pending);
            let mut run = self.under_way.remove(&head.run_id).unwrap_or_else(unseen);
            (run.workflow, run.began) = (head.workflow_id.clone(), Some(head.began));
            if self.only == Some(run.id) && !standing.past.is_empty() {
                run.recall(&standing.past);
            }
            if head.status.is_end() {
                run.end(head.status, head.ended);
                self.put_away(run);
            } else {
                run.status = head.status;
                self.under_way.insert(run.id, run);
            }
        }
    }

    /// Takes that the host was lost at `now` and is asked again after `wait`.
    pub(super) fn lose(&mut self, why: &str, now: Timestamp, wait: std::time::Duration) {
        self.lost = Some((why.to_owned(), now.after(wait)));
    }
}

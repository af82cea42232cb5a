//! What is shown of a board: lines that fit a terminal. Pure.

use std::time::Duration;

use kailash_core::{RunStatus, exec::Timestamp};

use super::{
    board::Board,
    node::{Node, State},
    row::Run,
};
use crate::cli::term::{Paint, one_line};

/// The size of a terminal in columns and lines, and whether it has colours.
#[derive(Clone, Copy)]
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) paint: Paint,
}

/// How wide the progress of a node is.
const BAR: usize = 20;

impl Canvas {
    /// The lines for `board` of the host at `url` when it is `now` here.
    pub(super) fn lines(self, board: &Board, url: &str, now: Timestamp) -> Vec<String> {
        let mut lines = match board.only {
            Some(_) => self.one(board, url, now),
            None => self.all(board, url, now),
        };
        lines.truncate(self.height);
        lines
    }

    fn all(self, board: &Board, url: &str, now: Timestamp) -> Vec<String> {
        let count = |status| board.under_way.values().filter(|run| run.status == status).count();
        let mut counts = vec![format!("{} under way", count(RunStatus::Running))];
        for (status, what) in [(RunStatus::Pending, "waiting"), (RunStatus::Suspended, "suspended")] {
            if count(status) > 0 {
                counts.push(format!("{} {what}", count(status)));
            }
        }
        let mut lines = self.head(board, url, &counts.join(", "), now);
        let name = self.names(board.under_way.values().chain(&board.ended));
        let columns = format!(
            "{:<12}  {:<name$}  {:>8}  {:>9}  {:>6}  NOW",
            "RUN", "WORKFLOW", "ELAPSED", "NODES", "FAILED"
        );
        lines.push(self.paint.dim(one_line(&columns, self.width)));
        // Half of the place at least is for runs under way.
        let place = self.height.saturating_sub(lines.len() + 3);
        let kept = board.ended.len().min(10).min(place / 2);
        let shown = place.saturating_sub(kept);
        for run in board.under_way.values().take(shown) {
            lines.push(self.row(run, name, board.host_time(now)));
        }
        match board.under_way.len() {
            0 => lines.push(self.paint.dim("nothing is under way")),
            all if all > shown => lines.push(self.paint.dim(format!("and {} more", all - shown))),
            _ => {}
        }
        if !board.ended.is_empty() {
            lines.push(String::new());
            lines.push(self.paint.dim("ENDED"));
            lines.extend(board.ended.iter().take(kept.max(1)).map(|run| self.ended_row(run, name)));
        }
        lines
    }

    /// The width of the column of workflows.
    fn names<'r>(self, runs: impl Iterator<Item = &'r Run>) -> usize {
        let longest = runs.map(|run| run.workflow.chars().count()).max().unwrap_or(0);
        longest.clamp(8, (self.width / 4).max(8))
    }

    fn head(self, board: &Board, url: &str, what: &str, now: Timestamp) -> Vec<String> {
        let rate = board.rate(now);
        let rate = if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") };
        let line = format!("{url}  {what}  {rate} events/s");
        let mut lines = vec![self.paint.bold(one_line(&line, self.width))];
        if let Some((why, again)) = &board.lost {
            let left = again.saturating_since(now).as_secs_f64().ceil();
            lines.push(self.paint.yellow(one_line(&format!("{why}: again in {left} s"), self.width)));
        } else if board.missed > 0 {
            let line = format!("lagged: {} events came too fast and were missed", board.missed);
            lines.push(self.paint.yellow(one_line(&line, self.width)));
        } else {
            lines.push(String::new());
        }
        lines
    }

    fn row(self, run: &Run, name: usize, now: Timestamp) -> String {
        let elapsed = run.began.map(|began| lasted(now.saturating_since(began))).unwrap_or_default();
        let failed = run.count(State::Failed);
        let (begin, doing) = (begin(run, name), doing(run));
        let begin = format!("{begin}  {elapsed:>8}  {:>9}  ", nodes(run));
        let failed_text = format!("{:>6}", if failed > 0 { failed.to_string() } else { String::new() });
        let left = self.width.saturating_sub(begin.chars().count() + 8);
        let failed_text = if failed > 0 { self.paint.red(failed_text) } else { failed_text };
        let doing = fitted(&doing, left);
        let doing = if run.status == RunStatus::Running { doing } else { self.paint.yellow(doing) };
        format!("{begin}{failed_text}  {doing}").trim_end().to_owned()
    }

    fn ended_row(self, run: &Run, name: usize) -> String {
        let elapsed = run.began.zip(run.ended).map(|(began, ended)| lasted(ended.saturating_since(began)));
        let begin = format!("{}  {:>8}  {:>9}  ", begin(run, name), elapsed.unwrap_or_default(), nodes(run));
        let failed = run.nodes.iter().find(|node| node.state == State::Failed);
        let why = failed.map(|node| format!("{}: {}", node.id, node.said.as_deref().unwrap_or_default()));
        let left = self.width.saturating_sub(begin.chars().count() + 13);
        let why = fitted(&why.unwrap_or_default(), left);
        format!("{begin}{}  {why}", self.status(run.status)).trim_end().to_owned()
    }

    fn status(self, status: RunStatus) -> String {
        self.toned(status, format!("{:<9}", status.as_str()))
    }

    fn toned(self, status: RunStatus, name: String) -> String {
        match status {
            RunStatus::Completed => self.paint.green(name),
            RunStatus::Failed | RunStatus::Cancelled => self.paint.red(name),
            RunStatus::Suspended | RunStatus::Pending => self.paint.yellow(name),
            RunStatus::Running => name,
        }
    }

    fn one(self, board: &Board, url: &str, now: Timestamp) -> Vec<String> {
        let Some(run) = board.watched() else { return self.head(board, url, "", now) };
        let host_now = board.host_time(now);
        let until = run.ended.unwrap_or(host_now);
        let elapsed = run.began.map(|began| lasted(until.saturating_since(began))).unwrap_or_default();
        let mut lines = self.head(board, url, &format!("run {}", run.id), now);
        let status = self.toned(run.status, run.status.as_str().to_owned());
        let waits = run.waits.as_deref().unwrap_or_default();
        let workflow = one_line(&run.workflow, 40);
        let line = format!("{workflow}  {status}  {elapsed}  {} done  {waits}", nodes(run));
        lines.push(line.trim_end().to_owned());
        lines.push(String::new());
        let place = self.height.saturating_sub(lines.len() + 1);
        let longest = run.nodes.iter().map(|node| node.id.chars().count()).max().unwrap_or(0);
        let name = longest.clamp(8, (self.width / 3).max(8));
        // Where not all have a place, those under way and those that failed go before.
        let matters = |node: &&Node| node.state.is_open() || node.state == State::Failed;
        let crowded = run.nodes.len() > place;
        let spare = place.saturating_sub(run.nodes.iter().filter(matters).count());
        let quiet = run.nodes.iter().filter(|node| !matters(node)).count();
        let mut passed = 0;
        let chosen = run.nodes.iter().filter(|node| {
            // Of the others the last ones.
            let quiet_one = !matters(node);
            passed += usize::from(quiet_one);
            !crowded || !quiet_one || passed > quiet.saturating_sub(spare)
        });
        lines.extend(chosen.take(place).map(|node| self.node(node, run, name, host_now)));
        if crowded {
            lines.push(self.paint.dim(format!("and {} more nodes", run.nodes.len() - place)));
        } else if let Some(left) =
            run.size.map(|size| size.saturating_sub(run.nodes.len())).filter(|left| *left > 0)
            && !run.status.is_end()
            && !run.partial
        {
            lines.push(self.paint.dim(format!("{left} not begun")));
        }
        lines
    }

    fn node(self, node: &Node, run: &Run, name: usize, now: Timestamp) -> String {
        let mark = match node.state {
            State::Running => self.paint.cyan("▸"),
            State::Done => self.paint.green("✓"),
            State::Failed => self.paint.red("✗"),
            State::Retrying => self.paint.yellow("↻"),
            State::Suspended => self.paint.yellow("⏸"),
            State::Skipped | State::GivenUp => self.paint.dim("-"),
        };
        let took = match node.state {
            State::Done | State::Failed => node.took_ms.map(|ms| lasted(Duration::from_secs_f64(ms / 1e3))),
            state if state.is_open() => node.since.map(|since| lasted(now.saturating_since(since))),
            _ => None,
        };
        let head = format!("{:<name$}  {:>8}  ", one_line(&node.id, name), took.unwrap_or_default());
        let left = self.width.saturating_sub(head.chars().count() + 2);
        let said = self.said(node, run, left);
        format!("{mark} {head}{said}").trim_end().to_owned()
    }

    fn said(self, node: &Node, run: &Run, width: usize) -> String {
        let text = |text: String| fitted(&text, width);
        let said = node.said.as_deref().unwrap_or_default();
        match node.state {
            State::Failed => self.paint.red(text(said.to_owned())),
            State::Retrying => self.paint.yellow(text(format!("attempt {} follows: {said}", node.attempt))),
            State::Suspended => self.paint.yellow(text(said.to_owned())),
            State::Skipped => self.paint.dim("skipped"),
            State::GivenUp => self.paint.dim("given up"),
            State::Done => self.paint.dim(text(inside(node, run).join(", "))),
            State::Running => {
                let mut parts = Vec::new();
                if let Some((done, total, message)) = &node.progress {
                    let of = total.map(|total| format!("/{total}")).unwrap_or_default();
                    parts.push(format!("{}{done}{of} {message}", bar(*done, *total)));
                }
                if node.attempt > 1 {
                    parts.push(format!("attempt {}", node.attempt));
                }
                parts.extend(inside(node, run));
                text(parts.join(", "))
            }
        }
    }
}

/// `text` in one line, where there is place for some of it.
fn fitted(text: &str, width: usize) -> String {
    if width < 2 { String::new() } else { one_line(text, width) }
}

fn begin(run: &Run, name: usize) -> String {
    let id = run.id.to_string();
    let short = id.rsplit('-').next().unwrap_or(&id);
    format!("{short:<12}  {:<name$}", one_line(&run.workflow, name))
}

/// How many nodes are done, and of how many.
fn nodes(run: &Run) -> String {
    let more = if run.partial { "+" } else { "" };
    let of = run.size.map(|size| format!("/{size}")).unwrap_or_default();
    format!("{}{more}{of}", run.count(State::Done))
}

fn doing(run: &Run) -> String {
    match run.status {
        RunStatus::Suspended => run.waits.clone().unwrap_or_else(|| "suspended".to_owned()),
        RunStatus::Pending => "waits for its turn".to_owned(),
        _ => {
            let Some((node, others)) = run.current() else { return String::new() };
            let more = if others > 0 { format!(" +{others}") } else { String::new() };
            let turn = if node.turn > 0 { format!(" turn {}", node.turn) } else { String::new() };
            let state = match node.state {
                State::Retrying => " is tried again",
                State::Suspended => " waits",
                _ => "",
            };
            format!("{}{turn}{state}{more}", node.id)
        }
    }
}

fn inside(node: &Node, run: &Run) -> Vec<String> {
    let turn = (node.turn > 0).then(|| format!("turn {}", node.turn));
    let more = if run.partial { "+" } else { "" };
    let inside = (node.inside > 0).then(|| format!("{}{more} done inside", node.inside));
    turn.into_iter().chain(inside).collect()
}

fn bar(done: u64, total: Option<u64>) -> String {
    let Some(total) = total.filter(|total| *total > 0) else { return String::new() };
    let filled =
        usize::try_from(u128::from(done.min(total)) * BAR as u128 / u128::from(total)).unwrap_or(BAR);
    format!("[{:<BAR$}] ", "=".repeat(filled))
}

/// A time in at most eight columns.
pub(super) fn lasted(time: Duration) -> String {
    let (millis, seconds) = (time.as_secs_f64() * 1e3, time.as_secs());
    match seconds {
        0 if millis < 10.0 => format!("{millis:.1} ms"),
        0 => format!("{millis:.0} ms"),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

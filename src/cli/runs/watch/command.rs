//! The command: what is watched, in which form, until when.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use anyhow::Result;
use kailash_core::{
    RunId, RunStatus,
    exec::{Clock, SystemClock},
    validate::Issue,
};
use serde::de::IgnoredAny;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc::{Receiver, channel},
    time::MissedTickBehavior,
};

use super::{
    board::Board,
    feed::{Feed, Heard},
    picture::Canvas,
    screen::Screen,
};
use crate::cli::{
    journal::wait,
    refusal::Refusal,
    remote::{Message, Place},
    term::{Paint, clean, err, out, width},
};

const EXAMPLES: &str = "\
Examples:
  kailash runs watch                                 every run of the host at 127.0.0.1:8470
  kailash runs watch last                            the nodes of the newest one, until it ends
  kailash runs watch --url https://edge-7:8470 --key env:KAILASH_KEY
  kailash runs watch --json | jq -c 'select(.type == \"node.failed\")'

On a terminal it is a picture that changes in place; else, or with --json, one event a line, as the host tells it.
If the host goes away it is asked again, after 0.5 s to 15 s.
Exit status: with a run 0 if it completed, 1 if it failed or was cancelled, 130 if watching was stopped before;
without one 0 when it is stopped; 1 the host was lost for good, 2 refused: nothing was watched.";

/// How often the picture is drawn at most.
const FRAME: Duration = Duration::from_millis(200);
/// How much is heard ahead; then the host is left to wait, and tells how much was missed.
const AHEAD: usize = 1024;
/// The exit status of whoever stopped watching before the end.
const STOPPED: u8 = 130;

/// Watch the runs of a host as they happen
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli::runs) struct Args {
    /// Only this run, with its nodes: its id, how that begins or ends, or `last`
    run: Option<String>,
    #[command(flatten)]
    host: Place,
}

/// Runs the command.
pub(in crate::cli::runs) fn main(args: &Args, as_json: bool) -> Result<ExitCode> {
    let client = args.host.client()?;
    let paint = Paint::stdout();
    // A terminal that takes no colours may take no other commands either.
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let live = !as_json && !dumb && io::stdout().is_terminal();
    wait(async {
        let run = match &args.run {
            Some(name) => Some(client.find(name).await.map_err(Refusal::from)?.run_id),
            None => None,
        };
        let url = client.url().to_owned();
        let (sender, heard) = channel(AHEAD);
        let feed = tokio::spawn(Feed { client, run, whole: live, sender }.run());
        let signals = Signals::new()?;
        let watched = if live {
            Live { url, board: Board::new(run), heard, signals, paint }.watch().await
        } else {
            Lines { url, board: Board::new(run), heard, signals, begun: false, connected: false }
                .watch()
                .await
        };
        feed.abort();
        watched
    })?
}

/// What ends watching from outside.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

/// The exit status of watching that was stopped.
fn stopped(only: Option<RunId>) -> ExitCode {
    if only.is_some() { ExitCode::from(STOPPED) } else { ExitCode::SUCCESS }
}

fn over(status: RunStatus) -> ExitCode {
    if status == RunStatus::Completed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is answered when the host cannot be watched: a refusal, if nothing was watched before.
fn ended(issue: Issue, begun: bool) -> Result<ExitCode> {
    let refusal = Refusal::of(issue);
    if !begun {
        return Err(refusal.into());
    }
    refusal.print()?;
    Ok(ExitCode::FAILURE)
}

/// A picture on the terminal.
struct Live {
    url: String,
    board: Board,
    heard: Receiver<Heard>,
    signals: Signals,
    paint: Paint,
}

impl Live {
    async fn watch(mut self) -> Result<ExitCode> {
        let (clock, mut resized) = (SystemClock::default(), signal(SignalKind::window_change())?);
        // Nothing is drawn before there is something to see.
        let Some(first) = self.heard.recv().await else { return Ok(ExitCode::FAILURE) };
        if let Heard::Refused(issue) = first {
            return ended(issue, false);
        }
        self.take(first, &clock);
        let mut screen = Some(Screen::open()?);
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut refused, mut stop) = (None, false);
        while self.board.over().is_none() && refused.is_none() && !stop {
            tokio::select! {
                biased;
                () = self.signals.stop() => stop = true,
                _ = resized.recv() => screen.iter_mut().for_each(Screen::resized),
                _ = frames.tick() => {
                    if let Some(screen) = &mut screen {
                        let (width, height) = screen.size();
                        let canvas = Canvas { width, height, paint: self.paint };
                        screen.draw(&canvas.lines(&self.board, &self.url, clock.now()))?;
                    }
                }
                heard = self.heard.recv() => match heard {
                    Some(Heard::Refused(issue)) => refused = Some(issue),
                    Some(heard) => self.take(heard, &clock),
                    None => stop = true,
                }
            }
        }
        // What was on the terminal before comes back; of a run that was watched the end is left below it.
        screen.take();
        if self.board.only.is_some() {
            let canvas = Canvas { width: width(), height: usize::MAX, paint: self.paint };
            let mut out = out();
            for line in canvas.lines(&self.board, &self.url, clock.now()) {
                writeln!(out, "{line}")?;
            }
            out.flush()?;
        }
        match (refused, self.board.over()) {
            (Some(issue), _) => ended(issue, true),
            (None, Some(status)) => Ok(over(status)),
            (None, None) => Ok(stopped(self.board.only)),
        }
    }

    fn take(&mut self, heard: Heard, clock: &SystemClock) {
        match heard {
            Heard::Stands(standing) => self.board.stands(&standing),
            Heard::Message(message) => self.board.hear(&message, clock.now()),
            Heard::Lost(issue, wait) => self.board.lose(&issue.message, clock.now(), wait),
            Heard::Refused(_) => {}
        }
    }
}

/// One event a line.
struct Lines {
    url: String,
    board: Board,
    heard: Receiver<Heard>,
    signals: Signals,
    /// Whether the host has answered.
    begun: bool,
    /// Whether it is there.
    connected: bool,
}

impl Lines {
    async fn watch(mut self) -> Result<ExitCode> {
        let clock = SystemClock::default();
        loop {
            let heard = tokio::select! {
                () = self.signals.stop() => return Ok(stopped(self.board.only)),
                heard = self.heard.recv() => heard,
            };
            match heard {
                None => return Ok(ExitCode::FAILURE),
                Some(Heard::Refused(issue)) => return ended(issue, self.begun),
                Some(Heard::Lost(issue, wait)) => {
                    let wait = wait.as_secs_f64();
                    writeln!(err(), "{}: again in {wait} s", clean(&issue.message))?;
                    self.connected = false;
                }
                Some(Heard::Stands(standing)) => {
                    self.board.stands(&standing);
                    if !std::mem::replace(&mut self.connected, true) {
                        writeln!(err(), "watching {}", clean(&self.url))?;
                    }
                }
                Some(Heard::Message(message)) => {
                    print(&message)?;
                    // Only how the run stands is of interest here.
                    if self.board.only.is_some() {
                        self.board.hear(&message, clock.now());
                    }
                }
            }
            self.begun = true;
            if let Some(status) = self.board.over() {
                return Ok(over(status));
            }
        }
    }
}

/// Prints an event as it came, in one line. What is no JSON is none of a host's events.
fn print(message: &Message) -> io::Result<()> {
    if serde_json::from_str::<IgnoredAny>(&message.data).is_err() {
        return Ok(());
    }
    // No line ends inside a text of JSON.
    let event = message.data.replace('\n', " ");
    let mut out = out();
    if message.event == "lagged" {
        writeln!(out, "{{\"type\":\"lagged\",\"data\":{event}}}")?;
    } else {
        writeln!(out, "{event}")?;
    }
    out.flush()
}

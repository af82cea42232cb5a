//! `kailash cluster events`: what happens to a cluster, as it happens.

use std::{io::Write, process::ExitCode};

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::cli::{
    entry::decided,
    journal::wait,
    refusal::Refusal,
    remote::{Client, Message, Parser, Place, Trouble},
    term::{Paint, clean, out},
};

/// Watch what happens to a cluster: who leads, who is cut off, who takes part
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    host: Place,
    /// Print JSON, an event a line
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Event {
    at: String,
    #[serde(default)]
    data: Json,
}

/// Runs the command.
pub(super) fn main(args: &Args) -> Result<ExitCode> {
    let client = args.host.client()?;
    let paint = Paint::stdout();
    let watched = wait(watch(&client, |message| {
        let mut out = out();
        match args.json {
            true => writeln!(out, "{}", message.data)?,
            false => writeln!(out, "{}", line(message, paint))?,
        }
        out.flush()
    }))?;
    match watched {
        // Whoever read is gone.
        Ok(printed) => decided(Err(printed.into()), ExitCode::SUCCESS),
        Err(trouble) => Err(Refusal::from(trouble).into()),
    }
}

/// Hands each event to `print` until the host goes away, or `print` fails.
async fn watch(
    client: &Client,
    mut print: impl FnMut(&Message) -> std::io::Result<()>,
) -> Result<std::io::Error, Trouble> {
    let mut events = client.stream("cluster/events", &[]).await?;
    let mut parser = Parser::default();
    loop {
        let part = events.chunk().await.map_err(|_| Trouble::gone("the connection to the host broke off"))?;
        let part = part.ok_or_else(|| Trouble::gone("the host ended the stream of events"))?;
        let messages = parser.feed(&part);
        let messages =
            messages.map_err(|_| Trouble::stranger(client.url(), "it sends an event without end"))?;
        for message in &messages {
            if let Err(error) = print(message) {
                return Ok(error);
            }
        }
    }
}

/// An event for people.
fn line(message: &Message, paint: Paint) -> String {
    let Ok(Event { at, data }) = serde_json::from_str(&message.data) else {
        return clean(&format!("{} {}", message.event, message.data)).into_owned();
    };
    let text = |name: &str| data[name].as_str().map(|text| clean(text).into_owned());
    let names = |name: &str| {
        let names = data[name].as_array().into_iter().flatten().filter_map(Json::as_str);
        clean(&names.collect::<Vec<_>>().join(", ")).into_owned()
    };
    let told = match message.event.as_str() {
        "leader.changed" => match text("leader") {
            Some(leader) => paint.green(format!("{leader} leads, term {}", data["term"])),
            None => paint.yellow("nobody is known to lead"),
        },
        "quorum.lost" => paint.red("no majority is heard: nothing is accepted"),
        "quorum.regained" => paint.green("a majority is heard"),
        "peer.lost" => paint.yellow(format!("{} is not heard", text("host").unwrap_or_default())),
        "peer.back" => paint.green(format!("{} is heard again", text("host").unwrap_or_default())),
        "members.changed" => match names("learners") {
            learners if learners.is_empty() => format!("members: {}", names("voters")),
            learners => format!("members: {}; without a vote: {learners}", names("voters")),
        },
        "disk.full" => paint.red("the host's disk is full: it waits for room"),
        "disk.has_room" => paint.green("the host's disk has room again"),
        "member.stopped" => paint.red("the host takes no part any more: its storage failed"),
        other => clean(&format!("{other} {data}")).into_owned(),
    };
    format!("{}  {told}", clean(&at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_in_words() {
        let told = |event: &str, data: &str| {
            let data = format!(r#"{{"at":"T","type":"{event}","data":{data}}}"#);
            line(&Message { event: event.into(), data }, Paint::none())
        };
        assert_eq!(told("leader.changed", r#"{"term":3,"leader":"edge-1"}"#), "T  edge-1 leads, term 3");
        assert_eq!(told("peer.lost", r#"{"host":"a\u001b"}"#), "T  a\\u{1b} is not heard");
        let members = r#"{"voters":["a","b"],"learners":["c"]}"#;
        assert_eq!(told("members.changed", members), "T  members: a, b; without a vote: c");
        assert_eq!(told("quorum.lost", "null"), "T  no majority is heard: nothing is accepted");
        assert_eq!(told("something.new", "1"), "T  something.new 1");
    }
}

//! What a host tells, on and on: connected, followed, lost, connected again after a while that grows.

use std::{convert::Infallible, time::Duration};

use kailash_core::{
    Error, Retry, RunId, RunStatus,
    exec::{Backoff, Jitter, RetryPolicy},
    validate::Issue,
};
use reqwest::Response;
use tokio::{sync::mpsc::Sender, time::Instant};

use super::client::{Head, PAGE, Past};
use crate::cli::remote::{Client, Message, Parser, TooLong, Trouble};

/// The waits before a host is asked again.
const AGAIN: RetryPolicy = RetryPolicy {
    max_attempts: u32::MAX,
    delay_ms: 500,
    max_delay_ms: 15_000,
    backoff: Backoff::Exponential,
    jitter: Jitter::None,
};

/// How many runs are taken up that began before, whether or not they have ended.
const NEWEST: usize = 20;

/// The least time between two looks at everything, for a watcher that keeps missing events.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// What is heard of a host.
pub(super) enum Heard {
    /// How everything stands. Events that happened before may come after it.
    Stands(Standing),
    /// An event.
    Message(Message),
    /// The host was lost, and is asked again after a while.
    Lost(Issue, Duration),
    /// The host cannot be watched.
    Refused(Issue),
}

/// How runs stand.
pub(super) struct Standing {
    /// The runs under way and the newest ones; the one that is watched.
    pub(super) runs: Vec<Head>,
    /// What the journal knows of the one that is watched.
    pub(super) past: Vec<Past>,
}

/// Watches a host.
pub(super) struct Feed {
    pub(super) client: Client,
    /// The one run that is watched.
    pub(super) run: Option<RunId>,
    /// Whether more than events is wanted.
    pub(super) whole: bool,
    pub(super) sender: Sender<Heard>,
}

/// Why nothing more is told.
enum Over {
    /// Nobody listens.
    Unheard,
    Trouble(Trouble),
}

impl From<Trouble> for Over {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl Feed {
    /// Tells until nobody listens or the host refuses. That there is no host is a refusal only at first.
    pub(super) async fn run(self) {
        let (mut failures, mut known) = (0, false);
        loop {
            let mut connected = false;
            let Err(over) = self.follow(&mut connected).await;
            let Over::Trouble(Trouble { issue, passing }) = over else { return };
            known |= connected;
            failures = if connected { 1 } else { failures + 1 };
            let error = Error::internal("the host was lost").with_retry(Retry::Now);
            let wait = AGAIN.next_delay(failures, &error, 0.0).filter(|_| passing && known);
            let told = match wait {
                Some(wait) => Heard::Lost(*issue, wait),
                None => Heard::Refused(*issue),
            };
            if self.sender.send(told).await.is_err() {
                return;
            }
            let Some(wait) = wait else { return };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.sender.closed() => return,
            }
        }
    }

    async fn follow(&self, connected: &mut bool) -> Result<Infallible, Over> {
        // Events first, so that nothing is missed between them and the standing.
        let mut events = self.client.events(self.run).await?;
        self.look().await?;
        *connected = true;
        let (mut parser, mut looked, mut missed) = (Parser::default(), Instant::now(), false);
        loop {
            for message in self.messages(&mut events, &mut parser).await? {
                missed |= message.event == "lagged";
                self.tell(Heard::Message(message)).await?;
            }
            if missed && looked.elapsed() >= BETWEEN_LOOKS {
                self.look().await?;
                (missed, looked) = (false, Instant::now());
            }
        }
    }

    /// The messages of the next bytes.
    async fn messages(&self, events: &mut Response, parser: &mut Parser) -> Result<Vec<Message>, Over> {
        let bytes = tokio::select! {
            bytes = events.chunk() => bytes,
            () = self.sender.closed() => return Err(Over::Unheard),
        };
        match bytes {
            Ok(Some(bytes)) => parser.feed(&bytes).map_err(|TooLong| {
                Over::Trouble(Trouble::stranger(self.client.url(), "it sends an event without end"))
            }),
            Ok(None) => Err(Trouble::gone("the host ended the stream of events").into()),
            Err(_) => Err(Trouble::gone("the connection to the host broke off").into()),
        }
    }

    /// Tells how everything stands.
    async fn look(&self) -> Result<(), Over> {
        let standing = match self.run {
            Some(run) => {
                let past = if self.whole { self.client.history(run).await } else { Ok(Vec::new()) };
                // Without it the run is shown from here on.
                let past = past.unwrap_or_default();
                Standing { runs: vec![self.client.head(run).await?], past }
            }
            None if self.whole => {
                let mut runs = self.client.runs(PAGE, Some(RunStatus::Running)).await?;
                for head in self.client.runs(NEWEST, None).await? {
                    if runs.iter().all(|known| known.run_id != head.run_id) {
                        runs.push(head);
                    }
                }
                Standing { runs, past: Vec::new() }
            }
            None => Standing { runs: Vec::new(), past: Vec::new() },
        };
        self.tell(Heard::Stands(standing)).await
    }

    async fn tell(&self, heard: Heard) -> Result<(), Over> {
        self.sender.send(heard).await.map_err(|_| Over::Unheard)
    }
}

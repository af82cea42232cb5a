//! A connection to a broker, kept up by a task of its own.
//!
//! ```text
//! Link ──stop──> Driver: poll ─> event ─> status: Connecting ─> Ready ─> Failed
//!   │ drop             ^            │
//!   └─ DISCONNECT      └── wait <───┴─ lost: again, with growing waits
//! ```
//! A connection that is lost is made again as long as the link is there; one that is refused for good ends it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use kailash_core::{Error, ErrorKind, Result, Retry, exec::RetryPolicy};
use rumqttc::{
    AsyncClient, ConnAck, ConnectionError, DisconnectProperties, DisconnectReasonCode, Event, EventLoop,
    Outgoing, Packet,
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use super::{error, inbox::Subscription, sessions::EmptySession, settings::Opening};

/// How long a DISCONNECT may take.
const GOODBYE: Duration = Duration::from_secs(1);
/// How many requests wait for the connection at most, beside an acknowledgement of each message that a broker may leave
/// unacknowledged.
const REQUESTS: usize = 1024;
/// A connection that is lost sooner than this counts as one that was not made: waits go on growing.
const STABLE: Duration = Duration::from_secs(5);

/// Whether a link can be used.
#[derive(Clone, Debug)]
pub(super) enum Status {
    /// Not now; with what was last in the way.
    Connecting(Option<Error>),
    /// Yes.
    Ready(Granted),
    /// Never again.
    Failed(Error),
}

/// What a broker grants its clients.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) max_packet_bytes: Option<u32>,
    pub(super) max_qos: u8,
    pub(super) retain: bool,
}

/// How the broker keeps the session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// How long it outlives a lost connection.
    pub(super) expiry: Duration,
    /// Whether an earlier one is gone on with and this one outlives the link.
    pub(super) persistent: bool,
}

/// A connection to a broker. Dropping it ends the connection with a DISCONNECT.
pub(super) struct Link {
    pub(super) client: AsyncClient,
    pub(super) place: String,
    status: watch::Receiver<Status>,
    stop: Option<oneshot::Sender<()>>,
    task: Option<JoinHandle<()>>,
}

impl Link {
    /// Opens a link: a task that connects and stays connected.
    pub(super) fn open(opening: Opening, session: Session, subscription: Option<Arc<Subscription>>) -> Self {
        let Opening { mut options, place } = opening;
        options.set_clean_start(!session.persistent);
        let expiry = u32::try_from(session.expiry.as_secs()).unwrap_or(u32::MAX);
        options.set_session_expiry_interval(Some(expiry));
        if session.persistent {
            options.set_session_store(EmptySession::of(&options));
        }
        let requests = REQUESTS + usize::from(options.receive_maximum().unwrap_or_default());
        let (client, events) = AsyncClient::builder(options).capacity(requests).build();
        let (sender, status) = watch::channel(Status::Connecting(None));
        let (stop, stopped) = oneshot::channel();
        let driver = Driver {
            events,
            client: client.clone(),
            status: sender,
            subscription,
            persistent: session.persistent,
            place: place.clone(),
            attempts: 0,
            since: None,
            granted: None,
        };
        let task = tokio::spawn(driver.run(stopped));
        Self { client, place, status, stop: Some(stop), task: Some(task) }
    }

    /// Whether the link's task goes on: it may have failed, or its executor ended.
    pub(super) fn is_alive(&self) -> bool {
        self.task.as_ref().is_some_and(|task| !task.is_finished())
            && !matches!(*self.status.borrow(), Status::Failed(_))
            && self.status.has_changed().is_ok()
    }

    /// What keeps the link from being used for good.
    pub(super) fn failure(&self) -> Option<Error> {
        match &*self.status.borrow() {
            Status::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Waits until the link can be used.
    ///
    /// # Errors
    /// What it failed with; kind `Unavailable` if there is no connection until `deadline`.
    pub(super) async fn ready(&self, deadline: Instant) -> Result<Granted> {
        let mut status = self.status.clone();
        let settled = status.wait_for(|status| !matches!(status, Status::Connecting(_)));
        match timeout_at(deadline, settled).await {
            Ok(Ok(settled)) => match &*settled {
                Status::Ready(granted) => return Ok(*granted),
                Status::Failed(error) => return Err(error.clone()),
                Status::Connecting(_) => {}
            },
            Ok(Err(_)) => return Err(self.gone()),
            Err(_) => {}
        }
        let message = "no connection in time";
        Err(match &*self.status.borrow() {
            Status::Connecting(Some(error)) => error.clone(),
            _ => Error::new(ErrorKind::Unavailable, "mqtt.connect", message).at(self.place.clone()),
        })
    }

    /// Waits for the link to fail.
    pub(super) async fn failed(&self) -> Error {
        let mut status = self.status.clone();
        match status.wait_for(|status| matches!(status, Status::Failed(_))).await {
            Ok(status) => match &*status {
                Status::Failed(error) => error.clone(),
                _ => self.gone(),
            },
            Err(_) => self.gone(),
        }
    }

    fn gone(&self) -> Error {
        let message = "the connection was given up";
        Error::new(ErrorKind::Unavailable, "mqtt.connect", message).at(self.place.clone())
    }

    /// Ends the connection and waits for that.
    pub(super) async fn close(mut self) {
        drop(self.stop.take());
        if let Some(task) = self.task.take()
            && let Ok(Err(error)) = timeout(GOODBYE * 2, task).await
        {
            tracing::debug!(%error, "the task of an MQTT connection ended early");
        }
    }
}

/// What keeps a link up.
struct Driver {
    events: EventLoop,
    client: AsyncClient,
    status: watch::Sender<Status>,
    subscription: Option<Arc<Subscription>>,
    persistent: bool,
    place: String,
    /// Connections tried in a row without lasting success.
    attempts: u32,
    /// Since when there is a connection.
    since: Option<Instant>,
    /// What the broker granted with this connection, while it isn't ready for use.
    granted: Option<Granted>,
}

impl Driver {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let event = tokio::select! {
                event = self.events.poll() => event,
                _ = &mut stopped => return self.say_goodbye().await,
            };
            let outcome = match event {
                Ok(event) => self.take(event).map(|()| None),
                Err(error) => self.lost(&error).map(Some),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(wait)) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    _ = &mut stopped => return self.say_goodbye().await,
                },
                Err(failure) => {
                    self.set(Status::Failed(failure));
                    return self.say_goodbye().await;
                }
            }
        }
    }

    fn set(&self, status: Status) {
        self.status.send_replace(status);
        if let Some(subscription) = &self.subscription {
            subscription.wake();
        }
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match (event, &self.subscription) {
            (Event::Incoming(Packet::ConnAck(ack)), subscription) => {
                self.since = Some(Instant::now());
                // From now on the broker goes on with the session after a connection is lost.
                self.events.options.set_clean_start(false);
                self.events.options.clear_session_store();
                let granted = granted(&ack);
                tracing::debug!(
                    place = self.place,
                    session_present = ack.session_present,
                    "connected to an MQTT broker"
                );
                match subscription {
                    Some(subscription) => {
                        subscription.connected(ack.session_present);
                        let request = self.client.try_subscribe_many(subscription.filters());
                        request.map_err(|error| Error::internal(format!("cannot subscribe: {error}")))?;
                        self.granted = Some(granted);
                    }
                    None => self.set(Status::Ready(granted)),
                }
                Ok(())
            }
            (Event::Incoming(Packet::SubAck(ack)), Some(subscription)) => {
                subscription.granted(&ack.return_codes).map_err(|error| error.at(self.place.clone()))?;
                if let Some(granted) = self.granted.take() {
                    self.set(Status::Ready(granted));
                }
                Ok(())
            }
            (Event::Incoming(Packet::Publish(message)), Some(subscription)) => {
                subscription.offer(message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// How long to wait before connecting again, or that it is of no use.
    fn lost(&mut self, error: &ConnectionError) -> Result<Duration> {
        let mut error = error::connection(error, &self.place);
        match self.since.take().map(|since| since.elapsed()) {
            Some(lasted) if lasted < STABLE => {
                error = error
                    .with_hint("if others connect with the same `client_id`, the broker ends the older one");
            }
            Some(_) => self.attempts = 0,
            None => {}
        }
        self.attempts = (self.attempts + 1).min(999);
        let policy =
            RetryPolicy { max_attempts: 1000, delay_ms: 100, max_delay_ms: 5000, ..RetryPolicy::default() };
        let Some(wait) = policy.next_delay(self.attempts, &error, self.chance()) else {
            return Err(error.with_retry(Retry::Never));
        };
        tracing::debug!(place = self.place, %error, ?wait, "an MQTT connection is made again");
        self.granted = None;
        self.set(Status::Connecting(Some(error)));
        Ok(wait)
    }

    /// A number from 0 to 1 that differs from client to client and from attempt to attempt.
    fn chance(&self) -> f64 {
        let mut hasher = DefaultHasher::new();
        (self.events.options.client_id(), self.attempts).hash(&mut hasher);
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }

    async fn say_goodbye(&mut self) {
        // A session that nobody goes on with later is forgotten at once.
        let session_expiry_interval = (!self.persistent).then_some(0);
        let properties = DisconnectProperties {
            session_expiry_interval,
            reason_string: None,
            user_properties: Vec::new(),
            server_reference: None,
        };
        let normal = DisconnectReasonCode::NormalDisconnection;
        let asked = if self.since.is_some() {
            // Acknowledgements on their way go first.
            self.client.try_disconnect_with_properties_timeout(normal, properties, GOODBYE)
        } else {
            self.client.try_disconnect_now_with_properties(normal, properties)
        };
        if asked.is_err() {
            return;
        }
        let gone = async {
            while let Ok(event) = self.events.poll().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    break;
                }
            }
        };
        if timeout(GOODBYE, gone).await.is_err() {
            tracing::debug!(place = self.place, "an MQTT broker did not take a DISCONNECT in time");
        }
    }
}

fn granted(ack: &ConnAck) -> Granted {
    let properties = ack.properties.as_ref();
    Granted {
        max_packet_bytes: properties.and_then(|p| p.max_packet_size),
        max_qos: properties.and_then(|p| p.max_qos).unwrap_or(2),
        retain: properties.and_then(|p| p.retain_available) != Some(0),
    }
}

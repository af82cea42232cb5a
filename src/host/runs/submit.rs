//! Submitting: limits, idempotency keys, and the beginning of a run.

use std::sync::{Arc, atomic::Ordering};

use kailash_core::{
    Error, ErrorKind, Map, Result, Retry, RunId, RunStatus, Value, Workflow, workflow::Params,
};
use kailash_runtime::{Events, Permit, RunError, Start};

use super::{
    Ended, Head, Live, Runs, SubmitKey,
    follow::{self, Driving},
    stopping,
};
use crate::host::trace::TraceParent;

/// The labels under which a journal notes what the table needs again.
pub(super) mod label {
    pub(in super::super) const VERSION: &str = "version";
    pub(in super::super) const SCOPE: &str = "key_scope";
    pub(in super::super) const PAYLOAD: &str = "key_payload";
}

/// What is to be run.
pub struct Request {
    /// The workflow.
    pub workflow: Workflow,
    /// Its registered version; 0 for a document that came with the request.
    pub version: u32,
    /// Values for inputs.
    pub params: Params,
    /// What makes a repeated request the same.
    pub key: Option<SubmitKey>,
    /// Whether the run's events are listened to from its beginning.
    pub listened: bool,
    /// The span elsewhere that the run's own belongs to.
    pub parent: Option<TraceParent>,
}

/// Why a run did not begin.
#[derive(Debug)]
pub enum Refused {
    /// Its workflow or parameters are wrong.
    Run(RunError),
    /// The host does not take it: it stops, too many wait, or the key was used for something else.
    Host(Error),
}

impl From<RunError> for Refused {
    fn from(error: RunError) -> Self {
        Self::Run(error)
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Host(error)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

/// A run that was submitted.
pub struct Submitted {
    /// The run.
    pub run: RunId,
    /// Whether an earlier request with the same key began it.
    pub repeated: bool,
    /// Its events, if they were asked for and the run is new.
    pub events: Option<Events>,
    live: Option<Live>,
    runs: Runs,
}

/// A run that was executed.
pub struct Executed {
    /// How it ended or stands.
    pub ended: Arc<Ended>,
    /// Whether an earlier request with the same key began it.
    pub repeated: bool,
}

impl Submitted {
    /// Whether the run is under way.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live.is_some()
    }

    /// Waits until the journal has the run: from then on it survives.
    ///
    /// # Errors
    /// A journal that takes nothing more.
    pub async fn recorded(&self) -> Result<()> {
        match self.live().await? {
            Some(live) => live.control.recorded().await,
            None => Ok(()),
        }
    }

    /// The run, if it is under way. That of an earlier request may be about to begin or to go on.
    async fn live(&self) -> Result<Option<Live>> {
        match &self.live {
            Some(live) => Ok(Some(live.clone())),
            None => self.runs.settled(self.run).await,
        }
    }

    /// Waits for the end of the run, or until it is put aside.
    ///
    /// # Errors
    /// Damage in storage, where the run ended before.
    pub async fn ended(self) -> Result<Arc<Ended>> {
        match self.live().await? {
            Some(live) => follow::end(live.ended).await,
            None => self.runs.recall(self.run).await,
        }
    }
}

impl Runs {
    /// Begins a run, or finds the one that an earlier request with the same key began.
    ///
    /// # Errors
    /// What keeps the run from beginning; kind `Conflict`, code `submit.key`, for another request with the same key;
    /// kind `Limit`, code `runs.waiting`, if too many wait; kind `Unavailable` while the host stops.
    pub fn submit(&self, request: Request) -> Result<Submitted, Refused> {
        let (submitted, driving) = self.begin(request)?;
        driving.into_iter().for_each(Driving::spawn);
        Ok(submitted)
    }

    /// [`Runs::submit`], and waits for the end of the run, or until it is put aside. The run is driven by whoever awaits
    /// this, which saves the way to another task; it goes on if that one goes away.
    ///
    /// # Errors
    /// As [`Runs::submit`] and [`Submitted::ended`].
    pub async fn execute(&self, request: Request) -> Result<Executed, Refused> {
        let (submitted, driving) = self.begin(request)?;
        let repeated = submitted.repeated;
        let ended = match driving {
            Some(driving) => driving.await,
            // Boxed, because few requests come here: a future is as large as its largest branch.
            None => Box::pin(submitted.ended()).await?,
        };
        Ok(Executed { ended, repeated })
    }

    fn begin(&self, request: Request) -> Result<(Submitted, Option<Driving>), Refused> {
        let run = RunId::generate();
        let head = Head {
            workflow: request.workflow.name().clone(),
            version: request.version,
            status: RunStatus::Pending,
            began: self.now(),
            ended: None,
            until: None,
            key: request.key,
        };
        let token = {
            // The key is taken before the run begins, so that of two requests at the same time one begins it.
            let mut state = self.lock();
            let token = self.enter(&state).ok_or_else(stopping)?;
            if let Some(key) = request.key
                && let Some(first) = state.table.submitted(key)?
            {
                let live = state.live.get(&first).cloned();
                let first = Submitted { run: first, repeated: true, events: None, live, runs: self.clone() };
                return Ok((first, None));
            }
            state.table.insert(run, head);
            token
        };
        if let Some(parent) = request.parent {
            self.0.spans.asked_for(run, parent);
        }
        let labels = if self.0.kept.is_some() { labels(&request) } else { Map::new() };
        let Request { workflow, version, params, listened, .. } = request;
        let begun = self.admission(run).map_err(Refused::from).and_then(|admission| {
            let start = Start { id: Some(run), labels, listened, admission, signal: None };
            Ok(self.0.runtime.prepare(&workflow, params, start)?)
        });
        match begun {
            Ok(mut prepared) => {
                let events = prepared.events();
                let (live, driving) = self.follow(prepared, version, token);
                let submitted =
                    Submitted { run, repeated: false, events, live: Some(live), runs: self.clone() };
                Ok((submitted, Some(driving)))
            }
            Err(refused) => {
                self.lock().table.remove(run);
                self.0.changed.notify_waiters();
                self.0.spans.refused(run);
                Err(refused)
            }
        }
    }

    /// Waits until a run is under way, suspended or over, and gives it if it is under way.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `submit.refused`, if the run did not begin.
    async fn settled(&self, run: RunId) -> Result<Option<Live>> {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            {
                let state = self.lock();
                if let Some(live) = state.live.get(&run) {
                    return Ok(Some(live.clone()));
                }
                match state.table.get(run).map(|head| head.status) {
                    Some(RunStatus::Pending | RunStatus::Running) => {}
                    Some(_) => return Ok(None),
                    None => {
                        let message = "the first request with this idempotency key was refused";
                        let error = Error::new(ErrorKind::Unavailable, "submit.refused", message);
                        return Err(error.with_retry(Retry::Now));
                    }
                }
            }
            changed.await;
        }
    }

    /// A place among the runs under way: at once, or when there is one.
    pub(super) fn admission(
        &self,
        run: RunId,
    ) -> Result<Option<kailash_core::node::BoxFuture<'static, Permit>>> {
        if let Ok(permit) = Arc::clone(&self.0.permits).try_acquire_owned() {
            self.lock().table.set(run, RunStatus::Running, None, None);
            return Ok(Some(Box::pin(std::future::ready(Box::new(permit) as Permit))));
        }
        let turn = Turn::take(self)?;
        Ok(Some(Box::pin(async move {
            let permit = Arc::clone(&turn.0.0.permits).acquire_owned().await;
            turn.0.lock().table.set(run, RunStatus::Running, None, None);
            Box::new(permit) as Permit
        })))
    }
}

/// A place among those who wait; given back when it is dropped.
struct Turn(Runs);

impl Turn {
    fn take(runs: &Runs) -> Result<Self> {
        if runs.0.waiting.fetch_add(1, Ordering::AcqRel) < runs.0.max_waiting {
            return Ok(Self(runs.clone()));
        }
        runs.0.waiting.fetch_sub(1, Ordering::AcqRel);
        let message = format!("{} runs wait for their turn already", runs.0.max_waiting);
        Err(Error::new(ErrorKind::Limit, "runs.waiting", message)
            .with_retry(Retry::After(std::time::Duration::from_secs(1))))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

fn labels(request: &Request) -> Map {
    let mut labels = Map::new();
    labels.insert(label::VERSION, i64::from(request.version));
    if let Some(SubmitKey { scope, payload }) = request.key {
        labels.insert(label::SCOPE, Value::from(format!("{scope:032x}")));
        labels.insert(label::PAYLOAD, Value::from(format!("{payload:032x}")));
    }
    labels
}

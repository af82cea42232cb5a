//! A run under way, as others hold it: watched, cancelled, signalled, awaited.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
};

use kailash_core::{Error, RunId, Text, Value, exec::Timestamp, node::BoxFuture};
use tokio::task::JoinHandle;

use super::{Events, Outcome, Permit, Run, RunError, execute::conclude};

/// A run that is ready to be driven by whoever awaits it.
pub struct Prepared {
    run: Arc<Run>,
    events: Option<Events>,
    admission: Option<BoxFuture<'static, Permit>>,
}

impl Prepared {
    pub(super) fn new(
        run: Arc<Run>,
        events: Option<Events>,
        admission: Option<BoxFuture<'static, Permit>>,
    ) -> Self {
        Self { run, events, admission }
    }

    /// The run.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.run.shared.run
    }

    /// The run's events from its start, if they were asked for; the first call gets them.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// What cancels the run and sends it signals.
    #[must_use]
    pub fn control(&self) -> RunControl {
        RunControl(Arc::clone(&self.run))
    }

    /// Drives the run to its end. Dropping the future gives the run up.
    pub async fn drive(self) -> Outcome {
        conclude(&self.run, self.admission).await
    }

    /// Drives the run as a task of the tokio executor that it was prepared under.
    #[must_use]
    pub fn start(mut self) -> RunHandle {
        let (control, events) = (self.control(), self.events());
        let task = control.0.shared.tokio.spawn(self.drive());
        RunHandle { control, events, task }
    }
}

/// A run that was started: to be watched, cancelled, awaited. Dropping it lets the run go on.
pub struct RunHandle {
    control: RunControl,
    events: Option<Events>,
    task: JoinHandle<Outcome>,
}

impl RunHandle {
    /// The run.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.control.id()
    }

    /// The run's events from its start; the first call gets them.
    pub fn events(&mut self) -> Option<Events> {
        self.events.take()
    }

    /// Asks the run to stop: it answers at once, and what is under way is given up.
    pub fn cancel(&self) {
        self.control.cancel();
    }

    /// What cancels the run and sends it signals, to be kept while the handle is awaited.
    #[must_use]
    pub fn control(&self) -> RunControl {
        self.control.clone()
    }
}

/// Reaches a run under way from elsewhere.
#[derive(Clone)]
pub struct RunControl(Arc<Run>);

impl RunControl {
    /// The run.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.0.shared.run
    }

    /// When the run began, as its journal says; none without one.
    #[must_use]
    pub fn began(&self) -> Option<Timestamp> {
        self.0.shared.began
    }

    /// When the run ended, as its journal says; none without one, or if it has not ended.
    #[must_use]
    pub fn ended(&self) -> Option<Timestamp> {
        self.0.shared.ended.get().copied()
    }

    /// Asks the run to stop: it answers at once, and what is under way is given up.
    pub fn cancel(&self) {
        self.0.shared.cancel();
    }

    /// Asks the run to let what is under way come to its end, to begin nothing more, and to end with
    /// [`RunError::Suspended`], so that it can be resumed.
    ///
    /// # Errors
    /// Kind `Invalid`, code `journal.none`, for a run without a journal.
    pub fn wind_down(&self) -> Result<(), Error> {
        self.0.wind_down()
    }

    /// Waits until everything that happened in the run up to now is durable; at once without a journal.
    ///
    /// # Errors
    /// Kind `Unavailable`, code `journal.broken`, if the journal takes nothing more.
    pub async fn recorded(&self) -> Result<(), Error> {
        self.0.recorded().await
    }

    /// Sends the run a signal, for a node that waits for one by this name or will. With a journal it is durable when
    /// this returns.
    ///
    /// # Errors
    /// Kind `Conflict`, code `run.over`, if the run has ended or was put aside; kind `Limit`, code `run.signals`, if too
    /// many wait for nodes that have not asked for them.
    pub async fn signal(&self, name: impl Into<Text>, value: impl Into<Value>) -> Result<(), Error> {
        self.0.signal(name.into(), value.into()).await
    }
}

impl IntoFuture for RunHandle {
    type Output = Outcome;
    type IntoFuture = Running;

    fn into_future(self) -> Running {
        Running { run: self.control.id(), task: self.task }
    }
}

/// The end of a started run.
pub struct Running {
    run: RunId,
    task: JoinHandle<Outcome>,
}

impl Future for Running {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Outcome> {
        let run = self.run;
        let joined = Pin::new(&mut self.task).poll(task);
        joined.map(|joined| {
            joined.unwrap_or_else(|error| {
                let error = Error::internal(format!("the run's task: {error}"));
                Err(RunError::Lost { run, error })
            })
        })
    }
}

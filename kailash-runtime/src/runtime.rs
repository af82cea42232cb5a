//! The runtimes: Local and Parallel, two ways to drive the same scheduler.

use std::sync::Arc;

use kailash_core::{Error, Result, Services, Workflow, node::BoxFuture, validate::Issues, workflow::Params};

use crate::{
    journal::{Past, recall},
    plan::Plan,
    run::{
        Compute, Engine, Outcome, Prepared, Results, RunError, RunHandle, Settings, Start, begin, execute,
        execute_blocking, resume,
    },
};

/// What every runtime offers.
pub trait Runtime: Send + Sync {
    /// Runs `workflow` with `params`, on the task that awaits it.
    fn execute_async<'a>(&'a self, workflow: &'a Workflow, params: Params) -> BoxFuture<'a, Outcome>;

    /// Runs `workflow` with `params` and blocks until it ends; for code that is not async.
    ///
    /// # Errors
    /// As [`Runtime::execute_async`].
    fn execute(&self, workflow: &Workflow, params: Params) -> Outcome;

    /// Starts `workflow` with `params` as a task of the tokio executor around.
    ///
    /// # Errors
    /// What keeps the run from beginning.
    fn start(&self, workflow: &Workflow, params: Params) -> Result<RunHandle, RunError> {
        self.start_with(workflow, params, Start::listened())
    }

    /// [`Runtime::start`], in another way than the usual one.
    ///
    /// # Errors
    /// What keeps the run from beginning.
    fn start_with(&self, workflow: &Workflow, params: Params, start: Start) -> Result<RunHandle, RunError> {
        Ok(self.prepare(workflow, params, start)?.start())
    }

    /// Makes a run ready to be driven by whoever awaits it.
    ///
    /// # Errors
    /// What keeps the run from beginning.
    fn prepare(&self, workflow: &Workflow, params: Params, start: Start) -> Result<Prepared, RunError>;

    /// Goes on with a run that its journal knows, as a task of the tokio executor around. `workflow` is made of the
    /// document in the journal. What was answered is not run again; what was not is, with the same idempotency keys.
    ///
    /// # Errors
    /// A run that has ended (code `run.ended`), a runtime without a journal, and what keeps any run from beginning.
    fn resume(&self, workflow: &Workflow, past: Past) -> Result<RunHandle, RunError> {
        self.resume_with(workflow, past, Start::listened())
    }

    /// [`Runtime::resume`], in another way than the usual one.
    ///
    /// # Errors
    /// As [`Runtime::resume`].
    fn resume_with(&self, workflow: &Workflow, past: Past, start: Start) -> Result<RunHandle, RunError> {
        Ok(self.prepare_resumed(workflow, past, start)?.start())
    }

    /// Makes a run that its journal knows ready to go on, driven by whoever awaits it.
    ///
    /// # Errors
    /// As [`Runtime::resume`].
    fn prepare_resumed(&self, workflow: &Workflow, past: Past, start: Start) -> Result<Prepared, RunError>;

    /// What a run gave as far as its journal knows. Runs nothing.
    ///
    /// # Errors
    /// What keeps such a run from beginning.
    fn recall(&self, workflow: &Workflow, past: Past) -> Result<Results, RunError>;

    /// Checks whether `workflow` could run with `params` here, without running it.
    ///
    /// # Errors
    /// Every problem of services and parameters.
    fn check(&self, workflow: &Workflow, params: &Params) -> Result<(), RunError>;
}

macro_rules! runtime {
    ($name:ident, $executor:path) => {
        impl $name {
            /// A runtime with the services of a host and default settings.
            #[must_use]
            pub fn new(services: Services) -> Self {
                Self::with_settings(services, Settings::default())
                    .unwrap_or_else(|_| unreachable!("defaults are valid"))
            }

            /// Runs `workflow` with `params`, on the task that awaits it.
            ///
            /// # Errors
            /// [`RunError::Refused`] before anything ran; [`RunError::Unfinished`] with the partial results.
            pub async fn execute_async(&self, workflow: &Workflow, params: Params) -> Outcome {
                execute(&self.0, workflow, params).await
            }

            /// Runs `workflow` with `params` and blocks until it ends; for code that is not async.
            ///
            /// # Errors
            /// As [`Self::execute_async`].
            pub fn execute(&self, workflow: &Workflow, params: Params) -> Outcome {
                execute_blocking(&self.0, workflow, params, $executor)
            }

            /// Starts `workflow` with `params` as a task of the tokio executor around.
            ///
            /// # Errors
            /// What keeps the run from beginning.
            pub fn start(&self, workflow: &Workflow, params: Params) -> Result<RunHandle, RunError> {
                Ok(begin(&self.0, workflow, &params, Start::listened())?.start())
            }

            /// The plan of `workflow` with this runtime's services, made once while it is in use.
            ///
            /// # Errors
            /// Missing services, wrong parameters of the document, or a body that cannot be built.
            pub fn plan(&self, workflow: &Workflow) -> Result<Arc<Plan>, Issues> {
                self.0.plan(workflow)
            }

            /// How many threads are in compute nodes that were given up at their time limit.
            #[must_use]
            pub fn stuck_threads(&self) -> usize {
                self.0.lane.stuck()
            }
        }

        impl Runtime for $name {
            fn execute_async<'a>(&'a self, workflow: &'a Workflow, params: Params) -> BoxFuture<'a, Outcome> {
                Box::pin(execute(&self.0, workflow, params))
            }

            fn execute(&self, workflow: &Workflow, params: Params) -> Outcome {
                execute_blocking(&self.0, workflow, params, $executor)
            }

            fn prepare(
                &self,
                workflow: &Workflow,
                params: Params,
                start: Start,
            ) -> Result<Prepared, RunError> {
                begin(&self.0, workflow, &params, start)
            }

            fn prepare_resumed(
                &self,
                workflow: &Workflow,
                past: Past,
                start: Start,
            ) -> Result<Prepared, RunError> {
                resume(&self.0, workflow, past, start)
            }

            fn recall(&self, workflow: &Workflow, past: Past) -> Result<Results, RunError> {
                let policy = workflow.document().on_failure.unwrap_or(self.0.settings.on_failure);
                Ok(recall(self.0.plan(workflow)?, past, policy)?)
            }

            fn check(&self, workflow: &Workflow, params: &Params) -> Result<(), RunError> {
                self.0.plan(workflow)?.bind(params)?;
                Ok(())
            }
        }
    };
}

/// Runs everything of a run on the one thread that awaits it: async nodes concurrently, compute nodes one by one.
/// Compute under a time limit goes to a thread that can be left behind, so that the run can answer in time.
#[derive(Clone)]
pub struct LocalRuntime(Arc<Engine>);

impl LocalRuntime {
    /// A runtime with the services of a host.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn with_settings(services: Services, settings: Settings) -> Result<Self> {
        Engine::new(services, settings, Compute::Here).map(|engine| Self(Arc::new(engine)))
    }
}

/// Uses all cores: compute nodes run on a pool of threads, async nodes as tasks of the executor around.
#[cfg(feature = "parallel")]
#[derive(Clone)]
pub struct ParallelRuntime(Arc<Engine>);

#[cfg(feature = "parallel")]
impl ParallelRuntime {
    /// A runtime with the services of a host.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn with_settings(services: Services, settings: Settings) -> Result<Self> {
        Engine::new(services, settings, Compute::pool()).map(|engine| Self(Arc::new(engine)))
    }
}

runtime!(LocalRuntime, one_thread);
#[cfg(feature = "parallel")]
runtime!(ParallelRuntime, all_cores);

fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

#[cfg(feature = "parallel")]
fn all_cores() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// A runtime by the name that command lines and configs use: `local` or `parallel`.
///
/// # Errors
/// Kind `Invalid` for another name or settings that cannot work.
pub fn by_name(name: &str, services: Services, settings: Settings) -> Result<Box<dyn Runtime>> {
    match name {
        "local" => Ok(Box::new(LocalRuntime::with_settings(services, settings)?)),
        #[cfg(feature = "parallel")]
        "parallel" => Ok(Box::new(ParallelRuntime::with_settings(services, settings)?)),
        other => Err(Error::invalid("runtime.unknown", format!("there is no runtime `{other}`"))
            .with_hint("use local or parallel")),
    }
}

//! Bodies: the code of one node, and where it may run.
//!
//! ```text
//! inline   tiny, on the dispatcher itself
//! compute  synchronous CPU work; to rayon in Parallel; never does I/O
//! future   async; blocking I/O goes through Context::blocking
//! scope    a workflow inside the workflow: nested, or once per item
//! ```
//! Beside one of these a body may have a streaming form (see [`Source`](super::Source) and [`Stage`](super::Stage)).

use std::{future::Future, pin::Pin, sync::Arc};

use super::{Context, Inputs, Outcome, Scope, SourceFactory, StageFactory};
use crate::Result;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Synchronous code of a node: values in, an outcome out. Concurrent runs share it.
pub trait Run: Send + Sync {
    /// Runs it once.
    ///
    /// # Errors
    /// Whatever the node's own work can fail with.
    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome>;
}

impl<F: Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync> Run for F {
    fn run(&self, inputs: Inputs, cx: &Context) -> Result<Outcome> {
        self(inputs, cx)
    }
}

/// Asynchronous code of a node: values in, a future of an outcome out. Concurrent runs share it.
pub trait RunAsync: Send + Sync {
    /// Starts it once.
    fn run(&self, inputs: Inputs, cx: Context) -> BoxFuture<'static, Result<Outcome>>;
}

impl<F, Fut> RunAsync for F
where
    F: Fn(Inputs, Context) -> Fut + Send + Sync,
    Fut: Future<Output = Result<Outcome>> + Send + 'static,
{
    fn run(&self, inputs: Inputs, cx: Context) -> BoxFuture<'static, Result<Outcome>> {
        Box::pin(self(inputs, cx))
    }
}

/// The code of a node that takes whole values and gives whole values.
#[derive(Clone)]
pub enum Whole {
    /// Tiny; runs on the dispatcher.
    Inline(Arc<dyn Run>),
    /// CPU work; never does I/O.
    Compute(Arc<dyn Run>),
    /// Async.
    Future(Arc<dyn RunAsync>),
    /// A workflow inside the workflow.
    Scope(Arc<Scope>),
}

/// The code of a node whose items arrive or leave over stream connections.
#[derive(Clone)]
pub enum Streaming {
    /// Makes items.
    Source(Arc<dyn SourceFactory>),
    /// Takes items.
    Stage(Arc<dyn StageFactory>),
}

/// How a body that takes whole values works on a stream of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lift {
    /// Each item is one input value, each output value one item: expressions, templates.
    PerItem,
    /// A batch is a list, and the outputs of batches, put together, are the output of the whole: filter, map.
    PerBatch,
}

/// The code of one node: at least one of a whole and a streaming form.
#[derive(Clone)]
pub struct Body {
    /// The form that takes and gives whole values.
    pub whole: Option<Whole>,
    /// The form for stream connections.
    pub streaming: Option<Streaming>,
    /// Whether the whole form may serve as a stage.
    pub lift: Option<Lift>,
    /// Whether the whole form may answer [`Outcome::Suspend`]: its inputs are kept meanwhile.
    pub suspends: bool,
}

impl Body {
    fn of(whole: Whole) -> Self {
        Self { whole: Some(whole), streaming: None, lift: None, suspends: false }
    }

    /// Tiny code that runs on the dispatcher: under a microsecond, never blocking.
    pub fn inline(run: impl Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync + 'static) -> Self {
        Self::of(Whole::Inline(Arc::new(run)))
    }

    /// Synchronous CPU work that never does I/O.
    pub fn compute(run: impl Fn(Inputs, &Context) -> Result<Outcome> + Send + Sync + 'static) -> Self {
        Self::of(Whole::Compute(Arc::new(run)))
    }

    /// Asynchronous work.
    pub fn future<F, Fut>(run: F) -> Self
    where
        F: Fn(Inputs, Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Outcome>> + Send + 'static,
    {
        Self::of(Whole::Future(Arc::new(run)))
    }

    /// A workflow inside the workflow.
    #[must_use]
    pub fn scope(scope: Scope) -> Self {
        Self::of(Whole::Scope(Arc::new(scope)))
    }

    /// Code that only makes items.
    pub fn source(factory: impl SourceFactory + 'static) -> Self {
        Self {
            whole: None,
            streaming: Some(Streaming::Source(Arc::new(factory))),
            lift: None,
            suspends: false,
        }
    }

    /// Code that only takes items.
    pub fn stage(factory: impl StageFactory + 'static) -> Self {
        Self {
            whole: None,
            streaming: Some(Streaming::Stage(Arc::new(factory))),
            lift: None,
            suspends: false,
        }
    }

    /// The same body, with code that makes items beside it.
    #[must_use]
    pub fn with_source(mut self, factory: impl SourceFactory + 'static) -> Self {
        self.streaming = Some(Streaming::Source(Arc::new(factory)));
        self
    }

    /// The same body, with code that takes items beside it.
    #[must_use]
    pub fn with_stage(mut self, factory: impl StageFactory + 'static) -> Self {
        self.streaming = Some(Streaming::Stage(Arc::new(factory)));
        self
    }

    /// The same body, which may answer [`Outcome::Suspend`].
    #[must_use]
    pub fn suspending(mut self) -> Self {
        self.suspends = true;
        self
    }

    /// The same body, which may also serve as a stage.
    #[must_use]
    pub fn with_lift(mut self, lift: Lift) -> Self {
        self.lift = Some(lift);
        self
    }
}

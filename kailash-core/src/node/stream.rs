//! Streaming forms of bodies: batches of items over bounded links, so that a 1 GB file needs no 1 GB.
//!
//! ```text
//! source ──batch──> link (bounded) ──batch──> stage ──batch──> link ──> ...
//!    ^                                           │ finish
//!    └────────── waits while the link is full    └──> whole-value outputs: counts, aggregates
//! ```

use async_trait::async_trait;

use super::{Context, Inputs, Outputs};
use crate::{Result, Value};

/// Where items leave a source or a stage.
#[async_trait]
pub trait Emit: Send {
    /// Sends a batch from output port `port`, waiting while a link of that port is full.
    ///
    /// # Errors
    /// Kind `Cancelled` when the run stops.
    async fn emit(&mut self, port: usize, items: Vec<Value>) -> Result<()>;
}

/// Whether a source has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Pull again.
    More,
    /// That was all.
    End,
}

/// Whether a source can wait for its consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pressure {
    /// It makes nothing until it is pulled: files, queries.
    Pausable,
    /// The world goes on without it; what is not pulled in time is lost and counted: sensors.
    Lossy,
}

/// One opened source.
#[async_trait]
pub trait Source: Send {
    /// Makes the next batch and emits it; returns within a bounded time.
    ///
    /// # Errors
    /// Whatever reading can fail with; the run fails with it.
    async fn pull(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Progress>;

    /// The outputs that are whole values, after the end: counts, positions.
    ///
    /// # Errors
    /// Whatever closing can fail with.
    async fn finish(&mut self, _cx: &Context) -> Result<Outputs> {
        Ok(Outputs::default())
    }

    /// Whether it can wait for its consumers.
    fn pressure(&self) -> Pressure {
        Pressure::Pausable
    }
}

/// Opens sources: one `&mut` instance for each replica.
pub trait SourceFactory: Send + Sync {
    /// Opens one; `inputs` are the values of its inputs. It may not block.
    ///
    /// # Errors
    /// A wrong input.
    fn open(&self, inputs: Inputs, cx: &Context) -> Result<Box<dyn Source>>;
}

impl<F: Fn(Inputs, &Context) -> Result<Box<dyn Source>> + Send + Sync> SourceFactory for F {
    fn open(&self, inputs: Inputs, cx: &Context) -> Result<Box<dyn Source>> {
        self(inputs, cx)
    }
}

/// One opened stage.
#[async_trait]
pub trait Stage: Send {
    /// Works on a batch that arrived at input `port`.
    ///
    /// # Errors
    /// Whatever the work can fail with; the run fails with it.
    async fn process(
        &mut self,
        port: usize,
        items: Vec<Value>,
        cx: &Context,
        out: &mut dyn Emit,
    ) -> Result<()>;

    /// Called once every input ended: emits what is left and gives the outputs that are whole values.
    ///
    /// # Errors
    /// Whatever closing can fail with.
    async fn finish(&mut self, cx: &Context, out: &mut dyn Emit) -> Result<Outputs>;
}

/// Opens stages: one `&mut` instance for each replica.
pub trait StageFactory: Send + Sync {
    /// Opens one; `inputs` are the values of the inputs that are not streamed. It may not block.
    ///
    /// # Errors
    /// A wrong input.
    fn open(&self, inputs: Inputs, cx: &Context) -> Result<Box<dyn Stage>>;
}

impl<F: Fn(Inputs, &Context) -> Result<Box<dyn Stage>> + Send + Sync> StageFactory for F {
    fn open(&self, inputs: Inputs, cx: &Context) -> Result<Box<dyn Stage>> {
        self(inputs, cx)
    }
}

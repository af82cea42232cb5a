//! Publishing what flows by: each batch is published before the next is taken.

use std::sync::Arc;

use async_trait::async_trait;
use kailash_core::{
    Result, Value,
    node::{Context, Emit, Outputs, Stage},
};

/// Whoever publishes messages.
#[async_trait]
pub(crate) trait Publisher: Send + Sync + 'static {
    /// What holds for every message that does not say otherwise.
    type Defaults: Send + Sync;
    /// A message ready to be sent.
    type Message: Send + Sync;

    /// The message that `item` describes.
    fn message(defaults: &Self::Defaults, item: &Value) -> Result<Self::Message>;

    /// Publishes all of `messages`.
    async fn publish(&self, messages: &[Self::Message], cx: &Context) -> Result<()>;
}

/// The messages that `items` describe; what is wrong is told with the position of its item.
pub(crate) fn all<P: Publisher>(defaults: &P::Defaults, items: &[Value]) -> Result<Vec<P::Message>> {
    let messages = items.iter().enumerate().map(|(index, item)| {
        P::message(defaults, item).map_err(|error| match error.place() {
            Some(_) => error,
            None => error.at(format!("messages[{index}]")),
        })
    });
    messages.collect()
}

/// The stage of a node that publishes.
pub(crate) struct Publishing<P: Publisher> {
    work: Arc<P>,
    defaults: P::Defaults,
    published: usize,
}

impl<P: Publisher> Publishing<P> {
    pub(crate) fn new(work: Arc<P>, defaults: P::Defaults) -> Self {
        Self { work, defaults, published: 0 }
    }
}

#[async_trait]
impl<P: Publisher> Stage for Publishing<P> {
    async fn process(&mut self, _: usize, items: Vec<Value>, cx: &Context, _: &mut dyn Emit) -> Result<()> {
        let messages = all::<P>(&self.defaults, &items)?;
        self.work.publish(&messages, cx).await?;
        self.published += messages.len();
        Ok(())
    }

    async fn finish(&mut self, _: &Context, _: &mut dyn Emit) -> Result<Outputs> {
        Ok(Outputs::one(self.published))
    }
}

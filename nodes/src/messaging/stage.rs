//! Publishing: what a node was given at once, or what flows by.

use std::sync::Arc;

use async_trait::async_trait;
use kailash_core::{
    Error, Result, Value,
    node::{Context, Emit, Inputs, Outputs, Stage},
};

/// Whoever publishes messages.
#[async_trait]
pub(crate) trait Publisher: Send + Sync + 'static {
    /// What holds for every message that does not say otherwise.
    type Defaults: Send + Sync;
    /// A message ready to be sent.
    type Message: Send + Sync;

    /// The code of errors of contents.
    const CODE: &str;

    /// The message with nothing but a content.
    fn plain(defaults: &Self::Defaults, content: Value) -> Result<Self::Message>;

    /// The message that `item` describes.
    fn message(defaults: &Self::Defaults, item: &Value) -> Result<Self::Message>;

    /// Publishes all of `messages`.
    async fn publish(&self, messages: &[Self::Message], cx: &Context) -> Result<()>;
}

/// The messages that a node was given: that of its input `content`, or those of the list in its input `messages`.
///
/// # Errors
/// Kind `Invalid`, code [`Publisher::CODE`], if both are given or neither; what is wrong with a message.
pub(crate) fn given<P: Publisher>(
    defaults: &P::Defaults,
    inputs: &mut Inputs,
    (content, content_name): (usize, &str),
    messages: usize,
) -> Result<Vec<P::Message>> {
    let several = inputs.get(messages).is_some_and(|messages| !messages.is_null());
    match (inputs.take(content), several) {
        (Some(content), false) => Ok(vec![P::plain(defaults, content)?]),
        (None | Some(Value::Null), true) => all::<P>(defaults, &inputs.list(messages)?),
        (Some(_), true) => {
            Err(Error::invalid(P::CODE, format!("`{content_name}` and `messages` exclude each other")))
        }
        (None, false) => Err(Error::invalid(P::CODE, "there is nothing to publish")
            .with_hint(format!("give `{content_name}` or `messages`"))),
    }
}

/// The messages that `items` describe; what is wrong is told with the position of its item.
fn all<P: Publisher>(defaults: &P::Defaults, items: &[Value]) -> Result<Vec<P::Message>> {
    let messages = items.iter().enumerate().map(|(index, item)| {
        P::message(defaults, item).map_err(|error| match error.place() {
            Some(_) => error,
            None => error.at(format!("messages[{index}]")),
        })
    });
    messages.collect()
}

/// The stage of a node that publishes: each batch is published before the next is taken.
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

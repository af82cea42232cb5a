//! The coordination of a host, begun when it is first needed.

use std::{future::Future, pin::Pin, sync::Arc};

use kailash_core::{Result, Text};
use tokio::sync::OnceCell;

use super::{Coordinator, Settings};

type Opening = Pin<Box<dyn Future<Output = Result<Coordinator>> + Send>>;

/// The coordination of a host, as its nodes and services reach it. Clones are the same.
#[derive(Clone)]
pub struct Coordination(Arc<Inner>);

struct Inner {
    open: Box<dyn Fn() -> Opening + Send + Sync>,
    begun: OnceCell<Coordinator>,
}

impl Coordination {
    /// Coordination that `open` begins when it is first asked for.
    pub fn lazy<F>(open: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Coordinator>> + Send + 'static,
    {
        let open = Box::new(move || Box::pin(open()) as Opening);
        Self(Arc::new(Inner { open, begun: OnceCell::new() }))
    }

    /// Coordination that is under way.
    #[must_use]
    pub fn of(coordinator: Coordinator) -> Self {
        Self::lazy(move || std::future::ready(Ok(coordinator.clone())))
    }

    /// The coordinator, which begins now if nobody needed it before.
    ///
    /// # Errors
    /// What keeps it from beginning; the next who asks tries again.
    pub async fn coordinator(&self) -> Result<&Coordinator> {
        self.0.begun.get_or_try_init(|| (self.0.open)()).await
    }

    /// The coordinator, if somebody needed it already.
    #[must_use]
    pub fn begun(&self) -> Option<&Coordinator> {
        self.0.begun.get()
    }
}

impl Settings {
    /// The settings of a host called `host` that is alone.
    #[must_use]
    pub fn alone(host: impl Into<Text>) -> Self {
        Self { host: host.into(), ..Self::default() }
    }
}

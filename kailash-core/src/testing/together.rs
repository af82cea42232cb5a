//! What the suites are made of: checks, and futures polled side by side without an async runtime.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    task::Poll,
};

/// A check under way; it panics if a rule is broken.
pub type Checking = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A named check of a subject `T` that nobody else uses.
pub type Check<T> = (&'static str, fn(T) -> Checking);

/// The results of `futures`, polled side by side in one task.
pub(super) async fn together<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        for (future, result) in &mut futures {
            if result.is_none()
                && let Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *result = Some(output);
            }
        }
        if futures.iter().all(|(_, result)| result.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    futures.into_iter().filter_map(|(_, result)| result).collect()
}

/// A list of checks, each an `async fn` of this module, under its own name.
macro_rules! checks {
    ($subject:ty: $($check:ident),* $(,)?) => {
        &[$((stringify!($check), |subject: $subject| Box::pin($check(subject)))),*]
    };
}
pub(super) use checks;

//! The executor of the Raft group: tokio, with dice that a simulation can load.

use std::{cell::Cell, convert::Infallible, fmt, future::Future, time::Duration};

use kailash_core::{Error, Result};
use openraft::{AsyncRuntime, OptionalSend, impls::TokioRuntime};
use rand::{Rng, SeedableRng, TryRng, rngs::SmallRng};

use super::watch::Watches;

thread_local! {
    /// The seed of the next dice in a simulation.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Lets all dice of this thread, while `work` runs, be those that `seed` tells.
pub fn with_seed<T>(seed: u64, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<u64>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SEED.set(self.0);
        }
    }
    let _restore = Restore(SEED.replace(Some(seed)));
    work()
}

/// The dice that the next seed of this thread tells; none without one.
fn seeded() -> Option<SmallRng> {
    let seed = SEED.get()?;
    SEED.set(Some(seed.wrapping_add(1)));
    Some(SmallRng::seed_from_u64(seed))
}

/// Numbers that nobody has drawn before and nobody can guess: from the operating system.
///
/// # Errors
/// It gives none.
pub(in crate::coordinate) fn draw() -> Result<[u64; 2]> {
    // Only where simulations are built, so that nothing else can ever make them guessable.
    #[cfg(any(test, feature = "testing"))]
    if let Some(mut dice) = seeded() {
        return Ok([dice.next_u64(), dice.next_u64()]);
    }
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(format!("no random numbers: {error}")))?;
    let number = u128::from_le_bytes(bytes);
    Ok([(number >> 64) as u64, number as u64])
}

/// Tokio, with dice that a simulation can load.
pub struct RaftRuntime(TokioRuntime);

impl fmt::Debug for RaftRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a random number comes from: the operating system, or a seed.
pub struct Dice(SmallRng);

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> std::result::Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> std::result::Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> std::result::Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}

impl AsyncRuntime for RaftRuntime {
    type JoinError = <TokioRuntime as AsyncRuntime>::JoinError;
    type JoinHandle<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::JoinHandle<T>;
    type Sleep = <TokioRuntime as AsyncRuntime>::Sleep;
    type Instant = <TokioRuntime as AsyncRuntime>::Instant;
    type TimeoutError = <TokioRuntime as AsyncRuntime>::TimeoutError;
    type Timeout<R, T: Future<Output = R> + OptionalSend> = <TokioRuntime as AsyncRuntime>::Timeout<R, T>;
    type ThreadLocalRng = Dice;
    type Mpsc = <TokioRuntime as AsyncRuntime>::Mpsc;
    type Watch = Watches;
    type Oneshot = <TokioRuntime as AsyncRuntime>::Oneshot;
    type Mutex<T: OptionalSend + 'static> = <TokioRuntime as AsyncRuntime>::Mutex<T>;

    fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
    where
        T: Future + OptionalSend + 'static,
        T::Output: OptionalSend + 'static,
    {
        TokioRuntime::spawn(future)
    }

    fn sleep(duration: Duration) -> Self::Sleep {
        TokioRuntime::sleep(duration)
    }

    fn sleep_until(deadline: Self::Instant) -> Self::Sleep {
        TokioRuntime::sleep_until(deadline)
    }

    fn timeout<R, F: Future<Output = R> + OptionalSend>(
        duration: Duration,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout(duration, future)
    }

    fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
        deadline: Self::Instant,
        future: F,
    ) -> Self::Timeout<R, F> {
        TokioRuntime::timeout_at(deadline, future)
    }

    fn is_panic(join_error: &Self::JoinError) -> bool {
        TokioRuntime::is_panic(join_error)
    }

    fn thread_rng() -> Dice {
        Dice(seeded().unwrap_or_else(|| SmallRng::from_rng(&mut rand::rng())))
    }

    fn new(threads: usize) -> Self {
        Self(TokioRuntime::new(threads))
    }

    fn block_on<F, T>(&mut self, future: F) -> T
    where
        F: Future<Output = T>,
    {
        self.0.block_on(future)
    }
}

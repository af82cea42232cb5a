//! What checks watch bodies with: counters, gates, gauges, and values that tell when they are dropped.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use kailash_core::Value;
use tokio::sync::Semaphore;

/// Counts.
#[derive(Clone, Default)]
pub struct Counter(Arc<AtomicUsize>);

impl Counter {
    /// Counts one more and gives the count.
    pub fn hit(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The count.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Lets bodies wait until the check says go; each pass lets one through, before or after it arrived.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets `count` more through.
    pub fn open(&self, count: usize) {
        self.0.add_permits(count);
    }

    /// Waits until it is let through.
    pub async fn pass(&self) {
        self.0.acquire().await.expect("a gate is never closed").forget();
    }

    /// Something that lets one through when it is dropped.
    pub fn on_drop(&self) -> impl Send + Sync + 'static + use<> {
        Opener(self.clone())
    }
}

struct Opener(Gate);

impl Drop for Opener {
    fn drop(&mut self) {
        self.0.open(1);
    }
}

/// How many are inside at a time.
#[derive(Clone, Default)]
pub struct Gauge(Arc<(AtomicUsize, AtomicUsize)>);

impl Gauge {
    /// Goes in; dropping what it gives goes out.
    pub fn enter(&self) -> impl Send + 'static + use<> {
        let inside = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(inside, Ordering::SeqCst);
        Inside(self.clone())
    }

    /// The most that were inside at a time.
    pub fn peak(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// How many are inside.
    pub fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }
}

struct Inside(Gauge);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// `len` bytes whose buffer counts in `gauge` for as long as it is held.
pub(super) fn watched_bytes(gauge: &Gauge, len: usize) -> Value {
    struct Owner<T>(Vec<u8>, T);
    impl<T> AsRef<[u8]> for Owner<T> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Value::bytes(bytes::Bytes::from_owner(Owner(vec![7; len], gauge.enter())))
}

/// Where the buffer of `value` lies.
pub(super) fn address(value: &Value) -> usize {
    match value {
        Value::Bytes(bytes) => bytes.as_ptr().addr(),
        other => panic!("bytes, not {}", other.kind()),
    }
}

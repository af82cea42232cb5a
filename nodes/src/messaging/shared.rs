//! What is dear to make: kept while it is used and a while longer, shared by nodes that want the same.

use std::{
    collections::HashMap,
    hash::Hash,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

/// How long something is kept without use.
const IDLE: Duration = Duration::from_secs(10);

/// What can be shared.
pub(crate) trait Share: Send + Sync + 'static {
    /// Whether others may still be given it.
    fn is_usable(&self) -> bool;
}

/// What is shared, by what makes two of them equal. Cloning gives a handle to the same.
pub(crate) struct Shared<K, T>(Arc<Mutex<Entries<K, T>>>);

type Entries<K, T> = HashMap<K, Entry<T>>;

struct Entry<T> {
    kept: Arc<T>,
    users: usize,
    /// When it was last used.
    last: Instant,
    /// Whether a task waits for it to be idle.
    watched: bool,
}

/// Something in use.
pub(crate) struct Borrowed<K: Clone + Eq + Hash + Send + 'static, T: Share> {
    kept: Arc<T>,
    key: K,
    shared: Shared<K, T>,
}

impl<K, T> Clone for Shared<K, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K, T> Default for Shared<K, T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K, T> Shared<K, T> {
    fn lock(&self) -> MutexGuard<'_, Entries<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl<K: Clone + Eq + Hash + Send + 'static, T: Share> Shared<K, T> {
    /// What is there for `key`.
    pub(crate) fn known(&self, key: &K) -> Option<Borrowed<K, T>> {
        let mut entries = self.lock();
        let entry = entries.get_mut(key).filter(|entry| entry.kept.is_usable())?;
        Some(self.lend(key, entry))
    }

    /// What is there for `key`, or what `make` gives: another node may have been faster.
    pub(crate) fn known_or(&self, key: &K, make: impl FnOnce() -> T) -> Borrowed<K, T> {
        let mut entries = self.lock();
        entries.retain(|_, entry| entry.kept.is_usable());
        let entry = entries.entry(key.clone()).or_insert_with(|| Entry {
            kept: Arc::new(make()),
            users: 0,
            last: Instant::now(),
            watched: false,
        });
        self.lend(key, entry)
    }

    fn lend(&self, key: &K, entry: &mut Entry<T>) -> Borrowed<K, T> {
        entry.users += 1;
        Borrowed { kept: Arc::clone(&entry.kept), key: key.clone(), shared: self.clone() }
    }

    /// Waits until what is there for `key` was idle for long enough, and lets go of it.
    async fn watch(entries: Weak<Mutex<Entries<K, T>>>, key: K) {
        loop {
            let until = {
                let Some(shared) = entries.upgrade().map(Self) else { return };
                let mut entries = shared.lock();
                let Some(entry) = entries.get_mut(&key) else { return };
                if entry.users > 0 {
                    // The last user has it watched again.
                    entry.watched = false;
                    return;
                }
                let until = entry.last + IDLE;
                if Instant::now() >= until {
                    drop(entries.remove(&key));
                    return;
                }
                until
            };
            sleep_until(until).await;
        }
    }
}

impl<K: Clone + Eq + Hash + Send + 'static, T: Share> Deref for Borrowed<K, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.kept
    }
}

impl<K: Clone + Eq + Hash + Send + 'static, T: Share> Drop for Borrowed<K, T> {
    fn drop(&mut self) {
        let mut entries = self.shared.lock();
        let entry = entries.get_mut(&self.key).filter(|entry| Arc::ptr_eq(&entry.kept, &self.kept));
        let Some(entry) = entry else { return };
        entry.users = entry.users.saturating_sub(1);
        entry.last = Instant::now();
        if entry.users > 0 || entry.watched {
            return;
        }
        match Handle::try_current() {
            Ok(executor) => {
                entry.watched = true;
                let entries = Arc::downgrade(&self.shared.0);
                drop(executor.spawn(Shared::watch(entries, self.key.clone())));
            }
            // Nobody could wait for it to be idle.
            Err(_) => drop(entries.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Dear(AtomicBool);

    impl Share for Dear {
        fn is_usable(&self) -> bool {
            !self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_is_shared_while_it_is_used_and_let_go_of_when_it_was_idle() {
        let shared = Shared::<u8, Dear>::default();
        assert!(shared.known(&1).is_none(), "making a handle makes nothing");
        let first = shared.known_or(&1, Dear::default);
        let second = shared.known_or(&1, || panic!("it is there"));
        assert!(Arc::ptr_eq(&first.kept, &second.kept) && shared.known(&2).is_none());
        drop(first);
        tokio::time::sleep(2 * IDLE).await;
        assert_eq!(shared.count(), 1, "it is still used");
        drop(second);
        tokio::time::sleep(IDLE / 2).await;
        drop(shared.known(&1).expect("it is kept for a while"));
        tokio::time::sleep(IDLE * 3 / 4).await;
        assert_eq!(shared.count(), 1, "it was used again");
        tokio::time::sleep(IDLE).await;
        assert_eq!(shared.count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_broken_is_given_to_nobody_else() {
        let shared = Shared::<u8, Dear>::default();
        let broken = shared.known_or(&1, Dear::default);
        broken.0.store(true, Ordering::Relaxed);
        assert!(shared.known(&1).is_none());
        let other = shared.known_or(&1, Dear::default);
        assert!(!Arc::ptr_eq(&broken.kept, &other.kept));
        drop(broken);
        assert_eq!(shared.count(), 1, "whoever had the broken one changes nothing for the other");
    }
}

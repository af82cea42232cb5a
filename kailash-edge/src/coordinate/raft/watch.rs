//! A value that others watch: whoever waits for a change is woken in the order in which all began to wait. Tokio's own
//! watch draws that order by dice that no seed reaches.

use std::{
    ops::Deref,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use openraft::{
    OptionalSend, OptionalSync,
    async_runtime::watch::{self, RecvError, SendError},
};
use tokio::sync::Notify;

/// The watches of the Raft group.
pub struct Watches;

struct Shared<T> {
    content: RwLock<Content<T>>,
    changed: Notify,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

struct Content<T> {
    value: T,
    /// Counts the changes.
    version: u64,
}

impl<T> Shared<T> {
    fn read(&self) -> RwLockReadGuard<'_, Content<T>> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content<T>> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the value, unless `change` says that it did not.
    fn change(&self, change: impl FnOnce(&mut T) -> bool) -> bool {
        let changed = {
            let mut content = self.write();
            let changed = change(&mut content.value);
            content.version += u64::from(changed);
            changed
        };
        if changed {
            self.changed.notify_waiters();
        }
        changed
    }
}

/// The value, which does not change while this is held.
pub struct Ref<'a, T>(RwLockReadGuard<'a, Content<T>>);

impl<T> Deref for Ref<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// Changes the value. Clones change the same one.
pub struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// A value that nobody watches yet.
    pub fn new(value: T) -> Self {
        let content = RwLock::new(Content { value, version: 0 });
        let (senders, receivers) = (AtomicUsize::new(1), AtomicUsize::new(0));
        Self(Arc::new(Shared { content, changed: Notify::new(), senders, receivers }))
    }

    /// Watches the value from now on.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        self.0.receivers.fetch_add(1, Ordering::SeqCst);
        Receiver { seen: self.0.read().version, shared: Arc::clone(&self.0) }
    }

    /// Gives it a value, whether somebody watches or not.
    pub fn replace(&self, value: T) {
        self.0.change(|current| {
            *current = value;
            true
        });
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.0.senders.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.changed.notify_waiters();
        }
    }
}

/// Watches the value.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that was seen last.
    seen: u64,
}

impl<T> Receiver<T> {
    /// Waits until the value is another one than was seen last; it counts as seen then.
    ///
    /// # Errors
    /// Nobody can change it any more.
    pub async fn changed(&mut self) -> Result<(), RecvError> {
        loop {
            // Made before it is looked: what changes in between is not missed.
            let changed = self.shared.changed.notified();
            let version = self.shared.read().version;
            if version != self.seen {
                self.seen = version;
                return Ok(());
            }
            if self.shared.senders.load(Ordering::SeqCst) == 0 {
                return Err(RecvError(()));
            }
            changed.await;
        }
    }

    /// Waits for a value that is `wanted`.
    ///
    /// # Errors
    /// Nobody can change it any more.
    pub async fn wait_for(&mut self, wanted: impl Fn(&T) -> bool) -> Result<(), RecvError> {
        loop {
            {
                let content = self.shared.read();
                self.seen = content.version;
                if wanted(&content.value) {
                    return Ok(());
                }
            }
            self.changed().await?;
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.receivers.fetch_add(1, Ordering::SeqCst);
        Self { shared: Arc::clone(&self.shared), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.fetch_sub(1, Ordering::SeqCst);
    }
}

impl watch::Watch for Watches {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = Ref<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let sender = Sender::new(init);
        let receiver = sender.subscribe();
        (sender, receiver)
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchSender<Watches, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.receivers.load(Ordering::SeqCst) == 0 {
            return Err(SendError(value));
        }
        self.replace(value);
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        self.0.change(modify)
    }

    fn borrow_watched(&self) -> Ref<'_, T> {
        Ref(self.0.read())
    }

    fn subscribe(&self) -> Receiver<T> {
        Self::subscribe(self)
    }
}

impl<T: OptionalSend + OptionalSync> watch::WatchReceiver<Watches, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        Self::changed(self).await
    }

    fn borrow_watched(&self) -> Ref<'_, T> {
        Ref(self.shared.read())
    }

    fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let content = self.shared.read();
        self.seen = content.version;
        Ref(content)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use openraft::async_runtime::watch::{WatchReceiver, WatchSender};

    use super::*;

    #[tokio::test]
    async fn whoever_waits_is_woken_in_order() {
        let sender = Sender::new(0);
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for n in 0..50 {
            let (mut receiver, woken) = (sender.subscribe(), Arc::clone(&woken));
            tasks.push(tokio::spawn(async move {
                receiver.changed().await.unwrap();
                woken.lock().unwrap().push(n);
            }));
        }
        tokio::task::yield_now().await;
        sender.replace(1);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*woken.lock().unwrap(), (0..50).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_change_is_seen_once_and_by_those_who_come_before_it() {
        let sender = Sender::new(0);
        let mut early = sender.subscribe();
        sender.replace(1);
        let mut late = sender.subscribe();
        early.changed().await.unwrap();
        assert_eq!(*early.borrow_watched(), 1);
        for receiver in [&mut early, &mut late] {
            let changed = tokio::time::timeout(std::time::Duration::ZERO, receiver.changed());
            changed.await.expect_err("nothing changed since");
        }
        assert!(!sender.send_if_modified(|_| false));
        assert!(sender.send_if_different(2) && !sender.send_if_different(2));
        late.wait_for(|value| *value == 2).await.unwrap();
        assert_eq!(*early.borrow_and_update(), 2);
    }

    #[tokio::test]
    async fn who_waits_for_nobody_is_told_so() {
        let sender = Sender::new(0);
        let mut receiver = sender.subscribe();
        let other = sender.clone();
        drop(sender);
        let waiting = tokio::spawn(async move { receiver.wait_for(|value| *value > 0).await });
        tokio::task::yield_now().await;
        drop(other);
        waiting.await.unwrap().unwrap_err();
        assert_eq!(Sender::new(0).send(1).unwrap_err().0, 1, "nobody hears it");
    }
}

//! The connections that a host's nodes publish over: kept while they are used and a while longer, shared by nodes with
//! equal settings.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use kailash_core::{Error, Result, node::Context};
use tokio::{
    runtime::Handle,
    time::{Instant, sleep_until},
};

use super::{
    link::{Link, Session},
    settings::{SESSION_EXPIRY, Settings},
};

/// How long a connection stays open without use.
const IDLE: Duration = Duration::from_secs(10);

/// A handle to the connections that a host's nodes publish over. Making it opens none.
#[derive(Clone, Default)]
pub struct MqttClients(Arc<Mutex<HashMap<Settings, Shared>>>);

/// A link and its users.
struct Shared {
    link: Arc<Link>,
    users: usize,
    /// When it was last used.
    last: Instant,
    /// Whether a task waits for it to be idle.
    watched: bool,
}

/// A link in use.
pub(super) struct Borrowed {
    link: Arc<Link>,
    settings: Settings,
    clients: MqttClients,
}

impl std::ops::Deref for Borrowed {
    type Target = Link;

    fn deref(&self) -> &Link {
        &self.link
    }
}

impl MqttClients {
    /// A link with `settings`: one that is open, or a new one.
    ///
    /// # Errors
    /// What reading the settings' secrets and certificates can fail with. Whether there is a connection is for
    /// [`Link::ready`].
    pub(super) async fn borrow(&self, settings: &Settings, cx: &Context) -> Result<Borrowed> {
        if let Some(link) = self.open(settings) {
            return Ok(link);
        }
        let opening = settings.open(cx).await?;
        if Handle::try_current().is_err() {
            return Err(Error::internal("MQTT needs an executor of tokio"));
        }
        let mut links = self.lock();
        // Another node may have been faster.
        if !links.get(settings).is_some_and(|shared| shared.link.is_alive()) {
            links.retain(|_, shared| shared.link.is_alive());
            let session = Session { expiry: SESSION_EXPIRY, persistent: false };
            let link = Arc::new(Link::open(opening, session, None));
            links.insert(settings.clone(), Shared { link, users: 0, last: Instant::now(), watched: false });
        }
        drop(links);
        self.open(settings).ok_or_else(|| Error::internal("an MQTT connection ended as it was opened"))
    }

    fn open(&self, settings: &Settings) -> Option<Borrowed> {
        let mut links = self.lock();
        let shared = links.get_mut(settings).filter(|shared| shared.link.is_alive())?;
        shared.users += 1;
        Some(Borrowed { link: Arc::clone(&shared.link), settings: settings.clone(), clients: self.clone() })
    }

    /// Waits until the link with `settings` was idle for long enough, and closes it.
    async fn watch(links: Weak<Mutex<HashMap<Settings, Shared>>>, settings: Settings) {
        loop {
            let until = {
                let Some(clients) = links.upgrade().map(Self) else { return };
                let mut links = clients.lock();
                let Some(shared) = links.get_mut(&settings) else { return };
                if shared.users > 0 {
                    // The last user has it watched again.
                    shared.watched = false;
                    return;
                }
                let until = shared.last + IDLE;
                if Instant::now() >= until {
                    drop(links.remove(&settings));
                    return;
                }
                until
            };
            sleep_until(until).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Settings, Shared>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let mut links = self.clients.lock();
        let shared = links.get_mut(&self.settings).filter(|shared| Arc::ptr_eq(&shared.link, &self.link));
        let Some(shared) = shared else { return };
        shared.users -= 1;
        shared.last = Instant::now();
        // Without an executor the link's task is gone as well.
        if shared.users == 0
            && !shared.watched
            && let Ok(executor) = Handle::try_current()
        {
            shared.watched = true;
            let links = Arc::downgrade(&self.clients.0);
            drop(executor.spawn(MqttClients::watch(links, self.settings.clone())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn making_a_handle_opens_nothing() {
        assert!(MqttClients::default().lock().is_empty());
    }
}

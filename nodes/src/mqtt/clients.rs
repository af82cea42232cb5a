//! The connections that a host's nodes publish over: shared by nodes with equal settings.

use kailash_core::{Error, Result, node::Context};
use tokio::runtime::Handle;

use super::{
    link::{Link, Session},
    settings::{SESSION_EXPIRY, Settings},
};
use crate::messaging::{Borrowed, Share, Shared};

/// A handle to the connections that a host's nodes publish over. Making it opens none.
#[derive(Clone, Default)]
pub struct MqttClients(Shared<Settings, Link>);

impl Share for Link {
    fn is_usable(&self) -> bool {
        self.is_alive()
    }
}

impl MqttClients {
    /// A link with `settings`: one that is open, or a new one.
    ///
    /// # Errors
    /// What reading the settings' secrets and certificates can fail with. Whether there is a connection is for
    /// [`Link::ready`].
    pub(super) async fn borrow(&self, settings: &Settings, cx: &Context) -> Result<Borrowed<Settings, Link>> {
        if let Some(link) = self.0.known(settings) {
            return Ok(link);
        }
        let opening = settings.open(cx).await?;
        if Handle::try_current().is_err() {
            return Err(Error::internal("MQTT needs an executor of tokio"));
        }
        let session = Session { expiry: SESSION_EXPIRY, persistent: false };
        Ok(self.0.known_or(settings, || Link::open(opening, session, None)))
    }
}

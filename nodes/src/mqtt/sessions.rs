//! The session that a subscriber goes on with: the broker's part is kept there, its own part is always empty.
//!
//! The client refuses to go on with a session whose local part it does not have. A subscriber has nothing to keep: it
//! sends no messages, and what it got without acknowledging it comes again.

use rumqttc::{
    MqttOptions, PersistedAckMode, PersistedSession, SessionStore, SessionStoreError, SessionStoreKey,
};

use kailash_core::node::BoxFuture;

/// A store that always has an empty session and keeps none.
#[derive(Debug)]
pub(super) struct EmptySession(PersistedSession);

impl EmptySession {
    /// The empty session of a client with `options`.
    pub(super) fn of(options: &MqttOptions) -> Self {
        Self(PersistedSession {
            format_version: 1,
            client_id: options.client_id(),
            clean_start: options.clean_start(),
            session_expiry_interval: options.session_expiry_interval(),
            outgoing_inflight_upper_limit: options.get_outgoing_inflight_upper_limit(),
            ack_mode: PersistedAckMode::Manual,
            last_pkid: 0,
            last_puback: 0,
            replay: Vec::new(),
            incoming_qos2: Vec::new(),
        })
    }
}

impl SessionStore for EmptySession {
    fn load<'a>(
        &'a self,
        _: &'a SessionStoreKey,
    ) -> BoxFuture<'a, Result<Option<PersistedSession>, SessionStoreError>> {
        Box::pin(async { Ok(Some(self.0.clone())) })
    }

    fn save<'a>(
        &'a self,
        _: &'a SessionStoreKey,
        _: &'a PersistedSession,
    ) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: &'a SessionStoreKey) -> BoxFuture<'a, Result<(), SessionStoreError>> {
        Box::pin(async { Ok(()) })
    }
}

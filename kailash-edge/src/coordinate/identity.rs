//! Who a member is: drawn when its folder is made, and never used again.

use std::sync::Arc;

use kailash_core::{Result, log::Disk};
use serde::{Deserialize, Serialize};

use super::{
    net::ClusterId,
    raft::{MemberId, draw},
    store::Sealed,
};

/// Who a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Its number.
    pub(super) member: MemberId,
    /// The cluster it belongs to; none as long as it has found none.
    pub(super) cluster: Option<ClusterId>,
    /// Whether the cluster began here.
    pub(super) founder: bool,
}

/// The identity in its file.
pub(super) struct IdentityFile {
    file: Sealed<Identity>,
    identity: Identity,
}

impl IdentityFile {
    /// Reads who this is, or draws it where nobody was yet.
    ///
    /// # Errors
    /// Code `sealed.damaged`; failing storage.
    pub(super) fn open(disk: Arc<dyn Disk>) -> Result<Self> {
        let (mut file, content) = Sealed::open(disk, "member")?;
        let identity = match content {
            Some(identity) => identity,
            None => {
                let [member, _] = draw()?;
                // The lower half, so that it is a number in JSON too.
                let identity = Identity { member: (member >> 11) | 1, cluster: None, founder: false };
                file.store(&identity)?;
                identity
            }
        };
        Ok(Self { file, identity })
    }

    pub(super) fn get(&self) -> Identity {
        self.identity
    }

    /// Lets a cluster begin here.
    ///
    /// # Errors
    /// Failing storage.
    pub(super) fn found(&mut self) -> Result<ClusterId> {
        let [high, low] = draw()?;
        let cluster = ClusterId(u128::from(high) << 64 | u128::from(low));
        self.set(Identity { cluster: Some(cluster), founder: true, ..self.identity })?;
        Ok(cluster)
    }

    /// Belongs to `cluster` from now on.
    ///
    /// # Errors
    /// Failing storage.
    pub(super) fn join(&mut self, cluster: ClusterId) -> Result<()> {
        self.set(Identity { cluster: Some(cluster), founder: false, ..self.identity })
    }

    fn set(&mut self, identity: Identity) -> Result<()> {
        self.file.store(&identity)?;
        self.identity = identity;
        Ok(())
    }
}

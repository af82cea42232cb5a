//! Leases: one holder at a time, told apart from its predecessors by a fencing token, which is the log index of the
//! grant (C. Gray and D. Cheriton, "Leases", SOSP 1989).

use bytes::Bytes;
use kailash_core::{Error, Result, Text, exec::Token};
use serde::{Deserialize, Serialize};

use super::{
    Answer, Answered, Granted, Hlc, Keys, Refusal, Space, Timed, Timer, What,
    machine::{Turn, check_name},
};

/// A lease as it is kept. That of a leadership is kept when it is free too, because it counts its holders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRecord {
    /// Who holds it; nobody holds a free one.
    pub holder: Option<Text>,
    /// The token it was granted with last.
    pub token: Token,
    /// How many holders it had.
    pub epoch: u64,
    /// When it was granted last.
    pub since: Hlc,
    /// Milliseconds until it lapses unless it is renewed.
    pub ttl: u64,
    /// How often it was renewed since it was granted.
    pub renewals: u64,
}

impl LeaseRecord {
    /// The record that was kept.
    ///
    /// # Errors
    /// Kind `Internal` for bytes that are none.
    pub fn decode(bytes: &Bytes) -> Result<Self> {
        rmp_serde::from_slice(bytes)
            .map_err(|error| Error::internal(format!("a lease cannot be read: {error}")))
    }

    fn encode(&self) -> Result<Bytes> {
        let bytes = rmp_serde::to_vec(self);
        bytes.map(Bytes::from).map_err(|error| Error::internal(format!("a lease cannot be written: {error}")))
    }

    /// The lease called `name`, free ones too.
    ///
    /// # Errors
    /// Failing or damaged storage.
    pub fn find(keys: &impl Keys, name: &str) -> Result<Option<Self>> {
        keys.get(&Space::Lease.key(name))?.map(|bytes| Self::decode(&bytes)).transpose()
    }

    /// Who holds it, as the lease called `name`.
    #[must_use]
    pub fn granted(&self, name: &Text) -> Option<Granted> {
        let holder = self.holder.clone()?;
        Some(Granted { lease: name.clone(), holder, token: self.token, epoch: self.epoch, since: self.since })
    }

    /// Whether it is held with this token.
    fn is_held_with(&self, token: Token) -> bool {
        self.holder.is_some() && self.token == token
    }

    fn timer(&self) -> Timer {
        Timer { token: self.token, renewals: self.renewals, ttl: self.ttl }
    }
}

/// The lease, if it is held with this token.
fn held(keys: &impl Keys, lease: &str, token: Token) -> Result<Option<LeaseRecord>> {
    Ok(LeaseRecord::find(keys, lease)?.filter(|record| record.is_held_with(token)))
}

/// Refuses whoever does not hold the lease with this token.
pub(super) fn check_held(
    keys: &impl Keys,
    lease: &Text,
    token: Token,
) -> Result<std::result::Result<(), Refusal>> {
    Ok(held(keys, lease, token)?.map(drop).ok_or_else(|| lost(lease, token)))
}

fn lost(lease: &Text, token: Token) -> Refusal {
    let message = format!("the lease `{lease}` is not held with token {} any more", token.0);
    Refusal::conflict("lease.lost", message)
}

pub(super) fn acquire<K: Keys>(
    turn: &mut Turn<'_, K>,
    lease: Text,
    holder: Text,
    ttl: u64,
) -> Result<Answered> {
    if let Err(refusal) = check(&lease, &holder, ttl) {
        return Ok(Err(refusal));
    }
    let before = LeaseRecord::find(turn.keys, &lease)?;
    if let Some(by) = before.and_then(|record| record.holder) {
        return Ok(Err(Refusal::conflict("lease.held", format!("`{lease}` is held by `{by}`"))));
    }
    grant(turn, lease, holder, ttl, 1)
}

pub(super) fn campaign<K: Keys>(
    turn: &mut Turn<'_, K>,
    lease: Text,
    candidate: Text,
    ttl: u64,
) -> Result<Answered> {
    if let Err(refusal) = check(&lease, &candidate, ttl) {
        return Ok(Err(refusal));
    }
    let before = LeaseRecord::find(turn.keys, &lease)?;
    let epoch = before.as_ref().map_or(0, |record| record.epoch);
    let Some((record, held)) = before.and_then(|record| record.granted(&lease).map(|held| (record, held)))
    else {
        return grant(turn, lease, candidate, ttl, epoch + 1);
    };
    if held.holder == candidate {
        extend(turn, lease, record, ttl)?;
    }
    Ok(Ok(Answer::Held(held)))
}

pub(super) fn renew<K: Keys>(turn: &mut Turn<'_, K>, grants: &[(Text, Token)], ttl: u64) -> Result<Answered> {
    let mut renewed = Vec::with_capacity(grants.len());
    for (lease, token) in grants {
        let held = held(turn.keys, lease, *token)?;
        renewed.push(held.is_some());
        if let Some(record) = held {
            extend(turn, lease.clone(), record, ttl)?;
        }
    }
    Ok(Ok(Answer::Renewed(renewed)))
}

pub(super) fn release<K: Keys>(turn: &mut Turn<'_, K>, lease: Text, token: Token) -> Result<Answered> {
    if let Err(refusal) = check_name("lease", &lease) {
        return Ok(Err(refusal));
    }
    let held = held(turn.keys, &lease, token)?.is_some();
    if held {
        free(turn, lease, false)?;
    }
    Ok(Ok(Answer::Released { held }))
}

pub(super) fn lapse<K: Keys>(
    turn: &mut Turn<'_, K>,
    lease: Text,
    token: Token,
    renewals: u64,
) -> Result<Answered> {
    let over = held(turn.keys, &lease, token)?.is_some_and(|record| record.renewals == renewals);
    if over {
        free(turn, lease, true)?;
    }
    Ok(Ok(Answer::Released { held: over }))
}

pub(super) fn hand_over<K: Keys>(
    turn: &mut Turn<'_, K>,
    lease: Text,
    token: Token,
    to: Text,
) -> Result<Answered> {
    if let Err(refusal) = check_name("holder", &to) {
        return Ok(Err(refusal));
    }
    let Some(record) = held(turn.keys, &lease, token)? else { return Ok(Err(lost(&lease, token))) };
    let epoch = if is_counted(&lease) { record.epoch + 1 } else { 1 };
    grant(turn, lease, to, record.ttl, epoch)
}

/// Leases of leaderships begin with this.
pub const GROUP: &str = "group/";

/// Whether the holders of a lease are counted for ever.
fn is_counted(lease: &str) -> bool {
    lease.starts_with(GROUP)
}

fn check(lease: &Text, holder: &Text, ttl: u64) -> std::result::Result<(), Refusal> {
    check_name("lease", lease)?;
    check_name("holder", holder)?;
    if ttl > 0 {
        return Ok(());
    }
    Err(Refusal::invalid("lease.ttl", "the time to live of a lease is 1 ms at least"))
}

fn grant<K: Keys>(
    turn: &mut Turn<'_, K>,
    lease: Text,
    holder: Text,
    ttl: u64,
    epoch: u64,
) -> Result<Answered> {
    let token = Token(turn.index);
    let record = LeaseRecord { holder: Some(holder.clone()), token, epoch, since: turn.at, ttl, renewals: 0 };
    keep(turn, lease.clone(), &record)?;
    let granted = Granted { lease: lease.clone(), holder: holder.clone(), token, epoch, since: turn.at };
    turn.tell(What::Granted { lease, holder, token, epoch });
    Ok(Ok(Answer::Held(granted)))
}

/// Lets a lease that is held last for `ttl` from now.
fn extend<K: Keys>(turn: &mut Turn<'_, K>, lease: Text, mut record: LeaseRecord, ttl: u64) -> Result<()> {
    record.renewals += 1;
    record.ttl = ttl.max(1);
    keep(turn, lease, &record)
}

fn keep<K: Keys>(turn: &mut Turn<'_, K>, lease: Text, record: &LeaseRecord) -> Result<()> {
    turn.keys.put(Space::Lease.key(&lease), record.encode()?);
    turn.time(Timed::Lease(lease), record.holder.as_ref().map(|_| record.timer()));
    Ok(())
}

fn free<K: Keys>(turn: &mut Turn<'_, K>, lease: Text, lapsed: bool) -> Result<()> {
    let Some(mut record) = LeaseRecord::find(turn.keys, &lease)? else { return Ok(()) };
    let token = record.token;
    record.holder = None;
    if is_counted(&lease) {
        keep(turn, lease.clone(), &record)?;
    } else {
        turn.keys.delete(Space::Lease.key(&lease));
        turn.time(Timed::Lease(lease.clone()), None);
    }
    turn.tell(What::Freed { lease, token, lapsed });
    Ok(())
}

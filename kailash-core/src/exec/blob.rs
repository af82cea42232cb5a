//! The blob port: payloads too large to travel inside messages.

use std::{collections::HashMap, sync::Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::run_log::lock;
use crate::{Error, Result, Text};

/// The name of a blob: its content's hash, so that the same content is kept once.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// BLAKE3 of the content, 64 hex digits.
    pub hash: Text,
    /// The length in bytes.
    pub len: u64,
    /// The media type (RFC 6838).
    pub media: Text,
}

impl BlobRef {
    /// The reference of `content`.
    #[must_use]
    pub fn of(content: &[u8], media: &str) -> Self {
        let hash = blake3::hash(content).to_hex().as_str().into();
        Self { hash, len: content.len() as u64, media: media.into() }
    }
}

/// Keeps payloads over 256 KiB until the retention of whoever holds them ends.
#[async_trait]
pub trait BlobStore: Send + Sync {
    /// Keeps `content` for `holder` (a run or a link) and names it.
    ///
    /// # Errors
    /// Failing storage.
    async fn put(&self, holder: &str, content: Bytes, media: &str) -> Result<BlobRef>;

    /// The content of `blob`, checked against its hash.
    ///
    /// # Errors
    /// Kind `Missing`, code `blob.missing`; kind `Internal` if the content no longer has its hash.
    async fn get(&self, blob: &BlobRef) -> Result<Bytes>;

    /// Ends the retention of `holder`: what no one else holds is forgotten.
    ///
    /// # Errors
    /// Failing storage.
    async fn release(&self, holder: &str) -> Result<()>;
}

/// A blob store in memory.
#[derive(Debug, Default)]
pub struct MemoryBlobStore(Mutex<HashMap<Text, Held>>);

#[derive(Debug)]
struct Held {
    content: Bytes,
    holders: Vec<String>,
}

#[async_trait]
impl BlobStore for MemoryBlobStore {
    async fn put(&self, holder: &str, content: Bytes, media: &str) -> Result<BlobRef> {
        let blob = BlobRef::of(&content, media);
        let mut blobs = lock(&self.0);
        let held = blobs.entry(blob.hash.clone()).or_insert_with(|| Held { content, holders: Vec::new() });
        if !held.holders.iter().any(|h| h == holder) {
            held.holders.push(holder.to_owned());
        }
        Ok(blob)
    }

    async fn get(&self, blob: &BlobRef) -> Result<Bytes> {
        let blobs = lock(&self.0);
        let held = blobs.get(&blob.hash);
        held.map(|held| held.content.clone())
            .ok_or_else(|| Error::missing("blob.missing", format!("no blob {}", blob.hash)))
    }

    async fn release(&self, holder: &str) -> Result<()> {
        lock(&self.0).retain(|_, held| {
            held.holders.retain(|h| h != holder);
            !held.holders.is_empty()
        });
        Ok(())
    }
}

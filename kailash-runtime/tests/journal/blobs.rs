//! Large values whose storage fails, for a while or for good.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use kailash_core::{
    Error, ErrorKind, Result, Retry, RunStatus, Value, WorkflowBuilder,
    exec::{BlobRef, BlobStore, MemoryBlobStore},
    log::{LogSettings, SegmentRunLog},
    testing::SimulatedDisk,
    workflow::Params,
};
use kailash_runtime::Journal;

use super::world::{World, registry, runtimes};

/// Fails so often, then works.
struct Failing {
    left: AtomicU32,
    error: Error,
    inner: MemoryBlobStore,
}

#[async_trait]
impl BlobStore for Failing {
    async fn put(&self, holder: &str, content: Bytes, media: &str) -> Result<BlobRef> {
        let fails = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Err(self.error.clone()),
            Err(_) => self.inner.put(holder, content, media).await,
        }
    }

    async fn get(&self, blob: &BlobRef) -> Result<Bytes> {
        self.inner.get(blob).await
    }

    async fn release(&self, holder: &str) -> Result<()> {
        self.inner.release(holder).await
    }
}

/// How a run with an output of a megabyte ends, and how its journal says it did.
async fn large(which: usize, times: u32, error: Error) -> (std::result::Result<(), String>, RunStatus) {
    let log =
        SegmentRunLog::open(SimulatedDisk::default(), LogSettings::default()).expect("the disk is sound");
    let blobs = Failing { left: AtomicU32::new(times), error, inner: MemoryBlobStore::default() };
    let journal = Journal::new(Arc::new(log), Arc::new(blobs));
    let mut builder = WorkflowBuilder::new("large");
    builder.add_node("Large", "large", Value::Null);
    let workflow = builder.build(&registry()).expect("sound");
    let runtime = &runtimes(&World::default(), &journal, false)[which];
    let handle = runtime.start(&workflow, Params::new()).expect("it begins");
    let run = handle.id();
    let outcome = handle.await.map(drop).map_err(|error| error.to_string());
    let past = journal.past(run).await.expect("it is known");
    (outcome, past.end().map_or(RunStatus::Running, |end| end.status))
}

#[tokio::test(start_paused = true)]
async fn a_run_waits_while_there_is_no_room_for_a_large_value() {
    for which in 0..2 {
        let full = Error::new(ErrorKind::Limit, "io.full", "the disk is full");
        assert_eq!(large(which, 3, full).await, (Ok(()), RunStatus::Completed));
    }
}

#[tokio::test]
async fn a_run_whose_large_value_cannot_be_kept_has_failed_for_its_journal_too() {
    for which in 0..2 {
        let denied =
            Error::new(ErrorKind::Denied, "io.denied", "the folder is read-only").with_retry(Retry::Never);
        let (outcome, status) = large(which, u32::MAX, denied).await;
        assert!(outcome.is_err_and(|told| told.contains("read-only")));
        assert_eq!(status, RunStatus::Failed, "it does not go on after a restart");
    }
}

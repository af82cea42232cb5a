//! The implementations in memory keep the rules of their ports.

#![expect(clippy::expect_used, reason = "a test stops where something it needs is missing")]

mod journal_law;

use std::sync::Arc;

use kailash_core::{
    exec::{BlobRef, BlobStore, ManualClock, MemoryBlobStore, MemoryLease, MemoryRunLog, SystemClock},
    log::{FolderBlobStore, LogSettings, SegmentRunLog},
    testing::{SimulatedDisk, blob_store, clock, lease, run_log},
};
use pollster::block_on;

#[test]
fn the_run_log_in_memory_keeps_the_rules() {
    for (name, check) in run_log::CHECKS {
        println!("{name}");
        block_on(check(Arc::new(MemoryRunLog::default())));
    }
}

fn on_disk() -> Arc<SegmentRunLog> {
    let settings = LogSettings { segment_bytes: 4096, ..LogSettings::default() };
    Arc::new(SegmentRunLog::open(SimulatedDisk::default(), settings).expect("an empty disk opens"))
}

#[test]
fn the_run_log_on_disk_keeps_the_rules() {
    for (name, check) in run_log::CHECKS {
        println!("{name}");
        block_on(check(on_disk()));
    }
}

#[test]
fn the_blob_store_in_memory_keeps_the_rules() {
    for (name, check) in blob_store::CHECKS {
        println!("{name}");
        block_on(check(Arc::new(MemoryBlobStore::default())));
    }
}

#[test]
fn the_blob_store_in_a_folder_keeps_the_rules() {
    for (name, check) in blob_store::CHECKS {
        println!("{name}");
        let folder = std::env::temp_dir().join(format!("kailash-blobs-{}-{name}", std::process::id()));
        let store = Arc::new(FolderBlobStore::open(&folder).expect("a folder"));
        block_on(check(store.clone()));
        for holder in ["a", "b", "run-1", "run-2"] {
            block_on(store.release(holder)).expect("released");
        }
        std::fs::remove_dir_all(folder).expect("the folder goes");
    }
}

#[test]
fn a_blob_whose_bytes_changed_on_disk_is_not_given_out() {
    let folder = std::env::temp_dir().join(format!("kailash-blobs-{}-damage", std::process::id()));
    let store = FolderBlobStore::open(&folder).expect("a folder");
    let blob = block_on(store.put("run", vec![1, 2, 3].into(), "x/y")).expect("put");
    std::fs::write(folder.join("content").join(blob.hash.as_str()), [1, 2, 4]).expect("damaged");
    assert_eq!(block_on(store.get(&blob)).expect_err("noticed").kind(), kailash_core::ErrorKind::Internal);
    let elsewhere = BlobRef { hash: "../../../etc/passwd".into(), ..blob };
    assert_eq!(block_on(store.get(&elsewhere)).expect_err("refused").code(), "blob.missing");
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

#[test]
fn what_nobody_holds_any_more_is_freed_when_the_folder_is_opened_again() {
    let folder = std::env::temp_dir().join(format!("kailash-blobs-{}-swept", std::process::id()));
    let store = FolderBlobStore::open(&folder).expect("a folder");
    let put = |holder: &str, content: &'static [u8]| {
        block_on(store.put(holder, bytes::Bytes::from_static(content), "x/y")).expect("put")
    };
    let (kept, lost) = (put("lives", b"of both"), put("gone", b"of one"));
    put("gone", b"of both");
    let content = folder.join("content");
    let unfinished = content.join(lost.hash.as_str()).with_extension("new");
    std::fs::write(&unfinished, "half").expect("written");

    let store = FolderBlobStore::open(&folder).expect("the same folder");
    assert_eq!(store.keep_only(["lives", "never began"]).expect("swept"), 1);
    assert_eq!(block_on(store.get(&kept)).expect("it lives"), "of both");
    assert_eq!(block_on(store.get(&lost)).expect_err("it is gone").code(), "blob.missing");
    assert!(!unfinished.exists());
    assert_eq!(store.keep_only([]).expect("swept"), 1, "also the last one");
    assert_eq!(std::fs::read_dir(content).expect("a folder").count(), 0);
    std::fs::remove_dir_all(folder).expect("the folder goes");
}

fn bench() -> lease::Bench {
    let clock = Arc::new(ManualClock::default());
    lease::Bench {
        lease: Arc::new(MemoryLease::new(clock.clone())),
        pass: Arc::new(move |time| {
            clock.advance(time);
            Box::pin(std::future::ready(()))
        }),
        ttl: std::time::Duration::from_secs(10),
    }
}

#[test]
fn leases_in_one_process_keep_the_rules() {
    for (name, check) in lease::CHECKS {
        println!("{name}");
        block_on(check(bench()));
    }
}

#[test]
fn the_clocks_keep_the_rules() {
    block_on(clock::conformance(async || Arc::new(SystemClock::default())));
    block_on(clock::conformance(async || Arc::new(ManualClock::default())));
}

#[test]
fn a_suite_runs_as_a_whole() {
    block_on(run_log::conformance(async || Arc::new(MemoryRunLog::default())));
    block_on(blob_store::conformance(async || Arc::new(MemoryBlobStore::default())));
    block_on(lease::conformance(async || bench()));
}

/// A blob store that gives back another content than was put.
#[derive(Default)]
struct Forgetful(MemoryBlobStore);

#[async_trait::async_trait]
impl BlobStore for Forgetful {
    async fn put(&self, holder: &str, content: bytes::Bytes, media: &str) -> kailash_core::Result<BlobRef> {
        self.0.put(holder, content, media).await
    }

    async fn get(&self, blob: &BlobRef) -> kailash_core::Result<bytes::Bytes> {
        self.0.get(blob).await.map(|mut content| content.split_to(content.len() / 2))
    }

    async fn release(&self, holder: &str) -> kailash_core::Result<()> {
        self.0.release(holder).await
    }
}

#[test]
#[should_panic(expected = "256 bytes come back as they were")]
fn a_suite_tells_which_rule_is_broken() {
    block_on(blob_store::conformance(async || Arc::new(Forgetful::default())));
}

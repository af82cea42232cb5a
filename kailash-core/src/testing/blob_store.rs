//! What every [`BlobStore`] must do.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Check,
    together::{checks, together},
};
use crate::{
    ErrorKind,
    exec::{BlobRef, BlobStore},
};

type Subject = Arc<dyn BlobStore>;

/// Every check; each wants an empty blob store.
pub const CHECKS: &[Check<Subject>] = checks![
    Subject:
    content_comes_back_byte_for_byte,
    a_blob_is_named_by_its_content,
    an_unknown_blob_is_missing,
    the_same_content_is_kept_for_each_holder,
    releasing_ends_only_the_holders_own_retention,
    a_holder_that_puts_twice_releases_once,
    releasing_an_unknown_holder_is_no_error,
    a_released_blob_may_come_back,
    concurrent_puts_of_the_same_content_agree,
];

/// Runs every check, each on a blob store of its own.
///
/// # Panics
/// If a rule is broken.
pub async fn conformance<T: BlobStore + 'static>(make: impl AsyncFn() -> Arc<T>) {
    for (_, check) in CHECKS {
        check(make().await).await;
    }
}

const MEDIA: &str = "application/octet-stream";

async fn put(store: &Subject, holder: &str, content: &'static [u8]) -> BlobRef {
    store.put(holder, Bytes::from_static(content), MEDIA).await.expect("putting succeeds")
}

async fn assert_missing(store: &Subject, blob: &BlobRef, why: &str) {
    let error = store.get(blob).await.expect_err(why);
    assert_eq!((error.kind(), error.code()), (ErrorKind::Missing, "blob.missing"), "{why}: {error}");
}

async fn assert_there(store: &Subject, blob: &BlobRef, content: &'static [u8], why: &str) {
    let got = store.get(blob).await.unwrap_or_else(|error| panic!("{why}: {error}"));
    assert!(got == content, "{why}: the content is another");
}

async fn content_comes_back_byte_for_byte(store: Subject) {
    let contents =
        [Bytes::new(), Bytes::from((0..=255_u8).collect::<Vec<_>>()), Bytes::from(vec![7; 300 << 10])];
    for content in contents {
        let blob = store.put("run", content.clone(), MEDIA).await.expect("putting succeeds");
        let got = store.get(&blob).await.expect("what was put is there");
        assert!(got == content, "{} bytes come back as they were", content.len());
    }
}

async fn a_blob_is_named_by_its_content(store: Subject) {
    let blob = put(&store, "run", b"content").await;
    assert_eq!(
        blob,
        BlobRef::of(b"content", MEDIA),
        "the name is hash, length and media type of the content"
    );
    let other = put(&store, "run", b"Content").await;
    assert_ne!(blob.hash, other.hash, "other content has another name");
    let made_elsewhere = BlobRef::of(b"content", MEDIA);
    assert_there(&store, &made_elsewhere, b"content", "a name made elsewhere finds the content").await;
}

async fn an_unknown_blob_is_missing(store: Subject) {
    assert_missing(&store, &BlobRef::of(b"never put", MEDIA), "a blob never put is missing").await;
}

async fn the_same_content_is_kept_for_each_holder(store: Subject) {
    let (first, second) = (put(&store, "one", b"shared").await, put(&store, "two", b"shared").await);
    assert_eq!(first, second, "the same content has one name");
    store.release("one").await.expect("releasing succeeds");
    assert_there(&store, &second, b"shared", "a blob stays while anybody holds it").await;
    store.release("two").await.expect("releasing succeeds");
    assert_missing(&store, &second, "a blob goes with its last holder").await;
}

async fn releasing_ends_only_the_holders_own_retention(store: Subject) {
    let (mine, yours) = (put(&store, "run-1", b"mine").await, put(&store, "run-10", b"yours").await);
    store.release("run-1").await.expect("releasing succeeds");
    assert_missing(&store, &mine, "a released blob is missing").await;
    assert_there(&store, &yours, b"yours", "a holder with a longer name is another holder").await;
}

async fn a_holder_that_puts_twice_releases_once(store: Subject) {
    let blob = put(&store, "run", b"twice").await;
    put(&store, "run", b"twice").await;
    store.release("run").await.expect("releasing succeeds");
    assert_missing(&store, &blob, "one release ends all of a holder's retention").await;
}

async fn releasing_an_unknown_holder_is_no_error(store: Subject) {
    store.release("nobody").await.expect("releasing an unknown holder is no error");
    put(&store, "run", b"x").await;
    store.release("run").await.expect("releasing succeeds");
    store.release("run").await.expect("releasing again is no error");
}

async fn a_released_blob_may_come_back(store: Subject) {
    put(&store, "run", b"again").await;
    store.release("run").await.expect("releasing succeeds");
    let blob = put(&store, "next", b"again").await;
    assert_there(&store, &blob, b"again", "content put again is there again").await;
}

async fn concurrent_puts_of_the_same_content_agree(store: Subject) {
    let holders: Vec<String> = (0..8).map(|n| format!("run-{n}")).collect();
    let puts = holders.iter().map(|holder| put(&store, holder, b"content"));
    let blobs = together(puts).await;
    assert!(blobs.windows(2).all(|pair| pair[0] == pair[1]), "all are given the same name");
    for holder in &holders {
        assert_there(&store, &blobs[0], b"content", "it stays until the last holder releases it").await;
        store.release(holder).await.expect("releasing succeeds");
    }
    assert_missing(&store, &blobs[0], "no holder was counted twice").await;
}

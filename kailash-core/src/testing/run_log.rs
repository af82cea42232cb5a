//! What every [`RunLog`] must do.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Check,
    together::{checks, together},
};
use crate::{
    Error, ErrorKind, Retry, RunId,
    exec::{Entry, RunLog},
};

type Subject = Arc<dyn RunLog>;

/// Every check; each wants an empty run log.
pub const CHECKS: &[Check<Subject>] = checks![
    Subject:
    records_come_back_in_order_and_dense,
    an_unknown_run_is_empty,
    a_wrong_position_is_a_conflict_and_changes_nothing,
    of_concurrent_writers_exactly_one_wins,
    an_append_is_whole_or_not_at_all,
    reading_goes_by_pages,
    the_last_record_is_found_at_once,
    an_oversized_record_is_refused_and_changes_nothing,
    an_empty_append_only_checks_the_position,
    records_keep_every_byte,
    runs_are_apart_from_each_other,
    runs_are_listed_by_pages_in_order_of_their_ids,
    a_pruned_run_is_gone_and_may_begin_again,
];

/// Runs every check, each on a run log of its own.
///
/// # Panics
/// If a rule is broken.
pub async fn conformance<T: RunLog + 'static>(make: impl AsyncFn() -> Arc<T>) {
    for (_, check) in CHECKS {
        check(make().await).await;
    }
}

const RUN: RunId = RunId::from_u128(7);

fn bodies(texts: &[&'static str]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect()
}

async fn all(log: &Subject, run: RunId) -> Vec<Entry> {
    log.read(run, 0, usize::MAX).await.expect("reading succeeds")
}

async fn length(log: &Subject, run: RunId) -> usize {
    all(log, run).await.len()
}

fn assert_conflict(error: &Error) {
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Conflict, "run_log.position"),
        "a wrong position is a conflict: {error}"
    );
}

async fn records_come_back_in_order_and_dense(log: Subject) {
    log.append(RUN, 0, bodies(&["a", "b"])).await.expect("the first append succeeds");
    log.append(RUN, 2, bodies(&["c"])).await.expect("an append at the length succeeds");
    let entries = all(&log, RUN).await;
    let positions: Vec<u64> = entries.iter().map(|entry| entry.seq).collect();
    assert_eq!(positions, [0, 1, 2], "positions are dense from 0");
    let texts: Vec<_> = entries.into_iter().map(|entry| entry.body).collect();
    assert_eq!(texts, bodies(&["a", "b", "c"]), "records come back in the order of appending");
}

async fn the_last_record_is_found_at_once(log: Subject) {
    assert_eq!(log.last(RUN).await.expect("asking succeeds"), None, "an unknown run has no last record");
    for count in 1..4 {
        log.append(RUN, count - 1, bodies(&["x"])).await.expect("the append succeeds");
        let last = log.last(RUN).await.expect("asking succeeds").expect("there is one");
        assert_eq!(last.seq, count - 1, "the last record is the one appended last");
    }
}

async fn an_unknown_run_is_empty(log: Subject) {
    assert_eq!(all(&log, RUN).await, [], "an unknown run has no records, and reading it is no error");
    assert_eq!(log.runs(None, 10).await.expect("listing succeeds"), [], "reading does not make a run");
}

async fn a_wrong_position_is_a_conflict_and_changes_nothing(log: Subject) {
    log.append(RUN, 0, bodies(&["a"])).await.expect("the first append succeeds");
    for wrong in [0, 2, 100, u64::MAX] {
        let result = log.append(RUN, wrong, bodies(&["x"])).await;
        assert_conflict(&result.expect_err("a position other than the length is refused"));
    }
    assert_eq!(length(&log, RUN).await, 1, "a refused append leaves no record");
    let other = RunId::from_u128(8);
    assert_conflict(&log.append(other, 1, bodies(&["x"])).await.expect_err("a run begins at 0"));
}

async fn of_concurrent_writers_exactly_one_wins(log: Subject) {
    for round in 0..20_u64 {
        let writers = (0..8_u8).map(|writer| {
            let log = Arc::clone(&log);
            async move { log.append(RUN, round, vec![Bytes::from(vec![writer])]).await }
        });
        let results = together(writers).await;
        let winners: Vec<_> = (0_u8..).zip(&results).filter(|(_, result)| result.is_ok()).collect();
        assert_eq!(winners.len(), 1, "of 8 writers at one position exactly one wins");
        results.iter().filter_map(|result| result.as_ref().err()).for_each(assert_conflict);
        let last = all(&log, RUN).await.pop().expect("the winner's record is there");
        assert_eq!((last.seq, &last.body[..]), (round, &[winners[0].0][..]), "the record is the winner's");
    }
}

async fn an_append_is_whole_or_not_at_all(log: Subject) {
    let writers = (0..4_u8).map(|writer| {
        let log = Arc::clone(&log);
        async move { log.append(RUN, 0, vec![Bytes::from(vec![writer]); 50]).await }
    });
    together(writers).await;
    let entries = all(&log, RUN).await;
    assert_eq!(entries.len(), 50, "the winner's records are all there, the losers' not");
    assert!(entries.windows(2).all(|pair| pair[0].body == pair[1].body), "writers are not mixed");
}

async fn reading_goes_by_pages(log: Subject) {
    let records: Vec<Bytes> = (0..25_u8).map(|n| Bytes::from(vec![n])).collect();
    log.append(RUN, 0, records.clone()).await.expect("the append succeeds");
    let mut read = Vec::new();
    loop {
        let page = log.read(RUN, read.len() as u64, 10).await.expect("reading succeeds");
        assert!(page.len() <= 10, "a page has at most the limit");
        if page.is_empty() {
            break;
        }
        read.extend(page.into_iter().map(|entry| entry.body));
    }
    assert_eq!(read, records, "pages make up the whole");
    let none = log.read(RUN, 0, 0).await.expect("a limit of 0 is no error");
    assert_eq!(none, [], "a limit of 0 gives nothing");
    let beyond = log.read(RUN, 1000, 10).await.expect("reading beyond the end is no error");
    assert_eq!(beyond, [], "beyond the end there is nothing");
}

async fn an_oversized_record_is_refused_and_changes_nothing(log: Subject) {
    let largest = Bytes::from(vec![1_u8; 1 << 20]);
    log.append(RUN, 0, vec![largest]).await.expect("a record of exactly 1 MiB is kept");
    let over = Bytes::from(vec![1_u8; (1 << 20) + 1]);
    let result = log.append(RUN, 1, vec![Bytes::from_static(b"x"), over]).await;
    let error = result.expect_err("a record over 1 MiB is refused");
    assert_eq!(error.kind(), ErrorKind::Limit, "an oversized record meets a limit: {error}");
    assert_eq!(error.retry(), Retry::Never, "the same record is refused again, so nobody should retry");
    assert_eq!(length(&log, RUN).await, 1, "nothing of a refused append is kept");
}

async fn an_empty_append_only_checks_the_position(log: Subject) {
    log.append(RUN, 0, bodies(&["a"])).await.expect("the first append succeeds");
    log.append(RUN, 1, Vec::new()).await.expect("an append of nothing at the length succeeds");
    assert_conflict(&log.append(RUN, 5, Vec::new()).await.expect_err("its position is checked too"));
    assert_eq!(length(&log, RUN).await, 1, "an append of nothing adds nothing");
}

async fn records_keep_every_byte(log: Subject) {
    let records =
        vec![Bytes::new(), Bytes::from((0..=255_u8).collect::<Vec<_>>()), Bytes::from_static(b"\n\0\r\n")];
    log.append(RUN, 0, records.clone()).await.expect("the append succeeds");
    let read: Vec<_> = all(&log, RUN).await.into_iter().map(|entry| entry.body).collect();
    assert_eq!(read, records, "records are opaque bytes, empty ones included");
}

async fn runs_are_apart_from_each_other(log: Subject) {
    let other = RunId::from_u128(8);
    log.append(RUN, 0, bodies(&["a"])).await.expect("the append succeeds");
    log.append(other, 0, bodies(&["b", "c"])).await.expect("each run has positions of its own");
    assert_eq!((length(&log, RUN).await, length(&log, other).await), (1, 2), "runs do not mix");
}

async fn runs_are_listed_by_pages_in_order_of_their_ids(log: Subject) {
    let mut ids: Vec<RunId> = [9, 3, 1 << 100, 5, 4].map(RunId::from_u128).to_vec();
    for run in &ids {
        log.append(*run, 0, bodies(&["a"])).await.expect("the append succeeds");
    }
    ids.sort();
    let mut listed: Vec<RunId> = Vec::new();
    loop {
        let page = log.runs(listed.last().copied(), 2).await.expect("listing succeeds");
        assert!(page.len() <= 2, "a page has at most the limit");
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, ids, "every run is listed once, in order of the ids");
    let after = log.runs(Some(RunId::from_u128(6)), 1).await.expect("listing succeeds");
    assert_eq!(after, [RunId::from_u128(9)], "a listing goes on behind any id, known or not");
}

async fn a_pruned_run_is_gone_and_may_begin_again(log: Subject) {
    let other = RunId::from_u128(8);
    log.append(RUN, 0, bodies(&["a", "b"])).await.expect("the append succeeds");
    log.append(other, 0, bodies(&["c"])).await.expect("the append succeeds");
    log.prune(RUN).await.expect("pruning succeeds");
    assert_eq!(length(&log, RUN).await, 0, "a pruned run has no records");
    assert_eq!(log.runs(None, 10).await.expect("listing succeeds"), [other], "a pruned run is not listed");
    assert_eq!(length(&log, other).await, 1, "other runs are untouched");
    log.prune(RUN).await.expect("pruning an unknown run is no error");
    log.append(RUN, 0, bodies(&["d"])).await.expect("a pruned run begins again at 0");
    assert_eq!(all(&log, RUN).await[0].body, bodies(&["d"])[0], "nothing of its past comes back");
}

//! What a host knows of its runs at a glance, for lists, keys and timers. Pure, and all in memory: about 150 bytes a run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kailash_core::{Error, ErrorKind, Result, RunId, RunStatus, Text, exec::Timestamp};

/// A run at a glance.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The workflow's name.
    pub workflow: Text,
    /// The version of the workflow that was registered; 0 for a document that came with the request.
    pub version: u32,
    /// How it stands.
    pub status: RunStatus,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it goes on at the latest, if it is suspended.
    pub until: Option<Timestamp>,
    /// The key that it was submitted with.
    pub key: Option<SubmitKey>,
}

/// What makes a repeated request the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmitKey {
    /// The hash of workflow and key.
    pub scope: u128,
    /// The hash of what was asked for.
    pub payload: u128,
}

impl SubmitKey {
    /// The key `key` of requests to `workflow`, for a request whose content is `payload`.
    #[must_use]
    pub fn new(workflow: &str, key: &str, payload: &[u8]) -> Self {
        let mut scope = blake3::Hasher::new();
        scope
            .update(&(workflow.len() as u64).to_le_bytes())
            .update(workflow.as_bytes())
            .update(key.as_bytes());
        Self { scope: first_bits(scope.finalize()), payload: first_bits(blake3::hash(payload)) }
    }
}

fn first_bits(hash: blake3::Hash) -> u128 {
    hash.as_bytes().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes))
}

/// Which runs a list has.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those of this workflow.
    pub workflow: Option<String>,
    /// Only those that stand so.
    pub status: Option<RunStatus>,
    /// Only those that began before this one.
    pub before: Option<RunId>,
}

/// A suspended run that somebody lets go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// When it would have gone on by itself.
    pub(super) until: Option<Timestamp>,
}

/// The runs of a host.
#[derive(Default)]
pub(super) struct Table {
    heads: BTreeMap<RunId, Head>,
    keys: HashMap<u128, RunId>,
    timers: BTreeSet<(Timestamp, RunId)>,
    /// How many runs stand as each status, in the order of [`RunStatus`].
    counts: [usize; STATUSES],
}

const STATUSES: usize = RunStatus::Cancelled as usize + 1;

impl Table {
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(super) fn get(&self, run: RunId) -> Option<&Head> {
        self.heads.get(&run)
    }

    /// Adds a run.
    pub(super) fn insert(&mut self, run: RunId, head: Head) {
        if let Some(key) = head.key {
            self.keys.insert(key.scope, run);
        }
        self.timers.extend(head.until.map(|until| (until, run)));
        self.counts[head.status as usize] += 1;
        if let Some(before) = self.heads.insert(run, head) {
            self.counts[before.status as usize] -= 1;
        }
    }

    /// The run that was submitted with `key`.
    ///
    /// # Errors
    /// Kind `Conflict`, code `submit.key`, if it was asked for something else.
    pub(super) fn submitted(&self, key: SubmitKey) -> Result<Option<RunId>> {
        let Some(run) = self.keys.get(&key.scope) else { return Ok(None) };
        let same =
            self.heads.get(run).and_then(|head| head.key).is_some_and(|first| first.payload == key.payload);
        if same {
            return Ok(Some(*run));
        }
        let message = format!("this idempotency key was used for another request, that of run {run}");
        Err(Error::new(ErrorKind::Conflict, "submit.key", message)
            .with_hint("use a new key for a new request"))
    }

    /// Notes how a run stands; one that stands still may have a time at which it goes on.
    pub(super) fn set(
        &mut self,
        run: RunId,
        status: RunStatus,
        ended: Option<Timestamp>,
        until: Option<Timestamp>,
    ) {
        let Some(head) = self.heads.get_mut(&run) else { return };
        if let Some(before) = head.until.take() {
            self.timers.remove(&(before, run));
        }
        self.counts[head.status as usize] -= 1;
        self.counts[status as usize] += 1;
        (head.status, head.ended, head.until) = (status, ended, until);
        self.timers.extend(until.map(|until| (until, run)));
    }

    /// Notes when a run began, if that is known.
    pub(super) fn began(&mut self, run: RunId, began: Option<Timestamp>) {
        if let (Some(head), Some(began)) = (self.heads.get_mut(&run), began) {
            head.began = began;
        }
    }

    /// Takes a suspended run, to let it go on: nobody else gets it then.
    pub(super) fn claim(&mut self, run: RunId) -> Option<Claim> {
        let until = self.get(run).filter(|head| head.status == RunStatus::Suspended)?.until;
        self.set(run, RunStatus::Pending, None, None);
        Some(Claim { until })
    }

    /// Forgets a run.
    pub(super) fn remove(&mut self, run: RunId) {
        let Some(head) = self.heads.remove(&run) else { return };
        self.counts[head.status as usize] -= 1;
        if let Some(until) = head.until {
            self.timers.remove(&(until, run));
        }
        if let Some(key) = head.key
            && self.keys.get(&key.scope) == Some(&run)
        {
            self.keys.remove(&key.scope);
        }
    }

    /// The run that goes on next by itself, and when.
    pub(super) fn next_timer(&self) -> Option<(Timestamp, RunId)> {
        self.timers.first().copied()
    }

    /// The runs that `filter` names, the newest first, at most `limit`.
    pub(super) fn list(&self, filter: &Filter, limit: usize) -> Vec<(RunId, Head)> {
        let newest_first = match filter.before {
            Some(before) => self.heads.range(..before).rev(),
            None => self.heads.range(..).rev(),
        };
        let wanted = newest_first.filter(|(_, head)| {
            filter.workflow.as_ref().is_none_or(|name| *head.workflow == **name)
                && filter.status.is_none_or(|status| head.status == status)
        });
        wanted.take(limit).map(|(run, head)| (*run, head.clone())).collect()
    }

    /// The runs that have ended, the oldest first.
    pub(super) fn ended(&self) -> impl Iterator<Item = (RunId, Timestamp)> {
        self.heads.iter().filter_map(|(run, head)| Some((*run, head.ended?)))
    }

    /// How many runs stand as each status.
    pub(super) fn count(&self, status: RunStatus) -> usize {
        self.counts[status as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis)
    }

    fn head(status: RunStatus) -> Head {
        let key = Some(SubmitKey::new("flow", "k", b"1"));
        Head { workflow: "flow".into(), version: 1, status, began: at(0), ended: None, until: None, key }
    }

    const A: RunId = RunId::from_u128(1);
    const B: RunId = RunId::from_u128(2);

    #[test]
    fn a_key_names_its_run_and_conflicts_with_another_payload() {
        let mut table = Table::default();
        let key = |payload: &[u8]| SubmitKey::new("flow", "k", payload);
        assert_eq!(table.submitted(key(b"1")).unwrap(), None);
        table.insert(A, head(RunStatus::Running));
        assert_eq!(table.submitted(key(b"1")).unwrap(), Some(A));
        let refused = table.submitted(key(b"2")).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "submit.key"));
        assert_eq!(table.submitted(SubmitKey::new("other", "k", b"2")).unwrap(), None);
        table.remove(A);
        assert_eq!(table.submitted(key(b"1")).unwrap(), None, "a run that is forgotten frees its key");
    }

    #[test]
    fn a_suspended_run_is_claimed_once_and_its_timer_goes() {
        let mut table = Table::default();
        table.insert(A, head(RunStatus::Running));
        assert!(table.claim(A).is_none(), "it runs");
        table.set(A, RunStatus::Suspended, None, Some(at(7)));
        assert_eq!(table.next_timer(), Some((at(7), A)));
        assert_eq!(table.claim(A).and_then(|claim| claim.until), Some(at(7)));
        assert!(table.claim(A).is_none());
        assert_eq!(table.next_timer(), None);
    }

    #[test]
    fn runs_are_counted_by_status() {
        let mut table = Table::default();
        table.insert(A, head(RunStatus::Running));
        table.insert(B, Head { key: None, ..head(RunStatus::Running) });
        table.set(A, RunStatus::Completed, Some(at(1)), None);
        let counts =
            |table: &Table| [RunStatus::Running, RunStatus::Completed].map(|status| table.count(status));
        assert_eq!(counts(&table), [1, 1]);
        table.insert(A, head(RunStatus::Running));
        table.remove(B);
        assert_eq!(counts(&table), [1, 0]);
    }

    #[test]
    fn a_list_has_the_newest_first_and_only_what_is_asked_for() {
        let mut table = Table::default();
        table.insert(A, head(RunStatus::Completed));
        table.insert(B, Head { workflow: "other".into(), key: None, ..head(RunStatus::Failed) });
        let runs =
            |filter: Filter| table.list(&filter, 10).into_iter().map(|(run, _)| run).collect::<Vec<_>>();
        assert_eq!(runs(Filter::default()), [B, A]);
        assert_eq!(runs(Filter { before: Some(B), ..Filter::default() }), [A]);
        assert_eq!(runs(Filter { workflow: Some("other".into()), ..Filter::default() }), [B]);
        assert_eq!(runs(Filter { status: Some(RunStatus::Completed), ..Filter::default() }), [A]);
        assert_eq!(table.list(&Filter::default(), 1).len(), 1);
    }
}

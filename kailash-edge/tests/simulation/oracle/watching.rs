//! Whoever watches is told of every change, once, in order, and the same as everybody else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use kailash_edge::coordinate::{Coordinator, state::Change};

use super::Violation;
use crate::host::{Asked, Host};

/// What a watcher is told.
enum Told {
    Change(Box<Change>),
    /// Changes were forgotten: it goes on from here.
    GoesOn(u64),
}

type Inbox = Arc<Mutex<Vec<Told>>>;

/// Someone who watches on a host, over all of its processes.
struct Watcher {
    inbox: Inbox,
    /// Keeps the present one at work.
    _at_work: Option<Asked<()>>,
    /// From this index on it was told of everything, up to `next`.
    from: u64,
    next: u64,
    count: usize,
}

/// All that watchers were told.
#[derive(Default)]
pub(crate) struct Watching {
    watchers: BTreeMap<usize, Watcher>,
    /// What changed at an index, and when somebody was told first.
    pub(crate) changes: BTreeMap<u64, (u64, Vec<Change>)>,
    /// Spans of which a watcher was told everything, with how many changes that were.
    spans: Vec<(usize, u64, u64, usize)>,
}

impl Watching {
    /// Goes on watching on a host whose process has begun.
    pub(crate) fn restarted(&mut self, host: &Host) {
        let inbox = Inbox::default();
        let before = self.watchers.remove(&host.number);
        let (from, next, count) = before.map_or((0, 0, 0), |before| (before.from, before.next, before.count));
        let at_work = host.ask({
            let inbox = Arc::clone(&inbox);
            move |coordinator| watch(coordinator, next, inbox)
        });
        self.watchers.insert(host.number, Watcher { inbox, _at_work: at_work, from, next, count });
    }

    /// Takes in what watchers were told. How many changes that were.
    pub(crate) fn look(&mut self, now: u64) -> Result<u64, Violation> {
        let mut all = 0;
        for (host, watcher) in &mut self.watchers {
            let told = std::mem::take(&mut *watcher.inbox.lock().unwrap_or_else(PoisonError::into_inner));
            let mut groups: Vec<(u64, Vec<Change>)> = Vec::new();
            for told in told {
                match told {
                    Told::GoesOn(index) => {
                        self.spans.push((*host, watcher.from, watcher.next, watcher.count));
                        (watcher.from, watcher.next, watcher.count) = (index, index, 0);
                    }
                    Told::Change(change) => match groups.last_mut() {
                        Some((index, group)) if *index == change.index => group.push(*change),
                        _ => groups.push((change.index, vec![*change])),
                    },
                }
            }
            for (index, group) in groups {
                if index < watcher.next {
                    let next = watcher.next;
                    return Err(format!("a watcher on host {host} was told of {index} after {next}"));
                }
                watcher.next = index + 1;
                watcher.count += group.len();
                all += group.len() as u64;
                let (_, known) = self.changes.entry(index).or_insert_with(|| (now, group.clone()));
                if *known != group {
                    return Err(format!("host {host} tells {group:?} at {index}, another host {known:?}"));
                }
            }
        }
        Ok(all)
    }

    /// Whether every watcher was told of everything in the spans that it watched.
    pub(crate) fn finish(&self) -> Result<(), Violation> {
        let now = self.watchers.iter().map(|(host, now)| (*host, now.from, now.next, now.count));
        for (host, from, next, count) in self.spans.iter().copied().chain(now) {
            let there: usize =
                self.changes.range(from..next.max(from)).map(|(_, (_, group))| group.len()).sum();
            if there != count {
                return Err(format!(
                    "a watcher on host {host} was told of {count} changes from {from} to {next}, not {there}"
                ));
            }
        }
        Ok(())
    }

    /// Every change before this index is known.
    pub(crate) fn complete_to(&self) -> u64 {
        let now = self.watchers.values().map(|now| (now.from, now.next));
        let mut spans: Vec<_> =
            self.spans.iter().map(|(_, from, next, _)| (*from, *next)).chain(now).collect();
        spans.sort_unstable();
        spans.into_iter().fold(0, |known, (from, next)| if from <= known { known.max(next) } else { known })
    }
}

async fn watch(coordinator: Coordinator, from: u64, inbox: Inbox) {
    let mut watch = coordinator.watch(from);
    let tell = |told| inbox.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    loop {
        match watch.next().await {
            Ok(change) => tell(Told::Change(Box::new(change))),
            Err(error) if error.code() == "watch.forgotten" => {
                let Ok((index, _)) = coordinator.digest() else { return };
                tell(Told::GoesOn(index));
                watch = coordinator.watch(index);
            }
            Err(_) => return,
        }
    }
}

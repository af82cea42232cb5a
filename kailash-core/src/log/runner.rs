//! Writing without a thread: whoever simulates a disk says when it is done.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::writer::{ROOM, Writer};

/// A share of a log's writing.
pub type Work = Box<dyn FnOnce() + Send>;

/// Does the writing of logs in place of threads: is handed a share of work and how long to wait at least before it is
/// done, once. It may be done at once if that is no time at all; while it waits, more gathers that is written with it.
pub type Runner = Arc<dyn Fn(Duration, Work) + Send + Sync>;

/// A writer whose work is handed to a runner.
pub(super) struct Handed {
    writer: Mutex<Writer>,
    runner: Runner,
    /// Whether the runner has work that it did not begin.
    waits: AtomicBool,
}

impl Handed {
    pub(super) fn new(writer: Writer, runner: Runner) -> Arc<Self> {
        Arc::new(Self { writer: Mutex::new(writer), runner, waits: AtomicBool::new(false) })
    }

    /// Lets what waits be written.
    pub(super) fn wake(self: &Arc<Self>) {
        self.hand_over(Duration::ZERO);
    }

    fn hand_over(self: &Arc<Self>, after: Duration) {
        if !self.waits.swap(true, Ordering::SeqCst) {
            let handed = Arc::clone(self);
            (self.runner)(after, Box::new(move || handed.work()));
        }
    }

    fn work(self: &Arc<Self>) {
        self.waits.store(false, Ordering::SeqCst);
        let is_full = self.writer.lock().unwrap_or_else(PoisonError::into_inner).work_off();
        if is_full {
            self.hand_over(ROOM);
        }
    }

    /// Writes what waits, whatever the runner does.
    pub(super) fn finish(&self) {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).finish();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use pollster::block_on;

    use super::*;
    use crate::{
        Result,
        log::{LogSettings, SegmentLog},
        testing::SimulatedDisk,
    };

    const SMALL: LogSettings = LogSettings { segment_bytes: 300, wait_for_room: false };

    fn body(n: u8) -> Bytes {
        vec![n; 50].into()
    }

    /// Work that a runner was handed, with the time to wait before it.
    type Held = Arc<Mutex<VecDeque<(Duration, Work)>>>;

    /// A log whose work is held back until `step` is called, and a disk.
    fn held_back(settings: LogSettings) -> (SimulatedDisk, SegmentLog, Held) {
        let (disk, held) = (SimulatedDisk::default(), Held::default());
        let runner: Runner = Arc::new({
            let held = held.clone();
            move |after, work| held.lock().unwrap().push_back((after, work))
        });
        disk.set_runner(Some(runner));
        let log = SegmentLog::open(disk.clone(), settings).unwrap();
        (disk, log, held)
    }

    /// Does what was held back; how long it had to wait.
    fn step(held: &Held) -> Duration {
        let (after, work) = held.lock().unwrap().pop_front().expect("work was handed over");
        work();
        after
    }

    #[test]
    fn without_a_thread_a_log_is_written_when_its_runner_says_so() {
        let (disk, log, held) = held_back(SMALL);
        let waiting: Vec<_> = (0..3).map(|n| log.append(vec![body(n)]).unwrap()).collect();
        let cut = log.truncate(2).unwrap();
        assert_eq!(
            (log.next(), held.lock().unwrap().len(), disk.syncs()),
            (0, 1, 0),
            "nothing is done before"
        );
        assert!(step(&held).is_zero());
        assert_eq!(waiting.into_iter().map(block_on).collect::<Result<Vec<_>>>().unwrap(), [0, 1, 2]);
        assert_eq!(
            (block_on(cut).unwrap(), log.next(), disk.syncs()),
            (2, 2, 2),
            "one for all, one for the cut"
        );
        drop(log.append(vec![body(2)]).unwrap());
        drop(log);
        assert_eq!(
            SegmentLog::open(disk.after_power_loss(0), SMALL).unwrap().next(),
            3,
            "what waits is written at the end"
        );
    }

    #[test]
    fn without_a_thread_a_full_disk_is_tried_again_after_a_while() {
        let (disk, log, held) = held_back(LogSettings { wait_for_room: true, ..SMALL });
        disk.set_capacity(Some(60));
        let first = log.append(vec![body(0)]).unwrap();
        step(&held);
        assert!(log.waits_for_room());
        let second = log.append(vec![body(1)]).unwrap();
        assert!(!step(&held).is_zero(), "not at once");
        assert!(log.waits_for_room() && held.lock().unwrap().len() == 1);
        disk.set_capacity(None);
        step(&held);
        assert_eq!((block_on(first).unwrap(), block_on(second).unwrap()), (0, 1));
        assert!(!log.waits_for_room() && held.lock().unwrap().is_empty());
        disk.set_capacity(Some(0));
        let refused = log.append(vec![body(2)]).unwrap();
        drop(log);
        assert_eq!(block_on(refused).unwrap_err().code(), "log.full", "nobody waits at the end");
    }
}

//! Group commit for stores that have none: one thread commits all that waits.

use std::sync::{
    Mutex,
    mpsc::{Sender, channel},
};

use bytes::Bytes;

type Record = (u128, u64, Bytes);

/// A store behind a thread of its own.
pub(crate) struct Grouped(Mutex<Sender<(Record, Sender<()>)>>);

impl Grouped {
    /// `commit` makes a batch durable.
    pub(crate) fn new(mut commit: impl FnMut(&[Record]) + Send + 'static) -> Self {
        let (sender, receiver) = channel::<(Record, Sender<()>)>();
        std::thread::spawn(move || {
            while let Ok(first) = receiver.recv() {
                let (records, answers): (Vec<_>, Vec<_>) =
                    std::iter::once(first).chain(receiver.try_iter().take(1000)).unzip();
                commit(&records);
                for answer in answers {
                    answer.send(()).expect("whoever waits is still there: it waits for this");
                }
            }
        });
        Self(Mutex::new(sender))
    }

    /// Returns when the record is durable.
    pub(crate) fn append(&self, run: u128, seq: u64, body: Bytes) {
        let (sender, receiver) = channel();
        let queue = self.0.lock().expect("no writer panics").clone();
        queue.send(((run, seq, body), sender)).expect("the thread lives");
        receiver.recv().expect("an answer");
    }
}

//! Ctrl-C and SIGTERM: the first cancels the run, the second ends the process.
//!
//! A thread of its own listens, because the run's thread may be busy with a node that computes.

use std::{
    io, process,
    sync::{
        Arc, OnceLock,
        mpsc::{Sender, channel},
    },
    thread,
};

use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

type Cancel = Box<dyn Fn() + Send + Sync>;

/// The listening thread's other end.
pub(super) struct Signals {
    cancel: Arc<OnceLock<Cancel>>,
}

impl Signals {
    /// Says how the run is cancelled.
    pub(super) fn cancel_with(&self, cancel: impl Fn() + Send + Sync + 'static) {
        // Called once for each process; a second way to cancel would not be needed.
        drop(self.cancel.set(Box::new(cancel)));
    }
}

/// Begins to listen. A signal before the run can be cancelled ends the process.
pub(super) fn install() -> io::Result<Signals> {
    let cancel = Arc::new(OnceLock::new());
    let (ready, installed) = channel();
    let shared = Arc::clone(&cancel);
    thread::Builder::new().name("kailash-signals".into()).spawn(move || listen(&shared, &ready))?;
    match installed.recv() {
        Ok(done) => done.map(|()| Signals { cancel }),
        Err(_) => Err(io::Error::other("the thread that listens for signals ended")),
    }
}

fn listen(cancel: &OnceLock<Cancel>, ready: &Sender<io::Result<()>>) {
    let made = Builder::new_current_thread().enable_io().build().and_then(|executor| {
        let _inside = executor.enter();
        let streams = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok((streams, executor))
    });
    let ((mut interrupt, mut terminate), executor) = match made {
        Ok(made) => made,
        Err(error) => return drop(ready.send(Err(error))),
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    let mut heard = || executor.block_on(either(&mut interrupt, &mut terminate));
    heard();
    match cancel.get() {
        Some(cancel) => cancel(),
        None => process::exit(1),
    }
    heard();
    process::exit(1);
}

async fn either(a: &mut Signal, b: &mut Signal) {
    tokio::select! {
        _ = a.recv() => {}
        _ = b.recv() => {}
    }
}

//! The disk of a host as its process sees it: slow, full, failing, or without power from some operation on.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use kailash_core::{
    log::{Disk, DiskFile, Runner},
    testing::SimulatedDisk,
};

/// What a disk does that says it has synced a file and has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lies {
    #[default]
    Never,
    /// About files whose names end so.
    Ending(&'static str),
    /// About files whose names begin so.
    Beginning(&'static str),
}

impl Lies {
    fn about(self, name: &str) -> bool {
        match self {
            Self::Never => false,
            Self::Ending(end) => name.ends_with(end),
            Self::Beginning(begin) => name.starts_with(begin),
        }
    }
}

/// A disk as one process uses it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Used(Arc<State>);

struct State {
    platter: SimulatedDisk,
    lies: Lies,
    /// Whether nothing reaches the platter any more.
    gone: AtomicBool,
    /// How long a write takes, in ms.
    delay: AtomicU64,
    /// How many operations are left until the power goes off, and what is drawn then.
    until: AtomicU64,
    seed: u64,
    left: Mutex<Option<SimulatedDisk>>,
}

impl Used {
    pub(crate) fn new(platter: SimulatedDisk, lies: Lies, seed: u64) -> Self {
        let (gone, left) = (AtomicBool::new(false), Mutex::default());
        let (delay, until) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Self(Arc::new(State { platter, lies, gone, delay, until, seed, left }))
    }

    /// Lets writing the log take as long.
    pub(crate) fn set_delay(&self, millis: u64) {
        self.0.delay.store(millis, Ordering::SeqCst);
    }

    /// Lets the power go off at the operation after as many.
    pub(crate) fn power_off_after(&self, operations: u64) {
        self.0.until.store(operations, Ordering::SeqCst);
    }

    /// Whether the power went off while something was written.
    pub(crate) fn is_off(&self) -> bool {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What is left after the power went off, once it did.
    pub(crate) fn after_power_off(&self) -> Option<SimulatedDisk> {
        self.0.left.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The process is gone: what it still does reaches nothing.
    pub(crate) fn detach(&self) {
        self.0.gone.store(true, Ordering::SeqCst);
    }

    /// Before an operation that changes something.
    fn touch(&self) -> io::Result<()> {
        let state = &*self.0;
        if !state.gone.load(Ordering::SeqCst) {
            match state.until.load(Ordering::SeqCst) {
                0 => {
                    let left = state.platter.after_power_loss(state.seed);
                    *state.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(left);
                    self.detach();
                }
                u64::MAX => return Ok(()),
                left => {
                    state.until.store(left - 1, Ordering::SeqCst);
                    return Ok(());
                }
            }
        }
        Err(io::Error::other("the power is off"))
    }
}

impl Disk for Used {
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.platter.list()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        self.touch()?;
        let file = self.0.platter.create(name)?;
        Ok(Box::new(UsedFile { disk: self.clone(), lies: self.0.lies.about(name), file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = self.0.platter.open(name)?;
        Ok(Box::new(UsedFile { disk: self.clone(), lies: self.0.lies.about(name), file }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.touch()?;
        self.0.platter.remove(name)
    }

    fn runner(&self) -> Option<Runner> {
        let state = Arc::clone(&self.0);
        Some(Arc::new(move |after, work| {
            let delay = after + Duration::from_millis(state.delay.load(Ordering::SeqCst));
            tokio::spawn(async move {
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                work();
            });
        }))
    }
}

struct UsedFile {
    disk: Used,
    lies: bool,
    file: Box<dyn DiskFile>,
}

impl DiskFile for UsedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.touch()?;
        self.file.append(bytes)
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        self.file.read(offset, length)
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        self.disk.touch()?;
        self.file.cut(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.touch()?;
        if self.lies { Ok(()) } else { self.file.sync() }
    }
}

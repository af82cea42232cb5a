//! A simulated disk for fault tests: it can lose its power, be full and fail. Nothing is written anywhere.
//!
//! What a power loss leaves of bytes that were never synced is up to a seed, sector by sector, as on a real disk: some
//! arrive, some are lost, some hold zeros.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::log::{Disk, DiskFile, Runner};

const SECTOR: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimulatedDisk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<Content>>>,
    /// The most bytes that all files may have together.
    capacity: Option<usize>,
    sync_fails: bool,
    syncs: u64,
    runner: Option<Runner>,
}

#[derive(Clone, Default)]
struct Content {
    bytes: Vec<u8>,
    /// What survives for certain; none if not even the name does.
    synced: Option<Vec<u8>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimulatedDisk {
    /// What is found after the power went off now: synced bytes, and of the others whatever `seed` says. The disk
    /// itself is left as it is.
    #[must_use]
    pub fn after_power_loss(&self, seed: u64) -> Self {
        let mut random = Random(seed);
        let state = lock(&self.0);
        let files = state.files.iter().filter_map(|(name, content)| {
            let survived = lock(content).survive(&mut random)?;
            let content = Content { bytes: survived.clone(), synced: Some(survived) };
            Some((name.clone(), Arc::new(Mutex::new(content))))
        });
        Self(Arc::new(Mutex::new(State { files: files.collect(), ..State::default() })))
    }

    /// Lets the files have `capacity` bytes at most from now on; none for no limit.
    pub fn set_capacity(&self, capacity: Option<usize>) {
        lock(&self.0).capacity = capacity;
    }

    /// Makes every sync from now on fail, or work again.
    pub fn set_sync_fails(&self, fails: bool) {
        lock(&self.0).sync_fails = fails;
    }

    /// Lets `runner` do the writing of logs that are opened on this disk from now on, in place of their threads.
    pub fn set_runner(&self, runner: Option<Runner>) {
        lock(&self.0).runner = runner;
    }

    /// How many syncs succeeded.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        lock(&self.0).syncs
    }

    /// Lets `change` do to a file's bytes what a failing disk might.
    ///
    /// # Errors
    /// There is no such file.
    pub fn damage(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let content = self.content(name)?;
        let mut content = lock(&content);
        change(&mut content.bytes);
        content.synced = Some(content.bytes.clone());
        Ok(())
    }

    fn content(&self, name: &str) -> io::Result<Arc<Mutex<Content>>> {
        lock(&self.0).files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Content {
    fn survive(&self, random: &mut Random) -> Option<Vec<u8>> {
        let Some(synced) = &self.synced else {
            return random.one_in(2).then(|| self.bytes[..random.below(self.bytes.len() + 1)].to_vec());
        };
        let shared = synced.len().min(self.bytes.len());
        if self.bytes.len() < synced.len() {
            // A cut that was not synced.
            return Some(if random.one_in(2) { synced.clone() } else { synced[..shared].to_vec() });
        }
        let length = shared + random.below(self.bytes.len() - shared + 1);
        let mut survived = synced.clone();
        survived.resize(length, 0);
        for at in shared..length {
            if at == shared || at % SECTOR == 0 {
                let end = ((at / SECTOR + 1) * SECTOR).min(length);
                if random.one_in(2) {
                    survived[at..end].copy_from_slice(&self.bytes[at..end]);
                }
            }
        }
        Some(survived)
    }
}

impl Disk for SimulatedDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).files.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let content = Arc::<Mutex<Content>>::default();
        match lock(&self.0).files.entry(name.to_owned()) {
            Entry::Occupied(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            Entry::Vacant(place) => drop(place.insert(Arc::clone(&content))),
        }
        Ok(Box::new(SimulatedFile { disk: self.clone(), content }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(SimulatedFile { disk: self.clone(), content: self.content(name)? }))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).files.remove(name);
        Ok(())
    }

    fn runner(&self) -> Option<Runner> {
        lock(&self.0).runner.clone()
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    content: Arc<Mutex<Content>>,
}

impl DiskFile for SimulatedFile {
    fn size(&self) -> io::Result<u64> {
        Ok(lock(&self.content).bytes.len() as u64)
    }

    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let room = {
            let state = lock(&self.disk.0);
            let used: usize = state.files.values().map(|content| lock(content).bytes.len()).sum();
            state.capacity.map_or(usize::MAX, |capacity| capacity.saturating_sub(used))
        };
        let fits = bytes.len().min(room);
        lock(&self.content).bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let content = lock(&self.content);
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = content.bytes.get(start..start + length);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn cut(&self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        lock(&self.content).bytes.truncate(size);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = lock(&self.disk.0);
        if state.sync_fails {
            return Err(io::Error::other("input/output error"));
        }
        state.syncs += 1;
        let mut content = lock(&self.content);
        content.synced = Some(content.bytes.clone());
        Ok(())
    }
}

/// SplitMix64 (G. Steele, D. Lea, C. Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).unwrap_or(0)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

//! What the owner of a pool chooses.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of a [`PythonPool`](super::PythonPool).
#[derive(Debug, Clone)]
pub struct PythonSettings {
    /// The interpreter to run; `None` takes `python3` from the `PATH`.
    pub interpreter: Option<PathBuf>,
    /// The most worker processes at one time; 0 counts as 1. Default: the available cores, at least 2.
    pub max_workers: usize,
    /// Bytes of address space (`RLIMIT_AS`) of one worker. Default: 512 MiB. An interpreter needs some
    /// 50 MiB of it for itself, numpy some 100 MiB more.
    pub memory: u64,
    /// The most bytes of JSON one reply may have. Default: 64 MiB.
    pub max_reply: usize,
    /// The most bytes that are kept of what user code prints in one call. Default: 64 KiB.
    pub max_captured_output: usize,
    /// How long a worker may wait for work before it ends. Default: 60 s.
    pub idle_timeout: Duration,
    /// After how many calls a worker is replaced; 0 counts as 1. Default: 10 000.
    pub calls_per_worker: u32,
    /// The time one call may take when the call itself names none. Default: 30 s.
    pub default_timeout: Duration,
}

impl Default for PythonSettings {
    fn default() -> Self {
        Self {
            interpreter: None,
            max_workers: std::thread::available_parallelism().map_or(2, NonZero::get).max(2),
            memory: 512 << 20,
            max_reply: 64 << 20,
            max_captured_output: 64 << 10,
            idle_timeout: Duration::from_secs(60),
            calls_per_worker: 10_000,
            default_timeout: Duration::from_secs(30),
        }
    }
}

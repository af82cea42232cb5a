//! A process that the bench has started, and what the kernel counts of it. It is killed when it is dropped.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Done;

/// How long a tick of the kernel's counters is: `USER_HZ` is 100 on Linux.
const TICK: Duration = Duration::from_millis(10);

pub(crate) struct Process {
    child: Child,
    /// Whether it was killed and waited for.
    gone: bool,
}

/// The memory of a process, in MB.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// What is resident.
    pub(crate) resident: f64,
    /// What of that is its own: not pages of its program or other files.
    pub(crate) own: f64,
    /// The most that was ever resident.
    pub(crate) most: f64,
}

impl Process {
    /// Starts `command`, whose words go into `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Done<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
        Ok(Self { child, gone: false })
    }

    /// Sends it SIGKILL, without waiting.
    pub(crate) fn kill(&mut self) -> Done {
        Ok(self.child.kill()?)
    }

    /// Waits until it is gone.
    pub(crate) fn wait(&mut self) -> Done {
        self.child.wait()?;
        self.gone = true;
        Ok(())
    }

    /// The time that it has had on processors, its own and the kernel's for it.
    pub(crate) fn cpu(&self) -> Done<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // Fields 14 and 15 of proc(5); the name, which may hold blanks, is field 2.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks = after_name.split_whitespace().skip(11).take(2).map(str::parse::<u32>);
        Ok(TICK * ticks.sum::<Result<u32, _>>()?)
    }

    pub(crate) fn memory(&self) -> Done<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let megabytes = |name: &str| -> Done<f64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let line = line.ok_or_else(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
        };
        Ok(Memory { resident: megabytes("VmRSS:")?, own: megabytes("RssAnon:")?, most: megabytes("VmHWM:")? })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.gone {
            // It may have ended by itself.
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

//! What the system says of processes, and signals to them.

use std::{collections::BTreeMap, fs};

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal to a process of the test.
pub(crate) fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// The state of a process: `T` for one that is stopped.
pub(crate) fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, behind) = stat.rsplit_once(") ").unwrap();
    behind.chars().next().unwrap()
}

/// Which of `pids` has the connection from `port` of loopback to `to`, with whom it belongs.
pub(super) fn owner(port: u16, to: u16, pids: &BTreeMap<u32, usize>) -> Option<usize> {
    let connections = fs::read_to_string("/proc/net/tcp").ok()?;
    let (local, remote) = (format!("0100007F:{port:04X}"), format!("0100007F:{to:04X}"));
    let inode = connections.lines().find_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let is_it = fields.next()? == local && fields.next()? == remote;
        fields.nth(6).filter(|_| is_it)
    })?;
    let link = format!("socket:[{inode}]");
    pids.iter().find_map(|(pid, at)| {
        let mut files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
        files.any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == &*link)).then_some(*at)
    })
}

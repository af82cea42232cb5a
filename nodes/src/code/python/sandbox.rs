//! Confines a worker: the paths it can open, its resource limits, and the proof that it is sealed.

use std::io;

use super::interpreter::Interpreter;
use super::{PythonError, PythonSettings, Sandbox};

/// Directories that programs and their shared libraries live in.
#[cfg(target_os = "linux")]
const LIBRARIES: [&str; 8] =
    ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/nix/store", "/gnu/store"];
/// What any Python may read besides.
#[cfg(target_os = "linux")]
const COMMON: [&str; 4] = ["/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo", "/dev/urandom"];
/// The most descriptors of a restricted worker; its pipes are at 200 and 201.
#[cfg(target_os = "linux")]
const DESCRIPTORS: u64 = 256;

fn unavailable(missing: impl Into<String>) -> PythonError {
    PythonError::SandboxUnavailable { missing: missing.into() }
}

/// Takes from this thread, and from what it starts, every path but those that Python needs.
#[cfg(target_os = "linux")]
pub(super) fn confine_this_thread(interpreter: &Interpreter) -> Result<(), PythonError> {
    use landlock::RulesetStatus;

    if let Some(module) = interpreter.lacking.first() {
        return Err(unavailable(format!("the {module} module of {}", interpreter.executable.display())));
    }
    let status = restrict(interpreter).map_err(|error| unavailable(format!("landlock: {error}")))?;
    if status.ruleset == RulesetStatus::NotEnforced {
        return Err(unavailable("landlock (in the kernel since Linux 5.13)"));
    }
    if !status.no_new_privs {
        return Err(unavailable("no_new_privs"));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn restrict(interpreter: &Interpreter) -> Result<landlock::RestrictionStatus, landlock::RulesetError> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules,
    };

    // All that the newest kernel known here can deny; an older one denies what it can, which from its
    // first version on includes opening files. The system call filter denies the rest in any case.
    let abi = ABI::V9;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(&interpreter.readable, read))?
        .add_rules(path_beneath_rules(COMMON, read))?
        .add_rules(path_beneath_rules(LIBRARIES, read | AccessFs::Execute))?
        .add_rules(path_beneath_rules([&interpreter.executable], read | AccessFs::Execute))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::ReadFile | AccessFs::WriteFile))?
        .restrict_self()
}

/// Bounds the memory, and of a restricted worker also files, of the process `pid`.
#[cfg(target_os = "linux")]
pub(super) fn limit(pid: u32, confinement: Sandbox, settings: &PythonSettings) -> io::Result<()> {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};

    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("the worker has no process id"))?;
    let bound = |resource, wanted: u64| {
        // The worker inherited the limits of this process, which it may not exceed.
        let most = getrlimit(resource).maximum.map_or(wanted, |maximum| maximum.min(wanted));
        prlimit(Some(pid), resource, Rlimit { current: Some(most), maximum: Some(most) }).map(drop)
    };
    bound(Resource::As, settings.memory)?;
    bound(Resource::Core, 0)?;
    if confinement == Sandbox::Restricted {
        bound(Resource::Fsize, 0)?;
        bound(Resource::Nofile, DESCRIPTORS)?;
    }
    Ok(())
}

/// Whether the kernel says that the process `pid` is sealed.
#[cfg(target_os = "linux")]
pub(super) fn verify(pid: u32) -> Result<(), PythonError> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|error| unavailable(format!("/proc to see that a worker is sealed: {error}")))?;
    for (field, wanted) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        let found = status.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| *name == field);
        if found.map(|(_, value)| value.trim()) != Some(wanted) {
            return Err(unavailable(format!("a worker that is sealed: its {field} is not {wanted}")));
        }
    }
    Ok(())
}

/// Bytes of memory that the process `pid` has in use, where the kernel tells.
#[cfg(target_os = "linux")]
pub(super) fn memory_in_use(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes << 10)
}

/// What the worker needs to install the filter: the number of the system call, and the program.
#[cfg(target_os = "linux")]
pub(super) fn filter(pid: u32) -> Result<(i64, Vec<u8>), PythonError> {
    let program = super::seccomp::program(pid).map_err(unavailable)?;
    Ok((super::seccomp::INSTALL, program))
}

#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::*;

    const NEEDED: &str = "landlock and seccomp, which only Linux has";

    pub(in super::super) fn confine_this_thread(_: &Interpreter) -> Result<(), PythonError> {
        Err(unavailable(NEEDED))
    }

    pub(in super::super) fn limit(_: u32, _: Sandbox, _: &PythonSettings) -> io::Result<()> {
        Ok(())
    }

    pub(in super::super) fn verify(_: u32) -> Result<(), PythonError> {
        Err(unavailable(NEEDED))
    }

    pub(in super::super) fn memory_in_use(_: u32) -> Option<u64> {
        None
    }

    pub(in super::super) fn filter(_: u32) -> Result<(i64, Vec<u8>), PythonError> {
        Err(unavailable(NEEDED))
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) use elsewhere::{confine_this_thread, filter, limit, memory_in_use, verify};

//! The system calls that a restricted worker may make; every other one answers `EPERM`.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::SeccompCmpArgLen::{Dword, Qword};
use seccompiler::SeccompCmpOp::{Eq, MaskedEq};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
    sock_filter,
};

/// The number of the system call that installs a filter.
pub(super) const INSTALL: i64 = libc::SYS_seccomp;

/// Allowed with any arguments: what reads and writes descriptors, memory, clocks and threads of the
/// process itself. Which paths can be opened is landlock's part.
const ALLOWED: &[c_long] = &[
    // Descriptors it has, and files it may open.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_pwrite64,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_lseek,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_openat,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    // Waiting for descriptors.
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    // The two ends of a socket pair.
    libc::SYS_recvfrom,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_shutdown,
    // Memory.
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    // Threads.
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getcpu,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // How it handles its own signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Clocks, chance, and what it is.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

/// Older forms of the calls above that only this processor has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_open,
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_access,
    libc::SYS_readlink,
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Descriptor commands; those that let a descriptor send signals (`F_SETOWN`, `F_SETSIG`) are not here.
const FCNTL: [i32; 7] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETPIPE_SZ,
];

/// Device commands: whether it is a terminal, how much can be read, and the flags that `fcntl` sets too.
const IOCTL: [libc::Ioctl; 6] =
    [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIONBIO, libc::FIOCLEX, libc::FIONCLEX];

/// Flags of `clone` that must not be set: new namespaces and tracing.
const CLONE_REFUSED: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_PTRACE
    | libc::CLONE_IO;

/// The filter for the worker process `pid`, as the kernel takes it.
///
/// # Errors
///
/// What is missing, where there is no filter for this processor.
pub(super) fn program(pid: u32) -> Result<Vec<u8>, String> {
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        return Err(format!("a system call filter for {}", std::env::consts::ARCH));
    }
    let filter = compile(pid).map_err(|error| format!("a system call filter: {error}"))?;
    Ok(without_clone3(filter).iter().flat_map(bytes_of).collect())
}

fn compile(pid: u32) -> Result<BpfProgram, BackendError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_HERE).map(|number| (*number, Vec::new())).collect();

    let int = |index, operator, value: i32| {
        SeccompCondition::new(index, Dword, operator, u64::from(value.cast_unsigned()))
    };
    let null = |index| SeccompCondition::new(index, Qword, Eq, 0);

    // Only threads: their flag is set and none of the refused ones is.
    let thread_flags = (libc::CLONE_THREAD | CLONE_REFUSED).cast_unsigned();
    let thread = int(0, MaskedEq(thread_flags.into()), libc::CLONE_THREAD)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]);

    // Signals only to its own threads.
    let own = SeccompCondition::new(0, Dword, Eq, pid.into())?;
    rules.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![own])?]);

    // Limits only read, and only its own.
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![int(0, Eq, 0)?, null(2)?])?]);

    // Names of its threads.
    rules.insert(
        libc::SYS_prctl,
        vec![
            SeccompRule::new(vec![int(0, Eq, libc::PR_SET_NAME)?])?,
            SeccompRule::new(vec![int(0, Eq, libc::PR_GET_NAME)?])?,
        ],
    );

    // An event loop wakes itself through a pair of sockets. A pair of streams reaches nothing else;
    // a datagram socket could be told another address, which a stream is denied here too.
    let kind = !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK).cast_unsigned();
    let pair = vec![int(0, Eq, libc::AF_UNIX)?, int(1, MaskedEq(kind.into()), libc::SOCK_STREAM)?];
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(pair)?]);
    rules.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![null(4)?])?]);

    let commands = FCNTL.map(|command| SeccompRule::new(vec![int(1, Eq, command)?]));
    rules.insert(libc::SYS_fcntl, commands.into_iter().collect::<Result<_, _>>()?);
    let commands = IOCTL.map(|command| {
        SeccompRule::new(vec![SeccompCondition::new(1, Dword, Eq, u64::from(command as u32))?])
    });
    rules.insert(libc::SYS_ioctl, commands.into_iter().collect::<Result<_, _>>()?);

    let refuse = SeccompAction::Errno(libc::EPERM.cast_unsigned());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}

/// Lets `clone3` answer `ENOSYS`, as on a kernel without it: a filter cannot see its flags, and the C
/// library then starts threads with `clone`, whose flags it can see.
fn without_clone3(filter: BpfProgram) -> BpfProgram {
    const LOAD_NUMBER: sock_filter =
        sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: 0 };
    let is_clone3 = sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: 1,
        k: libc::SYS_clone3 as u32,
    };
    let answer = sock_filter {
        code: (libc::BPF_RET | libc::BPF_K) as u16,
        jt: 0,
        jf: 0,
        k: u32::from(SeccompAction::Errno(libc::ENOSYS.cast_unsigned())),
    };
    [LOAD_NUMBER, is_clone3, answer].into_iter().chain(filter).collect()
}

fn bytes_of(instruction: &sock_filter) -> [u8; 8] {
    let [code0, code1] = instruction.code.to_ne_bytes();
    let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
    [code0, code1, instruction.jt, instruction.jf, k0, k1, k2, k3]
}

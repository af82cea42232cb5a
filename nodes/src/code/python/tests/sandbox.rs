//! What restricted code must not be able to do, tried from restricted code.

use super::*;

/// Runs `attempt` as restricted code and gives `[exception, errno]`, or `"allowed"`.
async fn attempt(attempt: &str) -> Value {
    run(&pool(), call(&guarded(attempt))).await
}

/// Runs `attempt` as trusted code, to see that it is the sandbox that stops it.
async fn trusted_attempt(attempt: &str) -> Value {
    run(&pool(), trusted(&guarded(attempt))).await
}

fn guarded(attempt: &str) -> String {
    let body: String = attempt.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "try:\n{body}    result = 'allowed'\nexcept OSError as error:\n    result = [type(error).__name__, error.errno]\n"
    )
}

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const ENOSYS: i32 = 38;

/// The system call filter refuses it, and nothing but the sandbox does.
async fn refused_by_filter(code: &str) {
    assert_eq!(trusted_attempt(code).await, json!("allowed"), "the attempt itself is wrong");
    assert_eq!(attempt(code).await, json!(["PermissionError", EPERM]));
}

/// Landlock refuses it, and nothing but the sandbox does.
async fn refused_by_landlock(code: &str) {
    assert_eq!(trusted_attempt(code).await, json!("allowed"), "the attempt itself is wrong");
    assert_eq!(attempt(code).await, json!(["PermissionError", EACCES]));
}

/// A raw system call, with `OSError` for its error; numbers are those of x86-64 and of the others.
fn raw(x86: i32, other: i32, arguments: &str) -> String {
    let number = if cfg!(target_arch = "x86_64") { x86 } else { other };
    format!(
        "import ctypes, os\n\
         library = ctypes.CDLL(None, use_errno=True)\n\
         args = [ctypes.c_long(a) for a in ({number}, {arguments})]\n\
         if library.syscall(*args) == -1: raise OSError(ctypes.get_errno(), 'refused')"
    )
}

#[tokio::test]
async fn a_host_file_cannot_be_read() {
    refused_by_landlock("open('/etc/passwd').read()").await;
}

#[tokio::test]
async fn a_file_of_the_user_cannot_be_read_or_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, "secret").unwrap();
    refused_by_landlock(&format!("open({path:?}).read()")).await;
    refused_by_landlock(&format!("open({path:?}, 'a').close()")).await;
}

#[tokio::test]
async fn a_directory_of_the_host_cannot_be_listed() {
    refused_by_landlock("import os\nos.listdir('/')").await;
    refused_by_landlock("import os\nos.listdir('/proc')").await;
}

#[tokio::test]
async fn the_environment_of_the_parent_cannot_be_read() {
    let path = format!("/proc/{}/environ", std::process::id());
    refused_by_landlock(&format!("open({path:?}).read()")).await;
    refused_by_landlock("open('/proc/self/environ').read()").await;
}

#[tokio::test]
async fn the_links_of_another_process_cannot_be_read() {
    let parent = std::process::id();
    for link in ["exe", "cwd", "root", "fd/0"] {
        refused_by_landlock(&format!("import os\nos.readlink('/proc/{parent}/{link}')")).await;
    }
}

#[tokio::test]
async fn no_file_can_be_made_or_changed() {
    for path in ["/tmp/kailash-python-test", "/dev/shm/kailash-python-test"] {
        let code = format!("import os\nopen({path:?}, 'w').close()\nos.unlink({path:?})");
        refused_by_landlock(&code).await;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "").unwrap();
    for change in
        ["os.chmod(path, 0o600)", "os.utime(path)", "os.truncate(path, 0)", "os.chown(path, -1, -1)"]
    {
        refused_by_filter(&format!("import os\npath = {path:?}\n{change}")).await;
    }
    for change in ["os.rename(path, path + '2')", "os.unlink(path + '2')", "os.mkdir(path)", "os.rmdir(path)"]
    {
        refused_by_filter(&format!("import os\npath = {path:?}\n{change}")).await;
    }
    refused_by_filter("import os\nos.memfd_create('memory')").await;
}

#[tokio::test]
async fn no_socket_can_be_opened() {
    refused_by_filter("import socket\nsocket.socket(socket.AF_INET)").await;
    refused_by_filter("import socket\nsocket.socket(socket.AF_INET6, socket.SOCK_DGRAM)").await;
    refused_by_filter("import socket\nsocket.socket(socket.AF_UNIX)").await;
    refused_by_filter("import socket\nsocket.socket(socket.AF_NETLINK, socket.SOCK_RAW)").await;
    refused_by_filter("import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)").await;
    assert_eq!(
        attempt("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_RAW, 1)").await,
        json!(["PermissionError", EPERM])
    );
}

#[tokio::test]
async fn a_unix_socket_of_the_host_cannot_be_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    refused_by_filter(&format!("import socket\nsocket.socket(socket.AF_UNIX).connect({path:?})")).await;
    // Neither from a socket that it may have.
    let code = format!(
        "import socket\nfrom ctypes import *\nlibrary = CDLL(None, use_errno=True)\n\
         own = socket.socketpair()[0]\nname = b'\\x01\\x00' + {path:?}.encode() + b'\\x00'\n\
         if library.connect(own.fileno(), name, len(name)): raise OSError(get_errno(), 'connect')"
    );
    assert_eq!(attempt(&code).await, json!(["PermissionError", EPERM]));
}

#[tokio::test]
async fn no_process_can_be_started() {
    refused_by_filter("import os\npid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)").await;
    refused_by_filter("import subprocess\nsubprocess.run(['/bin/true'])").await;
    refused_by_filter("import os\nos.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)").await;
    assert_eq!(
        attempt("import os\nos.execve('/bin/true', ['true'], {})").await,
        json!(["PermissionError", EPERM])
    );
    let vfork = raw(58, 1071, "0");
    if cfg!(target_arch = "x86_64") {
        assert_eq!(attempt(&vfork).await, json!(["PermissionError", EPERM]));
    }
}

#[tokio::test]
async fn the_system_function_starts_nothing() {
    let code = "import os\nresult = os.system('exit 3')";
    assert_eq!(run(&pool(), trusted(code)).await, json!(3 << 8));
    // The C library says that the shell could not be run.
    let found = run(&pool(), call(code)).await;
    assert!(found == json!(127 << 8) || found == json!(-1), "{found}");
}

#[tokio::test]
async fn clone_makes_threads_only() {
    // SIGCHLD alone, as fork does; and a thread's flags with a new mount namespace.
    assert_eq!(attempt(&raw(56, 220, "17, 0, 0, 0, 0")).await, json!(["PermissionError", EPERM]));
    assert_eq!(
        attempt(&raw(56, 220, "0x10f00 | 0x20000, 0, 0, 0, 0")).await,
        json!(["PermissionError", EPERM])
    );
    assert_eq!(attempt(&raw(435, 435, "0, 0")).await, json!(["OSError", ENOSYS]));
}

#[tokio::test]
async fn no_other_process_can_be_signalled() {
    let parent = std::process::id();
    refused_by_filter(&format!("import os\nos.kill({parent}, 0)")).await;
    refused_by_filter("import os\nos.kill(0, 0)").await;
    refused_by_filter(&raw(234, 131, &format!("{parent}, {parent}, 0"))).await;
    refused_by_filter(&raw(434, 434, &format!("{parent}, 0"))).await;
    assert_eq!(attempt(&raw(200, 130, &format!("{parent}, 0"))).await, json!(["PermissionError", EPERM]));
    // Nor by a descriptor that sends a signal when something happens to it.
    let owned = format!("import fcntl, os\nfcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, {parent})");
    refused_by_filter(&owned).await;
    let owned = "import fcntl, os, struct\nfcntl.ioctl(os.pipe()[0], 0x8901, struct.pack('i', os.getppid()))";
    assert_eq!(attempt(owned).await, json!(["PermissionError", EPERM]));
}

#[tokio::test]
async fn a_thread_of_its_own_can_be_signalled() {
    let code = "import signal, threading\nsignal.pthread_kill(threading.get_ident(), 0)";
    assert_eq!(attempt(code).await, json!("allowed"));
}

#[tokio::test]
async fn calls_that_reach_into_processes_or_the_kernel_are_refused() {
    let parent = std::process::id();
    for (name, x86, other, arguments) in [
        ("ptrace", 101, 117, format!("16, {parent}, 0, 0")),
        ("process_vm_readv", 310, 270, format!("{parent}, 0, 0, 0, 0, 0")),
        ("process_vm_writev", 311, 271, format!("{parent}, 0, 0, 0, 0, 0")),
        ("pidfd_getfd", 438, 438, "0, 0, 0".into()),
        ("prlimit64 of the parent", 302, 261, format!("{parent}, 7, 0, 0")),
        ("io_uring_setup", 425, 425, "1, 0".into()),
        ("bpf", 321, 280, "0, 0, 0".into()),
        ("mount", 165, 40, "0, 0, 0, 0, 0".into()),
        ("unshare", 272, 97, "0".into()),
        ("setns", 308, 268, "0, 0".into()),
        ("keyctl", 250, 219, "0, -3, 0, 0, 0".into()),
        ("add_key", 248, 217, "0, 0, 0, 0, 0".into()),
        ("userfaultfd", 323, 282, "0".into()),
        ("perf_event_open", 298, 241, "0, 0, -1, -1, 0".into()),
        ("seccomp", 317, 277, "0, 0, 0".into()),
        ("chroot", 161, 51, "0".into()),
        ("init_module", 175, 105, "0, 0, 0".into()),
        ("execveat", 322, 281, "-1, 0, 0, 0, 0".into()),
        ("open_by_handle_at", 304, 265, "0, 0, 0".into()),
        ("shmget", 29, 194, "0, 4096, 0".into()),
        ("mq_open", 180, 180, "0, 0, 0, 0".into()),
        ("setrlimit", 160, 164, "7, 0".into()),
        ("a call that does not exist", 9999, 9999, "0".into()),
    ] {
        assert_eq!(attempt(&raw(x86, other, &arguments)).await, json!(["PermissionError", EPERM]), "{name}");
    }
}

#[tokio::test]
async fn limits_can_be_read_but_not_lifted() {
    let pool = pool();
    let read = "import resource\nresult = resource.getrlimit(resource.RLIMIT_FSIZE)";
    assert_eq!(run(&pool, call(read)).await, json!([0, 0]));
    let lift = "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))";
    assert!(matches!(
        fail(&pool, call(lift)).await,
        PythonError::Raised { exception, .. } if exception == "ValueError" || exception == "PermissionError"
    ));
}

#[tokio::test]
async fn the_environment_is_not_that_of_the_parent() {
    assert!(std::env::var_os("PATH").is_some(), "the parent has an environment to hide");
    let code = "import os\nresult = sorted(os.environ)";
    let expected = json!([
        "LANG",
        "MALLOC_ARENA_MAX",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "PYTHONDONTWRITEBYTECODE"
    ]);
    for call in [call(code), trusted(code)] {
        let mut found = run(&pool(), call).await;
        // Python itself may add it while it starts.
        found.as_array_mut().unwrap().retain(|name| name != "LC_CTYPE");
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn the_worker_has_no_descriptors_but_its_pipes() {
    // A careless host leaves a descriptor open for the programs it starts.
    let left = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&left, rustix::io::FdFlags::empty()).unwrap();
    let left = json!(std::os::fd::AsRawFd::as_raw_fd(&left));
    let code = "import os\nresult = []\nfor number in range(256):\n    try:\n        os.fstat(number)\n        result.append(number)\n    except OSError: pass";
    assert!(run(&pool(), trusted(code)).await.as_array().unwrap().contains(&left));
    assert_eq!(run(&pool(), call(code)).await, json!([0, 1, 2, 200, 201]));
}

#[tokio::test]
async fn the_filter_holds_in_threads_too() {
    let code = "import os, threading\nfound = []\ndef work():\n    try:\n        os.fork()\n        found.append('forked')\n    except OSError as error:\n        found.append(error.errno)\nthread = threading.Thread(target=work)\nthread.start()\nthread.join()\nresult = found";
    assert_eq!(run(&pool(), call(code)).await, json!([EPERM]));
}

#[tokio::test]
async fn what_python_needs_is_there() {
    let code = "
import ctypes, decimal, hashlib, os, random, sqlite3, ssl, statistics, tempfile, time, uuid, zlib
import concurrent.futures, contextlib, csv, dataclasses, email, http.client, logging, re, secrets
with open(os.devnull, 'w') as sink, contextlib.redirect_stdout(sink):
    print('gone')
time.sleep(0.001)
os.urandom(4)
with concurrent.futures.ThreadPoolExecutor(4) as threads:
    squares = list(threads.map(lambda x: x * x, range(4)))
database = sqlite3.connect(':memory:')
database.execute('create table t (x)')
@dataclasses.dataclass
class Point:
    x: 'int'
result = [hashlib.sha256(b'').hexdigest()[:8], squares, Point(3).x]
";
    assert_eq!(run(&pool(), call(code)).await, json!(["e3b0c442", [0, 1, 4, 9], 3]));
}

#[tokio::test]
async fn a_python_without_ctypes_is_refused_for_restricted_code_only() {
    let directory = tempfile::tempdir().unwrap();
    let shim = directory.path().join("python3");
    // Says of itself that it lacks the module, else it is the real one.
    let script = "#!/bin/sh\npython3 \"$@\" | sed 's/\"lacking\": \\[\\]/\"lacking\": [\"ctypes\"]/'\n";
    std::fs::write(&shim, script).unwrap();
    std::fs::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let pool = PythonPool::new(PythonSettings { interpreter: Some(shim), ..PythonSettings::default() });
    assert!(matches!(
        fail(&pool, call("result = 1")).await,
        PythonError::SandboxUnavailable { missing } if missing.contains("ctypes")
    ));
    assert_eq!(run(&pool, trusted("result = 1")).await, json!(1));
}

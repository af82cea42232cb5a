//! Disks that are full, fail or are slow (C8, C9, C10).

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    harness::{Clients, Cluster, Host, Started},
    rounds,
};

/// How long a cluster may take to be whole again once there is room: the target is 10 s.
const ROOM: Duration = Duration::from_secs(3 * 10);

/// A process that sees a small file system of its own where its data is.
fn on_small_disk(root: &Path, at: usize) -> Started {
    let data = root.join(format!("edge-{}", at + 1));
    let script = format!("mount -t tmpfs -o size=8m none {} && exec \"$@\"", data.display());
    let is_root = rustix::process::getuid().is_root();
    let mut by = vec!["unshare".to_owned()];
    by.push(if is_root { "-m" } else { "-rm" }.to_owned());
    by.extend(["sh", "-c", &script, "sh"].map(str::to_owned));
    Started { by, with: Vec::new() }
}

/// Where the data of a host is, as its process sees it.
fn inside(host: &Host) -> PathBuf {
    let data = host.data.strip_prefix("/").unwrap();
    PathBuf::from(format!("/proc/{}/root", host.pid())).join(data)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_and_has_room_again_needs_no_restart() {
    let root = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::in_folder(root, 3, on_small_disk, &[]).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    for which in ["a follower", "the leader"] {
        clients.answered(100).await;
        let leader = cluster.leader().await;
        let at = if which == "the leader" { leader } else { (leader + 1) % 3 };
        let (before, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
        let ballast = inside(&cluster.hosts[at]).join("ballast");
        // As much as fits.
        let filled = fs::write(&ballast, vec![1; 16 << 20]).expect_err("the disk is small");
        assert_eq!(filled.kind(), std::io::ErrorKind::StorageFull);
        let log = cluster.hosts[at].log().len();
        let full = |log: &str| log.contains("full");
        let began = tokio::time::Instant::now();
        while !full(&cluster.hosts[at].log()[log..]) {
            assert!(began.elapsed().as_secs() < 30, "the disk of {which} was full, and it says so");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        if which == "a follower" {
            let gap = clients.gap().await;
            println!("{which}: a write {gap:?} while its disk is full");
        }
        fs::remove_file(&ballast).unwrap();
        let began = tokio::time::Instant::now();
        let gap = clients.gap().await;
        cluster.converge().await;
        let took = began.elapsed();
        let (after, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
        println!(
            "{which}: a write {gap:?} and all agree {took:?} after there was room; term {} to {}",
            before["term"], after["term"]
        );
        assert!(took <= ROOM, "{took:?}");
        let flaps = after["term"].as_u64().unwrap() - before["term"].as_u64().unwrap();
        assert!(flaps <= 1, "the lead does not flap: {flaps} terms");
    }
    // A restart works on such a disk too, though its file system is gone with its process: it comes back as another.
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_disk_fails_to_sync_stops_taking_part_and_the_others_go_on() {
    let controls = tempfile::tempdir().unwrap();
    let control = |at: usize| controls.path().join(format!("fiu-{at}"));
    let by = |at: usize| {
        let control = control(at);
        let words = ["fiu-run", "-x", "-f", control.to_str().unwrap()];
        Started { by: words.map(str::to_owned).into(), with: Vec::new() }
    };
    let mut cluster = Cluster::with(3, by, &[]).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    clients.answered(100).await;
    let leader = cluster.leader().await;
    let pid = cluster.hosts[leader].pid();
    let done = std::process::Command::new("fiu-ctrl")
        .args(["-f", control(leader).to_str().unwrap()])
        .args(["-c", "enable name=posix/io/sync/*", &pid.to_string()])
        .status()
        .expect("install the package fiu-utils");
    assert!(done.success());
    let gap = clients.gap().await;
    let (status, stopped) =
        cluster.hosts[leader].until("the end of its part", |status| status["role"] == "stopped").await;
    println!(
        "a write {gap:?} after the leader's disk began to fail; it stopped taking part in {stopped:?}: {status}"
    );
    let log = cluster.hosts[leader].log();
    assert!(log.contains("takes no part in its cluster any more"), "it says why:\n{log}");
    clients.answered(100).await;
    // With a disk that works it takes part again.
    cluster.hosts[leader].kill().await;
    cluster.start(leader);
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

/// A process whose disk takes 300 ms longer for each sync.
fn on_slow_disk(root: &Path, at: usize) -> Started {
    let calls = root.join(format!("calls-{at}"));
    let words = [
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        "trace=fdatasync",
        "-o",
        calls.to_str().unwrap(),
    ];
    let inject = ["-e", "inject=fdatasync:delay_exit=300000"];
    Started { by: words.into_iter().chain(inject).map(str::to_owned).collect(), with: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_disks_cause_no_elections() {
    let root = tempfile::tempdir().unwrap();
    let calls = root.path().join("calls-0");
    let mut cluster = Cluster::in_folder(root, 3, on_slow_disk, &[]).await;
    let clients = Clients::begin(cluster.hosts.iter().map(|host| host.url.clone()), 6);
    let leader = cluster.leader().await;
    clients.answered(20).await;
    let syncs = || fs::read_to_string(&calls).unwrap().matches("(DELAYED)").count();
    let (before, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
    let slow = syncs();
    tokio::time::sleep(Duration::from_secs(u64::from(rounds(8)))).await;
    clients.answered(20).await;
    let slow = syncs() - slow;
    let (after, _) = cluster.hosts[leader].until("a term", |status| status["term"].is_u64()).await;
    println!(
        "{slow} syncs of a host took 300 ms longer; term {} before, {} after",
        before["term"], after["term"]
    );
    assert!(slow >= 10, "the disk was slow: {slow} syncs");
    assert_eq!(before["term"], after["term"], "nobody was elected");
    println!("{} operations, linearizable", clients.check().await);
    cluster.content().await;
}

//! Files that are damaged while their host is down (C7): what was never promised is cut off, everything else is refused
//! loudly, and the host comes back as another member.

use std::{
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::harness::Cluster;

/// How long a host may take to refuse.
const REFUSES: Duration = Duration::from_secs(30);

/// Entries enough for a few segments of the log and a snapshot.
async fn fill(url: &str, from: u32, count: u32, bytes: usize) {
    let http = reqwest::Client::new();
    for n in from..from + count {
        let put = http.put(format!("{url}/cluster/map/e{n}")).json(&json!({ "value": "x".repeat(bytes) }));
        put.send().await.unwrap().error_for_status().unwrap();
    }
}

/// The files of the cluster's folder whose names have this part, in order.
fn files(data: &Path, part: &str) -> Vec<PathBuf> {
    let folder = fs::read_dir(data.join("cluster")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.file_name().unwrap().to_str().unwrap().contains(part));
    files.sort();
    files
}

/// Where a file of that length is damaged.
type Place = fn(u64) -> u64;

/// Turns one bit of a file over.
fn flip(file: &Path, at: u64) {
    let opened = fs::File::options().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    opened.read_exact_at(&mut byte, at).unwrap();
    opened.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    opened.sync_all().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_tail_is_cut_off_and_the_rest_comes_from_the_others() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let torn = (leader + 1) % 3;
    for cut in [1, 7, 40, 200] {
        fill(&cluster.hosts[leader].url, 0, 20, 100).await;
        cluster.converge().await;
        cluster.hosts[torn].kill().await;
        let segment = files(&cluster.hosts[torn].data, ".log").pop().expect("a segment of the log");
        let file = fs::File::options().write(true).open(&segment).unwrap();
        let length = file.metadata().unwrap().len();
        assert!(length > cut, "there is something to cut");
        file.set_len(length - cut).unwrap();
        fill(&cluster.hosts[leader].url, 20, 5, 100).await;
        cluster.start(torn);
        let content = cluster.content().await;
        println!(
            "{cut} bytes cut off {}: {} entries everywhere",
            segment.file_name().unwrap().display(),
            content.len()
        );
        assert_eq!(content.len(), 25);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turned_bit_is_refused_and_the_host_comes_back_as_another_member() {
    let mut cluster = Cluster::of(3).await;
    let http = reqwest::Client::new();
    let kinds: [(&str, &str, Place); 5] = [
        ("the middle of the log", ".log", |length| length / 2),
        ("the header of the log", ".log", |_| 2),
        ("a snapshot", ".snap", |length| length / 2),
        ("the vote", "vote.", |_| 9),
        ("the member's own number", "member.", |_| 9),
    ];
    // Enough changes for a snapshot.
    let leader = cluster.leader().await;
    fill(&cluster.hosts[leader].url, 0, 300, 10_000).await;
    for at in 0..3 {
        cluster.hosts[at].until("a snapshot", |status| !status["snapshot"].is_null()).await;
    }
    for (name, part, place) in kinds {
        let leader = cluster.leader().await;
        let at = (leader + 1) % 3;
        let url = cluster.hosts[leader].url.clone();
        fill(&url, 0, 20, 1000).await;
        cluster.converge().await;
        let old = cluster.hosts[at].status().await.unwrap()["member"].as_str().unwrap().to_owned();
        cluster.hosts[at].kill().await;
        let found = files(&cluster.hosts[at].data, part);
        let file = found
            .first()
            .unwrap_or_else(|| panic!("{name}: no such file in {:?}", files(&cluster.hosts[at].data, "")));
        let length = fs::metadata(file).unwrap().len();
        flip(file, place(length));
        cluster.start(at);
        let refused = cluster.hosts[at].ends_within(REFUSES).await;
        let log = cluster.hosts[at].log();
        let last = log
            .lines()
            .rev()
            .find(|line| line.contains("damaged"))
            .unwrap_or_else(|| panic!("{name}: it says why\n{log}"));
        println!("{name}, {}: {last}", file.file_name().unwrap().display());
        assert!(refused, "{name}: it does not begin");
        // Wiped, it is somebody else; the one that it was is let go.
        fs::remove_dir_all(cluster.hosts[at].data.join("cluster")).unwrap();
        cluster.start(at);
        cluster.hosts[at].until("taking part", |status| status["quorum"] == true).await;
        let new = cluster.hosts[at].status().await.unwrap()["member"].as_str().unwrap().to_owned();
        assert_ne!(old, new, "{name}: a number is never used again");
        let gone = http.delete(format!("{url}/cluster/members/{old}")).send().await.unwrap();
        assert_eq!(gone.status(), 204, "{name}: {}", gone.text().await.unwrap());
        let content: Vec<Json> = cluster.content().await;
        assert_eq!(content.len(), 300, "{name}: everything is there");
    }
}

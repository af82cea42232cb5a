//! Hosts that are one cluster, with a proxy before each.

use std::{collections::BTreeSet, path::Path, time::Duration};

use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::{Host, Links, Started, host::free_address};

/// Hosts that are one cluster: edge-1 begins it, and the others join.
pub(crate) struct Cluster {
    pub(crate) hosts: Vec<Host>,
    pub(crate) links: Links,
    /// Where each host is reached.
    proxies: Vec<String>,
    root: TempDir,
}

impl Cluster {
    /// As many hosts that vote.
    pub(crate) async fn of(count: usize) -> Self {
        Self::with(count, |_| Started::default(), &[]).await
    }

    /// As many hosts that vote, whose processes are begun as `started` says, with these settings.
    pub(crate) async fn with(count: usize, started: impl Fn(usize) -> Started, settings: &[&str]) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), count, |_, at| started(at), settings).await
    }

    /// The same in this folder, which `started` is told too.
    pub(crate) async fn in_folder(
        root: TempDir,
        count: usize,
        started: impl Fn(&Path, usize) -> Started,
        settings: &[&str],
    ) -> Self {
        let mut cluster = Self { hosts: Vec::new(), links: Links::new(), proxies: Vec::new(), root };
        for at in 0..count {
            cluster.add(started(cluster.root.path(), at), settings).await;
        }
        cluster.converge().await;
        cluster
    }

    /// Adds a host that joins, and waits until it takes part.
    pub(crate) async fn add(&mut self, started: Started, settings: &[&str]) -> usize {
        let at = self.prepare(started, settings).await;
        self.start(at);
        let name = self.hosts[at].name.clone();
        let part = |status: &Json| {
            status["members"].as_array().is_some_and(|members| members.iter().any(|m| m["host"] == name))
        };
        self.hosts[at].until("taking part", part).await;
        at
    }

    /// Adds a host that is to join when it is started.
    pub(crate) async fn prepare(&mut self, started: Started, settings: &[&str]) -> usize {
        let at = self.hosts.len();
        let (name, own) = (format!("edge-{}", at + 1), free_address());
        let proxy = self.links.proxy(at, own.parse().unwrap()).await.to_string();
        let mut all = vec![
            format!("identity.id={name}"),
            format!("cluster.listen={own}"),
            format!("cluster.advertise={proxy}"),
        ];
        if at > 0 {
            all.push(format!("cluster.join={:?}", self.proxies));
        }
        self.proxies.push(proxy);
        all.extend(settings.iter().map(|setting| (*setting).to_owned()));
        self.hosts.push(Host::new(self.root.path(), &name, all, started));
        at
    }

    /// Starts a host that does not run.
    pub(crate) fn start(&mut self, at: usize) {
        let pid = self.hosts[at].start();
        self.links.is(at, pid);
    }

    /// Kills every host.
    pub(crate) async fn kill_all(&mut self) {
        for host in &mut self.hosts {
            host.kill().await;
        }
    }

    /// Which host leads, as a host sees it that is with a majority.
    pub(crate) async fn leader(&mut self) -> usize {
        let began = Instant::now();
        loop {
            for at in 0..self.hosts.len() {
                if !self.hosts[at].runs() {
                    continue;
                }
                if let Some(leader) = self.hosts[at].status().await.as_ref().and_then(leader_in) {
                    return self.hosts.iter().position(|host| host.name == leader).unwrap();
                }
            }
            assert!(began.elapsed().as_secs() < 60, "nobody leads");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until all hosts that run are with the same leader and have carried out all that any of them knows of now.
    /// Returns how long that took.
    pub(crate) async fn converge(&mut self) -> Duration {
        let began = Instant::now();
        let mut target = None;
        loop {
            let mut seen = Vec::new();
            for host in self.hosts.iter_mut().filter_map(|host| host.runs().then_some(host)) {
                seen.push(host.status().await.filter(|status| status["quorum"] == true));
            }
            let known: Vec<&Json> = seen.iter().flatten().collect();
            if !known.is_empty() && known.len() == seen.len() {
                let number = |status: &Json, name: &str| status[name].as_u64().unwrap_or(0);
                let last = known.iter().map(|status| number(status, "last_log")).max().unwrap_or(0);
                let target = *target.get_or_insert(last);
                let leaders: BTreeSet<String> = known
                    .iter()
                    .map(|status| format!("{} in {}", status["leader"], status["term"]))
                    .collect();
                if leaders.len() == 1 && known.iter().all(|status| number(status, "applied") >= target) {
                    return began.elapsed();
                }
            }
            if began.elapsed().as_secs() > 90 {
                let logs: String =
                    self.hosts.iter().map(|host| format!("{}:\n{}\n", host.name, host.log())).collect();
                panic!("the hosts do not agree: {seen:#?}\n{logs}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// What every host that runs has, after all agree and nobody writes any more: the same everywhere.
    pub(crate) async fn content(&mut self) -> Vec<Json> {
        self.converge().await;
        let mut contents: Vec<Vec<Json>> = Vec::new();
        for host in &mut self.hosts {
            if host.runs() {
                contents.push(entries(&host.url).await);
            }
        }
        for content in &contents {
            assert_eq!(content, &contents[0], "the hosts have the same");
        }
        contents.remove(0)
    }
}

/// The name of the host that leads, if a majority is there.
fn leader_in(status: &Json) -> Option<String> {
    let members = status["members"].as_array()?;
    let leader = members.iter().find(|member| member["leader"] == true && status["quorum"] == true)?;
    Some(leader["host"].as_str()?.to_owned())
}

/// All entries as one host has them.
async fn entries(url: &str) -> Vec<Json> {
    let mut all: Vec<Json> = Vec::new();
    loop {
        let after = all.last().map_or("", |entry| entry["key"].as_str().unwrap()).to_owned();
        let request = reqwest::Client::new().get(format!("{url}/cluster/map"));
        let request = request.query(&[("stale_ok", "true"), ("limit", "1000"), ("after", &after)]);
        let page: Json = request.send().await.unwrap().json().await.unwrap();
        all.extend(page["entries"].as_array().unwrap().iter().cloned());
        if page["next"].is_null() {
            return all;
        }
    }
}

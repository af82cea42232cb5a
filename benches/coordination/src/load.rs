//! Clients that put one after the other, each as soon as the last put was answered.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::{
    Done,
    cluster::{Client, Cluster, MEMBERS},
    figures::percentile,
    row::{Keys, Row, value},
};

/// How long clients put before anything is counted.
const WARM: Duration = Duration::from_millis(500);

/// What a row gave.
pub(crate) struct Load {
    /// Puts a second.
    pub(crate) rate: f64,
    /// The times of puts, in ms.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The CPU time of all members for each put, in µs.
    pub(crate) cpu: f64,
}

/// Puts `row` on `cluster` for `time`.
pub(crate) async fn put(cluster: &Cluster, row: &Row, time: Duration) -> Done<Load> {
    let leader = cluster.ready().await?;
    let mut clients = Vec::new();
    for number in 0..row.clients {
        let member = if row.spread { number % MEMBERS } else { leader };
        clients.push(cluster.client(member).await?);
    }
    let from = Instant::now() + WARM;
    let until = from + time;
    let clients = clients.into_iter().enumerate();
    let clients: Vec<_> =
        clients.map(|(number, client)| tokio::spawn(one(client, Keys::of(number), from, until))).collect();
    sleep_until(from).await;
    let before = cluster.cpu()?;
    sleep_until(until).await;
    let cpu = cluster.cpu()? - before;
    let mut times = Vec::new();
    for client in clients {
        times.append(&mut client.await??);
    }
    if cluster.ready().await? != leader {
        return Err("another member leads now: the row is worth nothing".into());
    }
    times.sort_by(f64::total_cmp);
    let count = times.len() as f64;
    let (p50, p99) = (percentile(&times, 0.5), percentile(&times, 0.99));
    Ok(Load { rate: count / time.as_secs_f64(), p50, p99, cpu: cpu.as_secs_f64() * 1e6 / count })
}

/// The times in ms of the puts of one client that were answered between `from` and `until`.
async fn one(mut client: Client, keys: Keys, from: Instant, until: Instant) -> Done<Vec<f64>> {
    let mut times = Vec::new();
    for (number, key) in (0..).zip(keys) {
        let value = value(number);
        let began = Instant::now();
        client.put(&key, &value).await?;
        let ended = Instant::now();
        if ended > until {
            break;
        }
        if ended > from {
            times.push((ended - began).as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}

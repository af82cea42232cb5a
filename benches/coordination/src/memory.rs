//! How much memory a member takes, before anything is kept and with 100,000 keys.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Done,
    cluster::{Cluster, MEMBERS, System},
    options::Options,
    process::{Memory, Process},
    row::{VALUE, key, value},
};

const KEYS: u64 = 100_000;
const CLIENTS: u64 = 64;
/// How long members are left alone before they are looked at.
const REST: Duration = Duration::from_secs(2);

pub(crate) async fn measure(systems: &[System], options: &Options) -> Done {
    println!(
        "\nMB of memory per member (least .. most of {MEMBERS}), empty and with {KEYS} keys of {VALUE} bytes"
    );
    println!(
        "\n| | resident, empty | resident | of it its own | most ever resident |\n|---|---|---|---|---|"
    );
    for system in systems {
        let cluster = Cluster::start(system, options).await?;
        sleep(REST).await;
        let empty = look(&cluster)?;
        fill(&cluster).await?;
        sleep(REST).await;
        let full = look(&cluster)?;
        println!(
            "| {} | {} | {} | {} | {} |",
            system.name(),
            span(&empty, |memory| memory.resident),
            span(&full, |memory| memory.resident),
            span(&full, |memory| memory.own),
            span(&full, |memory| memory.most),
        );
    }
    Ok(())
}

fn look(cluster: &Cluster) -> Done<Vec<Memory>> {
    cluster.members.iter().map(Process::memory).collect()
}

/// Puts every key once, through the leader.
async fn fill(cluster: &Cluster) -> Done {
    let leader = cluster.ready().await?;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let mut client = cluster.client(leader).await?;
        clients.push(tokio::spawn(async move {
            for number in (number..KEYS).step_by(CLIENTS as usize) {
                client.put(&key(number), &value(number)).await?;
            }
            Done::Ok(())
        }));
    }
    for client in clients {
        client.await??;
    }
    Ok(())
}

fn span(memory: &[Memory], of: impl Fn(&Memory) -> f64) -> String {
    let mut values: Vec<_> = memory.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    match values[..] {
        [least, .., most] => format!("{least:.1} .. {most:.1}"),
        _ => "-".to_owned(),
    }
}

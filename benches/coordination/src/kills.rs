//! Kills the leader again and again while each member has a client that puts, and then looks for all that was acknowledged.
//!
//! The gap is from the kill to the first acknowledgement of a put that was sent after the leader was gone, by any client.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Done,
    cluster::{Client, Cluster, MEMBERS, System},
    figures::{figure, median},
    options::Options,
    row::value,
};

/// How long there are puts before and after the leader is killed.
const BEFORE: Duration = Duration::from_millis(1000);
const AFTER: Duration = Duration::from_millis(300);
/// How long a client waits for an answer before it asks again, and how long it waits after a failure.
const TRY: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_millis(5);
/// How long nobody may get an answer.
const LONGEST: Duration = Duration::from_secs(30);
/// How many read back at a time.
const READERS: usize = 16;

struct Killed {
    /// In ms.
    gaps: Vec<f64>,
    acknowledged: usize,
    lost: usize,
}

pub(crate) async fn measure(systems: &[System], options: &Options) -> Done {
    println!("\n{} times kill -9 of the leader, one client with each member", options.kills);
    println!("\n| | gap p50, ms | least | most | acknowledged | of them lost |\n|---|---|---|---|---|---|");
    for system in systems {
        let mut killed = kill(system, options).await?;
        killed.gaps.sort_by(f64::total_cmp);
        let [least, most] =
            [killed.gaps.first(), killed.gaps.last()].map(|gap| gap.copied().unwrap_or(f64::NAN));
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            system.name(),
            figure(median(killed.gaps.iter().copied()), 0),
            figure(least, 0),
            figure(most, 0),
            killed.acknowledged,
            killed.lost
        );
    }
    Ok(())
}

async fn kill(system: &System, options: &Options) -> Done<Killed> {
    let mut cluster = Cluster::start(system, options).await?;
    let (mut gaps, mut acknowledged) = (Vec::new(), Vec::new());
    for round in 0..options.kills {
        eprint!("\rkill {} {:<8}", round + 1, system.name());
        let leader = cluster.ready().await?;
        let (stop, stopped) = watch::channel(false);
        let (last, mut latest) = watch::channel(None);
        let last = Arc::new(last);
        let writers: Vec<_> = (0..MEMBERS)
            .map(|member| {
                let (system, address) = cluster.address(member);
                let numbers = (round * MEMBERS + member) as u64 * 1_000_000..;
                tokio::spawn(write(system, address, numbers, Arc::clone(&last), stopped.clone()))
            })
            .collect();
        sleep(BEFORE).await;
        if latest.borrow().is_none() {
            return Err("nothing was acknowledged before the leader was killed".into());
        }
        let killed = Instant::now();
        cluster.members[leader].kill()?;
        cluster.members[leader].wait()?;
        let gone = Instant::now();
        let answered = timeout(LONGEST, after(&mut latest, gone)).await;
        let answered = answered.map_err(|_| "nothing is acknowledged after the leader is gone")??;
        let gap = answered - killed;
        gaps.push(gap.as_secs_f64() * 1e3);
        sleep(AFTER).await;
        stop.send_replace(true);
        for writer in writers {
            acknowledged.append(&mut writer.await?);
        }
        cluster.restart(leader)?;
    }
    cluster.ready().await?;
    eprintln!();
    Ok(Killed { gaps, acknowledged: acknowledged.len(), lost: lost(&cluster, acknowledged).await? })
}

/// An acknowledged put.
#[derive(Clone, Copy)]
struct Ack {
    sent: Instant,
    answered: Instant,
}

/// When the first put was acknowledged that was sent after `gone`.
async fn after(latest: &mut watch::Receiver<Option<Ack>>, gone: Instant) -> Done<Instant> {
    // Copied, because writers wait while it is looked at.
    let ack = *latest.wait_for(|ack| ack.is_some_and(|ack| ack.sent > gone)).await?;
    Ok(ack.ok_or("no acknowledgement")?.answered)
}

/// Puts `numbers` one after the other until `stopped`; gives those that were acknowledged. What was not answered may have
/// been carried out or not, and is not looked for.
async fn write(
    system: System,
    address: String,
    numbers: impl Iterator<Item = u64>,
    last: Arc<watch::Sender<Option<Ack>>>,
    stopped: watch::Receiver<bool>,
) -> Vec<u64> {
    let (mut connection, mut acknowledged) = (None, Vec::new());
    for number in numbers {
        if *stopped.borrow() {
            break;
        }
        let sent = Instant::now();
        match timeout(TRY, attempt(&mut connection, &system, &address, number)).await {
            Ok(Ok(())) => {
                acknowledged.push(number);
                last.send_replace(Some(Ack { sent, answered: Instant::now() }));
            }
            Ok(Err(_)) => {
                connection = None;
                sleep(AGAIN).await;
            }
            Err(_) => connection = None,
        }
    }
    acknowledged
}

async fn attempt(connection: &mut Option<Client>, system: &System, address: &str, number: u64) -> Done {
    if connection.is_none() {
        *connection = Some(Client::connect(system, address).await?);
    }
    match connection {
        Some(client) => client.put(&key(number), &value(number)).await,
        None => Err("no connection".into()),
    }
}

fn key(number: u64) -> String {
    format!("kill-{number:09}")
}

/// How many of the acknowledged puts cannot be read.
async fn lost(cluster: &Cluster, acknowledged: Vec<u64>) -> Done<usize> {
    let share = acknowledged.len().div_ceil(READERS).max(1);
    let mut readers = Vec::new();
    for (at, numbers) in acknowledged.chunks(share).enumerate() {
        let mut client = cluster.client(at % MEMBERS).await?;
        let numbers = numbers.to_vec();
        readers.push(tokio::spawn(async move {
            let mut lost = 0;
            for number in numbers {
                lost += usize::from(client.get(&key(number)).await? != Some(value(number)));
            }
            Done::Ok(lost)
        }));
    }
    let mut lost = 0;
    for reader in readers {
        lost += reader.await??;
    }
    Ok(lost)
}

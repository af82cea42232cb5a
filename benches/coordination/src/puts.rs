//! Throughput and times of puts: in each round every system takes its turn with every row, alone on the machine.

use crate::{
    Done,
    cluster::{Cluster, System},
    figures::{figure, median},
    floor,
    load::{self, Load},
    options::Options,
    row::{KEYS, Row, VALUE},
};

/// The rounds of each row, for each system.
type Measured = Vec<Vec<Vec<Load>>>;
/// A figure of a row: its name, how many digits of it are told, and itself.
type Figure = (&'static str, usize, fn(&Load) -> f64);

const FIGURES: [Figure; 4] = [
    ("puts/s", 0, |load| load.rate),
    ("p50, ms", 2, |load| load.p50),
    ("p99, ms", 2, |load| load.p99),
    ("CPU of the members, µs a put", 0, |load| load.cpu),
];

pub(crate) async fn measure(systems: &[System], options: &Options) -> Done {
    let rows = Row::wanted(options.clients);
    let mut floors = Vec::new();
    let mut measured: Measured = systems.iter().map(|_| rows.iter().map(|_| Vec::new()).collect()).collect();
    for round in 0..options.rounds {
        floors.push(floor::syncs(&options.folder)?);
        for turn in 0..systems.len() {
            // Each is the first of a round as often as the other.
            let at = (turn + round) % systems.len();
            let cluster = Cluster::start(&systems[at], options).await?;
            for (row, loads) in rows.iter().zip(&mut measured[at]) {
                eprint!("\rround {} {:<8} {} clients  ", round + 1, systems[at].name(), row.clients);
                loads.push(load::put(&cluster, row, options.time).await?);
            }
        }
    }
    eprintln!();
    let (rounds, seconds) = (options.rounds, options.time.as_secs());
    println!(
        "\nputs of {VALUE} bytes over {KEYS} keys; medians of {rounds} rounds of {seconds} s, ratios within a round"
    );
    println!("append of {VALUE} bytes and fdatasync, one at a time: {:.0} per second", median(floors));
    print(&measured, systems, &rows);
    Ok(())
}

fn print(measured: &Measured, systems: &[System], rows: &[Row]) {
    let of = |name: &str, row: usize| -> &[Load] {
        let at = systems.iter().position(|system| system.name() == name);
        at.map_or(&[], |at| &measured[at][row])
    };
    println!(
        "\n| clients | to | measure | Kailash | etcd | ratio | least .. most |\n|---|---|---|---|---|---|---|"
    );
    for (at, row) in rows.iter().enumerate() {
        let (kailash, etcd) = (of("kailash", at), of("etcd", at));
        for (name, digits, measure) in FIGURES {
            let [ours, theirs] =
                [kailash, etcd].map(|loads| figure(median(loads.iter().map(measure)), digits));
            let mut ratios: Vec<_> =
                kailash.iter().zip(etcd).map(|(ours, theirs)| measure(ours) / measure(theirs)).collect();
            ratios.sort_by(f64::total_cmp);
            let [least, most] =
                [ratios.first(), ratios.last()].map(|ratio| figure(ratio.copied().unwrap_or(f64::NAN), 2));
            println!(
                "| {} | {} | {name} | {ours} | {theirs} | {} | {least} .. {most} |",
                row.clients,
                row.to(),
                figure(median(ratios), 2),
            );
        }
    }
}

//! Journal candidates side by side: completions per second that are durable, over 64 concurrent runs.
//!
//! Every candidate gets the same load: 64 threads, each with a run of its own, append a record of 200 bytes and wait
//! until it is durable. redb and fjall are given a thread that commits all that waits at once, as our log has, because
//! a commit for each record is bounded by the disk alone. The floor is a loop that writes 200 bytes and syncs.
//!
//! `cargo run --release --manifest-path benches/stores/Cargo.toml [-- FOLDER]`

mod grouped;

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use kailash_core::{
    RunId,
    exec::RunLog,
    log::{Folder, LogSettings, SegmentRunLog},
};

use grouped::Grouped;

const RUNS: u128 = 64;
const RECORD: usize = 200;
const TIME: Duration = Duration::from_secs(4);

/// How many records a second `append` takes when each of the runs waits for its own.
fn rate(append: impl Fn(u128, u64, Bytes) + Sync) -> f64 {
    let started = Instant::now();
    let body = Bytes::from(vec![7; RECORD]);
    let total: u64 = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..RUNS)
            .map(|run| {
                let (append, body) = (&append, &body);
                scope.spawn(move || {
                    let mut seq = 0;
                    while started.elapsed() < TIME {
                        append(run, seq, body.clone());
                        seq += 1;
                    }
                    seq
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().expect("a writer ends")).sum()
    });
    total as f64 / started.elapsed().as_secs_f64()
}

fn syncs(folder: &Path) -> f64 {
    let mut file = File::create(folder.join("floor")).expect("a file");
    let started = Instant::now();
    let mut count = 0_u64;
    while started.elapsed() < TIME {
        file.write_all(&[7; RECORD]).expect("written");
        file.sync_data().expect("synced");
        count += 1;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

fn segments(folder: &Path) -> f64 {
    let folder = Folder::open(folder.join("segments")).expect("a folder");
    let log = Arc::new(SegmentRunLog::open(folder, LogSettings::default()).expect("a log"));
    rate(|run, seq, body| {
        pollster::block_on(log.append(RunId::from_u128(run), seq, vec![body])).expect("appended");
    })
}

fn redb(folder: &Path) -> f64 {
    const TABLE: redb::TableDefinition<'_, (u128, u64), &[u8]> = redb::TableDefinition::new("journal");
    let database = redb::Database::create(folder.join("redb")).expect("a database");
    let store = Grouped::new(move |batch: &[(u128, u64, Bytes)]| {
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut table = transaction.open_table(TABLE).expect("a table");
            for (run, seq, body) in batch {
                table.insert((*run, *seq), &body[..]).expect("inserted");
            }
        }
        transaction.commit().expect("committed");
    });
    rate(|run, seq, body| store.append(run, seq, body))
}

fn fjall(folder: &Path) -> f64 {
    let database = fjall::Database::builder(folder.join("fjall")).open().expect("a database");
    let keyspace = database.keyspace("journal", fjall::KeyspaceCreateOptions::default).expect("a keyspace");
    let store = Grouped::new(move |batch: &[(u128, u64, Bytes)]| {
        let mut write = database.batch();
        for (run, seq, body) in batch {
            let mut key = run.to_be_bytes().to_vec();
            key.extend(seq.to_be_bytes());
            write.insert(&keyspace, key, &body[..]);
        }
        write.commit().expect("committed");
        database.persist(fjall::PersistMode::SyncData).expect("synced");
    });
    rate(|run, seq, body| store.append(run, seq, body))
}

fn main() {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let candidates: [(&str, fn(&Path) -> f64); 4] = [
        ("write and sync, one thread", syncs),
        ("segment log", segments),
        ("redb, grouped", redb),
        ("fjall, grouped", fjall),
    ];
    let mut rates = vec![Vec::new(); candidates.len()];
    for round in 0..3 {
        for (at, (_, measure)) in candidates.iter().enumerate() {
            let folder = tempfile::tempdir_in(&root).expect("a folder");
            rates[at].push(measure(folder.path()));
            eprint!("\rround {} candidate {}", round + 1, at + 1);
        }
    }
    eprintln!();
    println!("{RUNS} runs, records of {RECORD} bytes, durable per second (median of 3 rounds)");
    for ((name, _), rates) in candidates.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        println!("  {name:<28} {:>10.0}   {:>10.0} .. {:.0}", rates[1], rates[0], rates[2]);
    }
}

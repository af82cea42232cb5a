//! Load from `wrk`, on each candidate in turn.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{
    Done,
    candidates::{NAMES, target},
    median,
};

/// Connections at a time.
const CONNECTIONS: &str = "64";

struct Measured {
    rate: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
}

/// Runs the rounds and prints the table.
pub(crate) fn compare(options: &[&str]) -> Done {
    let option = |name: &str, default: u32| -> Done<u32> {
        match options.iter().position(|option| *option == name) {
            Some(at) => Ok(options.get(at + 1).ok_or("an option lacks its value")?.parse()?),
            None => Ok(default),
        }
    };
    let (seconds, rounds) = (option("--seconds", 3)?, option("--rounds", 5)?);
    let mut all: Vec<Measured> =
        NAMES.iter().map(|_| Measured { rate: Vec::new(), p50_us: Vec::new(), p99_us: Vec::new() }).collect();
    for _ in 0..rounds {
        for (name, measured) in NAMES.iter().zip(&mut all) {
            let (rate, p50, p99) = one(name, seconds)?;
            measured.rate.push(rate);
            measured.p50_us.push(p50);
            measured.p99_us.push(p99);
        }
    }
    println!("{CONNECTIONS} connections, {rounds} rounds of {seconds} s\n");
    println!("| server | requests/s | of echo | p50 | p99 |\n|---|---|---|---|---|");
    let base = median(&mut all[0].rate.clone());
    for (name, measured) in NAMES.iter().zip(&mut all) {
        let rate = median(&mut measured.rate);
        let (p50, p99) = (median(&mut measured.p50_us), median(&mut measured.p99_us));
        println!(
            "| {name} | {rate:.0} | {:.0} % | {:.2} ms | {:.2} ms |",
            100.0 * rate / base,
            p50 / 1e3,
            p99 / 1e3
        );
    }
    Ok(())
}

fn one(name: &str, seconds: u32) -> Done<(f64, f64, f64)> {
    let folder = tempfile::tempdir()?;
    let (mut server, address) = start(&["candidate", name, &folder.path().display().to_string()])?;
    let (path, body) = target(name);
    let script = folder.path().join("request.lua");
    let lua = format!(
        "wrk.method = 'POST'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.body = '{body}'\n"
    );
    fs::write(&script, lua)?;
    let wrk = Command::new("wrk")
        .args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s"), "--latency", "-s"])
        .arg(&script)
        .arg(format!("http://{address}{path}"))
        .output();
    drop(server.stdin.take());
    server.wait()?;
    let output = wrk.map_err(|error| format!("wrk: {error}; install the package `wrk`"))?;
    let text = String::from_utf8(output.stdout)?;
    if text.contains("Non-2xx") || !output.status.success() {
        return Err(format!("{name} answered badly:\n{text}").into());
    }
    let after = |label: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(label)).map(str::trim).ok_or("wrk said less")
    };
    Ok((after("Requests/sec:")?.parse()?, micros(after("50%")?)?, micros(after("99%")?)?))
}

/// Starts this program as another process and reads the address that it prints.
pub(crate) fn start(arguments: &[&str]) -> Done<(Child, String)> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let out = child.stdout.take().ok_or("no stdout")?;
    BufReader::new(out).read_line(&mut line)?;
    Ok((child, line.trim().to_owned()))
}

fn micros(text: &str) -> Done<f64> {
    let (number, unit) = text.split_at(text.find(|sign: char| sign.is_alphabetic()).ok_or("no unit")?);
    let scale = match unit {
        "us" => 1.0,
        "ms" => 1e3,
        _ => 1e6,
    };
    Ok(number.parse::<f64>()? * scale)
}

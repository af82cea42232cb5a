//! How soon `kailash serve` is ready, and how much memory it takes while nothing happens.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Done, median, resident_mb};

/// How often the process is started.
const STARTS: usize = 21;

/// Starts the command again and again, and prints the medians.
#[expect(clippy::disallowed_methods, reason = "memory settles after the start, and nothing tells when")]
pub(crate) fn measure() -> Done {
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let folder = tempfile::tempdir()?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let began = Instant::now();
        let mut server = Command::new(env!("CARGO_BIN_EXE_kailash"))
            .args(["serve", "--listen", &address, "--data"])
            .arg(folder.path().join("data"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        while !is_ready(&address) {
            if began.elapsed() > Duration::from_secs(10) {
                return Err("kailash serve is not ready after 10 s".into());
            }
            std::hint::spin_loop();
        }
        ready.push(began.elapsed().as_secs_f64() * 1e3);
        std::thread::sleep(Duration::from_millis(200));
        resident.push(resident_mb(server.id())?);
        server.kill()?;
        server.wait()?;
    }
    let (ready, resident) = (median(&mut ready), median(&mut resident));
    println!("\nidle `kailash serve`: ready {ready:.1} ms after start, {resident:.1} MB resident");
    Ok(())
}

fn is_ready(address: &str) -> bool {
    let asked = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    asked().unwrap_or(false)
}

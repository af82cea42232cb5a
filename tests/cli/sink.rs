//! A server that nodes act on.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

/// A server that counts requests, and effects by their idempotency keys.
#[derive(Clone, Default)]
pub(crate) struct Sink(Arc<Mutex<Counted>>);

#[derive(Default)]
struct Counted {
    /// Requests by path.
    requests: BTreeMap<String, u32>,
    /// Effects by key: what was done, once each.
    effects: BTreeMap<String, String>,
    /// The request, counted from now, that is not answered while whoever sent it lives.
    held: Option<usize>,
}

impl Sink {
    /// The sink's address, and the paths of requests as they arrive.
    pub(crate) fn open(&self) -> (String, Receiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (sender, arrived) = channel();
        let sink = self.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (sink, sender) = (sink.clone(), sender.clone());
                std::thread::spawn(move || sink.serve(&stream.unwrap(), &sender));
            }
        });
        (address, arrived)
    }

    /// Answers one request, if whoever sent it lives long enough.
    fn serve(&self, stream: &TcpStream, arrived: &Sender<String>) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let mut first = String::new();
        reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
        let path = first.split(' ').nth(1)?.to_owned();
        let (mut key, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "idempotency-key" => value.trim().clone_into(&mut key),
                "content-length" => length = value.trim().parse().ok()?,
                _ => {}
            }
        }
        reader.read_exact(&mut vec![0; length]).ok()?;
        let hold = {
            let mut counted = self.0.lock().unwrap();
            *counted.requests.entry(path.clone()).or_default() += 1;
            counted.effects.insert(key, path.clone());
            let hold = counted.held == Some(0);
            counted.held = counted.held.and_then(|to_go| to_go.checked_sub(1));
            hold
        };
        // Nobody listens any more once the test is over.
        arrived.send(path).ok()?;
        if hold {
            // Ends when the connection does, with the process at its other end.
            reader.read_to_end(&mut Vec::new()).ok()?;
        }
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").ok()
    }

    /// Leaves one request without an answer, after so many others.
    pub(crate) fn hold_after(&self, others: usize) {
        self.0.lock().unwrap().held = Some(others);
    }

    pub(crate) fn requests(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().requests.clone()
    }

    /// How many effects there were.
    pub(crate) fn effects(&self) -> usize {
        self.0.lock().unwrap().effects.len()
    }

    /// How often what each path stands for was done.
    pub(crate) fn effects_by_path(&self) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for path in self.0.lock().unwrap().effects.values() {
            *counts.entry(path.clone()).or_default() += 1;
        }
        counts
    }
}

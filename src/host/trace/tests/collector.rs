//! A stand-in for an OTLP collector: it takes requests over HTTP and reads their protobuf by the field numbers of
//! `opentelemetry/proto/trace/v1/trace.proto`, with code of its own.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
};

/// One request: its path and its spans.
pub(super) struct Received {
    pub(super) path: String,
    pub(super) media: String,
    pub(super) service: Option<String>,
    pub(super) spans: Vec<Span>,
}

/// A span as it came.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) trace: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) parent: Vec<u8>,
    pub(super) name: String,
    /// Nanoseconds since 1970.
    pub(super) began: u64,
    pub(super) ended: u64,
    /// 0 unset, 1 well, 2 an error.
    pub(super) status: u64,
    pub(super) attributes: BTreeMap<String, String>,
}

/// Listens on a free port: its base URL, and what it receives.
pub(super) fn collector() -> (String, Receiver<Received>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, received) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let request = answer(stream.unwrap());
            if sender.send(request).is_err() {
                return;
            }
        }
    });
    (url, received)
}

fn answer(stream: TcpStream) -> Received {
    let mut reader = BufReader::new(stream);
    let (mut line, mut head) = (String::new(), BTreeMap::new());
    reader.read_line(&mut line).unwrap();
    let path = line.split(' ').nth(1).unwrap().to_owned();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        let Some((name, value)) = header.trim().split_once(':') else { break };
        head.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut content = vec![0; head["content-length"].parse().unwrap()];
    reader.read_exact(&mut content).unwrap();
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    reader.into_inner().write_all(answer).unwrap();
    let (mut service, mut spans) = (None, Vec::new());
    for resource_spans in Message::read(&content).messages(1) {
        for resource in resource_spans.messages(1) {
            service = attributes(&resource, 1).remove("service.name");
        }
        for scope_spans in resource_spans.messages(2) {
            spans.extend(scope_spans.messages(2).iter().map(span));
        }
    }
    Received { path, media: head["content-type"].clone(), service, spans }
}

fn span(message: &Message) -> Span {
    Span {
        trace: message.bytes(1),
        id: message.bytes(2),
        parent: message.bytes(4),
        name: message.text(5),
        began: message.number(7),
        ended: message.number(8),
        attributes: attributes(message, 9),
        status: message.messages(15).first().map_or(0, |status| status.number(3)),
    }
}

/// The key-value pairs in field `field`, with texts, numbers and fractions as text.
fn attributes(message: &Message, field: u64) -> BTreeMap<String, String> {
    let pairs = message.messages(field);
    let told = pairs.iter().map(|pair| {
        let value = &pair.messages(2)[0];
        let text = match value.0.keys().next() {
            Some(3) => value.number(3).to_string(),
            Some(4) => f64::from_bits(value.number(4)).to_string(),
            _ => value.text(1),
        };
        (pair.text(1), text)
    });
    told.collect()
}

/// A protobuf message: for each field number what stands there.
struct Message(BTreeMap<u64, Vec<Field>>);

enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

impl Message {
    fn read(mut bytes: &[u8]) -> Self {
        let mut fields: BTreeMap<u64, Vec<Field>> = BTreeMap::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)),
                1 => Field::Number(u64::from_le_bytes(take(&mut bytes, 8).try_into().unwrap())),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)).unwrap();
                    Field::Bytes(take(&mut bytes, length).to_vec())
                }
                5 => Field::Number(u32::from_le_bytes(take(&mut bytes, 4).try_into().unwrap()).into()),
                other => panic!("no wire type {other}"),
            };
            fields.entry(tag >> 3).or_default().push(field);
        }
        Self(fields)
    }

    fn all(&self, field: u64) -> &[Field] {
        self.0.get(&field).map_or(&[], Vec::as_slice)
    }

    fn messages(&self, field: u64) -> Vec<Self> {
        let bytes = self.all(field).iter().filter_map(|field| match field {
            Field::Bytes(bytes) => Some(Self::read(bytes)),
            Field::Number(_) => None,
        });
        bytes.collect()
    }

    fn bytes(&self, field: u64) -> Vec<u8> {
        match self.all(field).first() {
            Some(Field::Bytes(bytes)) => bytes.clone(),
            _ => Vec::new(),
        }
    }

    fn text(&self, field: u64) -> String {
        String::from_utf8(self.bytes(field)).unwrap()
    }

    fn number(&self, field: u64) -> u64 {
        match self.all(field).first() {
            Some(Field::Number(number)) => *number,
            _ => 0,
        }
    }
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> &'b [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

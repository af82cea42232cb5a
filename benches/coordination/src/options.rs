//! What the command line says.

use std::{path::PathBuf, time::Duration};

use crate::Done;

/// The parts of the bench.
const PARTS: [&str; 3] = ["puts", "kills", "memory"];

pub(crate) struct Options {
    pub(crate) kailash: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) kills: usize,
    pub(crate) only: Option<String>,
    /// The rows with this many clients, if it is given.
    pub(crate) clients: Option<usize>,
    parts: Vec<String>,
}

impl Options {
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Done<Self> {
        let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/kailash");
        let mut options = Self {
            kailash: built.into(),
            folder: ".".into(),
            rounds: 3,
            time: Duration::from_secs(3),
            kills: 10,
            only: None,
            clients: None,
            parts: Vec::new(),
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} lacks its value"));
            match word.as_str() {
                "--kailash" => options.kailash = value()?.into(),
                "--folder" => options.folder = value()?.into(),
                "--rounds" => options.rounds = value()?.parse()?,
                "--seconds" => options.time = Duration::from_secs(value()?.parse()?),
                "--kills" => options.kills = value()?.parse()?,
                "--clients" => options.clients = Some(value()?.parse()?),
                "--only" => options.only = Some(value()?),
                part if PARTS.contains(&part) => options.parts.push(word),
                _ => return Err(format!("`{word}` is neither an option nor one of {PARTS:?}").into()),
            }
        }
        Ok(options)
    }

    /// Whether `part` is to be measured.
    pub(crate) fn has(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|named| named == part)
    }
}

//! What makes a run shorter or longer, as variables.

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow};

/// The settings.
pub struct Settings {
    /// `FAUNA_BENCH_PARTS`: what is measured; server,client,ofrep.
    pub parts: Vec<Part>,
    /// `FAUNA_BENCH_STREAMS`: how many streams, one run each; 10000,15000.
    pub streams: Vec<usize>,
    /// `FAUNA_BENCH_CHANGES`: how many changes are committed one by one; 1000.
    pub changes: usize,
    /// `FAUNA_BENCH_FLAGS`: how many flags there are; 100.
    pub flags: usize,
    /// `FAUNA_BENCH_SECONDS`: how long each kind of request is made; 20.
    pub seconds: u64,
    /// `FAUNA_BENCH_EDGE`: the program unleash-edge, to compare with; none.
    pub edge: Option<PathBuf>,
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Streams of documents.
    Server,
    /// Streams of results, each for a context of its own.
    Client,
    /// Remote evaluation.
    Ofrep,
}

impl FromStr for Part {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "server" => Ok(Self::Server),
            "client" => Ok(Self::Client),
            "ofrep" => Ok(Self::Ofrep),
            _ => Err(()),
        }
    }
}

impl Settings {
    /// Reads them.
    pub fn read() -> Result<Self> {
        Ok(Self {
            parts: list("PARTS", "server,client,ofrep")?,
            streams: list("STREAMS", "10000,15000")?,
            changes: one("CHANGES", 1000)?,
            flags: one("FLAGS", 100)?,
            seconds: one("SECONDS", 20)?,
            edge: std::env::var_os("FAUNA_BENCH_EDGE").map(PathBuf::from),
        })
    }
}

fn list<T: FromStr>(name: &str, default: &str) -> Result<Vec<T>> {
    let text = std::env::var(format!("FAUNA_BENCH_{name}")).unwrap_or_else(|_| default.to_owned());
    text.split(',').map(|item| read(name, item)).collect()
}

fn one<T: FromStr>(name: &str, default: T) -> Result<T> {
    std::env::var(format!("FAUNA_BENCH_{name}")).map_or(Ok(default), |text| read(name, &text))
}

fn read<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.trim().parse().map_err(|_| anyhow!("FAUNA_BENCH_{name} has {text:?}, which it cannot have"))
}

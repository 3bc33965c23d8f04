//! What makes a run shorter or longer, as variables.

use std::str::FromStr;

use anyhow::{Result, anyhow};

/// The settings.
pub struct Settings {
    /// `FAUNA_BENCH_STREAMS`: how many streams, one run each; 10000,15000.
    pub streams: Vec<usize>,
    /// `FAUNA_BENCH_CHANGES`: how many changes are committed one by one; 1000.
    pub changes: usize,
    /// `FAUNA_BENCH_FLAGS`: how many flags there are; 100.
    pub flags: usize,
}

impl Settings {
    /// Reads them.
    pub fn read() -> Result<Self> {
        Ok(Self {
            streams: list("STREAMS", "10000,15000")?,
            changes: one("CHANGES", 1000)?,
            flags: one("FLAGS", 100)?,
        })
    }
}

fn list(name: &str, default: &str) -> Result<Vec<usize>> {
    let text = std::env::var(format!("FAUNA_BENCH_{name}")).unwrap_or_else(|_| default.to_owned());
    text.split(',').map(|item| number(name, item)).collect()
}

fn one(name: &str, default: usize) -> Result<usize> {
    std::env::var(format!("FAUNA_BENCH_{name}")).map_or(Ok(default), |text| number(name, &text))
}

fn number<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.trim().parse().map_err(|_| anyhow!("FAUNA_BENCH_{name} has {text:?} where a number is expected"))
}

//! How a committed change reaches thousands of streams, beside a bare loop that writes the same bytes to as many sockets.
//!
//! `make bench-bridge` runs this; docs/benchmarks.md says how it measures. The program starts itself twice more: `generate` holds
//! the clients, `floor N` is the bare loop. Processes, so that each has its own descriptors; one that drives, one or two
//! that are driven, so that nothing else wakes up while a change is on its way.
#![forbid(unsafe_code)]

mod children;
mod clock;
mod connection;
mod edge;
mod events;
mod floor;
mod generator;
mod load;
mod ofrep;
mod protocol;
mod report;
mod settings;
mod stage;
mod streams;

use anyhow::{Context as _, Result, bail};
use fauna_tests::Cluster;

use report::Aims;
use settings::{Part, Settings};
use streams::Kind;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => drive(),
        ["generate"] => generator::run(),
        ["ask"] => {
            let ask = serde_json::from_str(&std::io::read_to_string(std::io::stdin())?)?;
            report::say(&serde_json::to_string(&load::run(&ask)?)?)
        }
        ["floor", streams] => floor::run(streams.parse().context("the number of streams")?),
        _ => bail!("usage: fauna-bench-bridge; its settings are variables"),
    }
}

#[tokio::main(worker_threads = 1)]
async fn drive() -> Result<()> {
    let settings = Settings::read()?;
    let cluster = Cluster::start();
    let mut aims = Aims::default();
    for &part in &settings.parts {
        let kind = match part {
            Part::Server => Kind::Server,
            Part::Client => Kind::Client,
            Part::Ofrep => {
                ofrep::measure(&cluster, &settings, &mut aims).await?;
                continue;
            }
        };
        for &streams in &settings.streams {
            streams::measure(&cluster, &settings, kind, streams, &mut aims).await?;
        }
    }
    aims.print()
}

//! Remote evaluation: how many answers a second, and how long each takes.

use anyhow::Result;
use fauna_tests::Cluster;

use crate::children;
use crate::clock::milliseconds;
use crate::protocol::{Ask, Asked};
use crate::report::{Aims, say, table};
use crate::settings::Settings;
use crate::stage::{Stage, port};

/// As in the comparison with other servers, which was made with `wrk`.
const CONNECTIONS: usize = 32;

/// Flags, all of which a bulk answer holds.
const FLAGS: usize = 1000;

/// What unleash-edge 19 answered on two cores, one flag and all of 1 000, requests a second.
const EDGE: [u64; 2] = [25_300, 691];

/// One flag, then all.
pub async fn measure(cluster: &Cluster, settings: &Settings, aims: &mut Aims) -> Result<()> {
    let stage = Stage::set(cluster, FLAGS).await?;
    let bridge = stage.bridge(None).await?;
    let ask = |path: &str| -> Result<Asked> {
        children::ask(&Ask {
            port: port(&bridge)?,
            connections: CONNECTIONS,
            milliseconds: settings.seconds * 1000,
            head: format!(
                "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: Bearer {}\r\n",
                stage.server_key
            ),
            body: r#"{"context":{"targetingKey":"user-{number}","country":"CA"}}"#.into(),
        })
    };
    let one = ask("/ofrep/v1/evaluate/flags/flag-1")?;
    let all = ask("/ofrep/v1/evaluate/flags")?;

    say(&format!("OFREP, {CONNECTIONS} connections, {} s each", settings.seconds))?;
    say("")?;
    let rows = [row("one flag", &one), row(&format!("all of {FLAGS} flags"), &all)];
    table(&["milliseconds", "p50", "p99", "max", "requests/s"], &rows)?;
    aims.at_least("OFREP, one flag: requests/s (1.5x unleash-edge)", EDGE[0] * 3 / 2, one.per_second);
    aims.at_least("OFREP, 1 000 flags: requests/s (10x unleash-edge)", EDGE[1] * 10, all.per_second);
    Ok(())
}

fn row(name: &str, asked: &Asked) -> Vec<String> {
    let cell = |nanoseconds| format!("{:.2}", milliseconds(nanoseconds));
    vec![name.into(), cell(asked.p50), cell(asked.p99), cell(asked.max), asked.per_second.to_string()]
}

//! A committed change on its way to every stream, beside the same bytes from the floor; and a herd that comes back.
//!
//! Bridge and floor take turns in one run, each with clients of its own that a generator of its own holds, so that both
//! share the machine's weather. A delay is counted from when PostgreSQL has acknowledged the COMMIT, or the driver has begun to hand
//! the floor the bytes, until a client has read and understood the event.

use anyhow::Result;
use fauna_tests::{Bridge, Cluster};

use crate::children::{Floor, Generator};
use crate::clock::{milliseconds, now};
use crate::protocol::{Open, Report};
use crate::report::{Aims, say, table};
use crate::settings::Settings;
use crate::stage::{Stage, memory, port};

/// One round in so many is also the floor's.
const FLOOR_EVERY: usize = 4;

/// Changes that are committed without waiting for anybody.
const BURST: i64 = 100;

/// Changes that clients miss while the bridge is away.
const MISSED: i64 = 3;

/// Rounds before anything is counted.
const WARM_UP: usize = 10;

/// What the streams carry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Documents, the same bytes for all.
    Server,
    /// Results, each for a context of its own, all of which change with every commit.
    Client,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Server => "server streams",
            Self::Client => "client streams",
        }
    }

    /// How many times the floor's p99 its own may be.
    fn aim(self) -> f64 {
        match self {
            Self::Server => 1.3,
            Self::Client => 2.0,
        }
    }

    fn open(self, stage: &Stage<'_>, port: u16, streams: usize) -> Open {
        let (request, key, body) = match self {
            Self::Server => ("GET /v1/stream", &stage.server_key, ""),
            Self::Client => (
                "POST /v1/client/stream",
                &stage.client_key,
                r#"{"context":{"targetingKey":"user-{stream}","country":"CA"}}"#,
            ),
        };
        let length = body.replace("{stream}", "000000").len();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n"
        );
        Open { port, streams, head, body: body.to_owned() }
    }

    /// A client whose result is what it was hears nothing, so of changes that cancel each other out it need not hear.
    fn burst(self) -> i64 {
        match self {
            Self::Server => BURST,
            Self::Client => 0,
        }
    }
}

/// Everything about so many streams.
pub async fn measure(
    cluster: &Cluster,
    settings: &Settings,
    kind: Kind,
    streams: usize,
    aims: &mut Aims,
) -> Result<()> {
    let mut stage = Stage::set(cluster, settings.flags).await?;
    let bridge = stage.bridge(None).await?;
    let before = memory(bridge.pid())?;
    let open = kind.open(&stage, port(&bridge)?, streams);
    let started = now();
    let mut clients = Generator::start(open.clone())?;
    clients.opened()?;
    clients.expect(stage.revision())?;
    let (at, first) = clients.complete()?;
    let opening = at - started;
    let opened = memory(bridge.pid())?;

    let (mut floor, floor_port) = Floor::start(streams)?;
    let mut floor_clients = Generator::start(Open { port: floor_port, ..open })?;
    floor_clients.opened()?;
    floor.connected()?;
    // The head of an answer and a first state, as the bridge's clients have had.
    floor.send(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let (_, _) = send_to_floor(&mut floor, &mut floor_clients, stage.revision(), &first)?;

    for round in 0..WARM_UP + settings.changes {
        if round == WARM_UP {
            clients.report()?;
            floor_clients.report()?;
        }
        clients.expect(stage.revision() + 1)?;
        stage.commit().await?;
        let committed = now();
        let (_, event) = clients.complete()?;
        clients.since(committed)?;
        if round % FLOOR_EVERY == 0 {
            let (sent, _) = send_to_floor(&mut floor, &mut floor_clients, stage.revision(), &event)?;
            floor_clients.since(sent)?;
        }
    }
    let timed = clients.report()?;
    let floor_timed = floor_clients.report()?;
    drop((floor, floor_clients));

    let burst_of = kind.burst();
    clients.expect(stage.revision() + burst_of)?;
    for _ in 0..burst_of {
        stage.commit().await?;
    }
    let committed = now();
    let (at, _) = clients.complete()?;
    let burst = clients.report()?;
    let burst_took = at.saturating_sub(committed);
    let worked = memory(bridge.pid())?;

    let herd = herd(&mut stage, bridge, &mut clients).await?;

    say(&format!(
        "{streams} {}, {} flags, {} changes one by one; opened in {:.0} ms",
        kind.name(),
        settings.flags,
        settings.changes,
        milliseconds(opening)
    ))?;
    say("")?;
    table(
        &["milliseconds", "p50", "p99", "max", "deliveries"],
        &[
            row("committed -> read by the client", &timed),
            row("floor: written -> read by the client", &floor_timed),
        ],
    )?;
    let growth = per_stream(opened.saturating_sub(before), streams);
    let later = per_stream(worked.saturating_sub(before), streams);
    let mut rows = vec![
        vec!["memory of the bridge per stream, opened".into(), format!("{growth:.1} KiB")],
        vec!["the same after all changes".into(), format!("{later:.1} KiB")],
        vec![
            "herd: kill -9 and start, until the bridge is ready".into(),
            format!("{:.0} ms", milliseconds(herd.ready)),
        ],
        vec![
            "herd: until every client holds the exact state".into(),
            format!("{:.0} ms", milliseconds(herd.recovered)),
        ],
        vec!["herd: attempts that were refused".into(), herd.report.refused.to_string()],
    ];
    if burst_of > 0 {
        rows.push(vec![
            format!("{burst_of} commits at once: all clients there after the last"),
            format!("{:.0} ms", milliseconds(burst_took)),
        ]);
    }
    table(&["", "measured"], &rows)?;

    let name = |what: &str| format!("{streams} {}: {what}", kind.name());
    let ratio = milliseconds(timed.p99) / milliseconds(floor_timed.p99);
    aims.at_most(&name("p99 / p99 of the floor"), kind.aim(), ratio, "x");
    if kind == Kind::Server {
        aims.at_most(&name("memory of the bridge per stream"), 12.0, growth.max(later), " KiB");
    }
    let lost = timed.gaps + burst.gaps + herd.report.gaps;
    aims.at_most(&name("events that did not follow"), 0.0, as_f64(lost), "");
    aims.at_most(&name("streams that ended or were reset"), 0.0, as_f64(timed.ended + burst.ended), "");
    aims.at_most(&name("herd recovered"), 10.0, milliseconds(herd.recovered) / 1000.0, " s");
    Ok(())
}

/// Sends what the bridge has sent; returns when it began, and when the last client had it.
fn send_to_floor(
    floor: &mut Floor,
    clients: &mut Generator,
    revision: i64,
    event: &str,
) -> Result<(u64, u64)> {
    clients.expect(revision)?;
    let sent = now();
    floor.send(event.as_bytes())?;
    let (at, _) = clients.complete()?;
    Ok((sent, at))
}

struct Herd {
    ready: u64,
    recovered: u64,
    report: Report,
}

/// Kills the bridge, lets the clients miss some changes, starts it again.
async fn herd(stage: &mut Stage<'_>, mut bridge: Bridge, clients: &mut Generator) -> Result<Herd> {
    let address = format!("127.0.0.1:{}", port(&bridge)?);
    clients.expect(stage.revision() + MISSED)?;
    bridge.signal("KILL");
    bridge.exit_code().await;
    for _ in 0..MISSED {
        stage.commit().await?;
    }
    let started = now();
    let _bridge = stage.bridge(Some(address)).await?;
    let ready = now() - started;
    let (at, _) = clients.complete()?;
    Ok(Herd { ready, recovered: at.saturating_sub(started), report: clients.report()? })
}

fn row(name: &str, report: &Report) -> Vec<String> {
    let cell = |nanoseconds| format!("{:.1}", milliseconds(nanoseconds));
    vec![name.into(), cell(report.p50), cell(report.p99), cell(report.max), report.delays.to_string()]
}

fn per_stream(bytes: u64, streams: usize) -> f64 {
    as_f64(bytes) / 1024.0 / as_f64(streams as u64)
}

#[allow(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

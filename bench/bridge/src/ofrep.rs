//! Remote evaluation: how many answers a second, and how long each takes; beside unleash-edge where that is at hand.
//!
//! The two are asked in turn, a slice of the time each, by the same generator over as many connections; what is compared is the median of
//! the rounds' ratios.

use anyhow::{Context as _, Result, ensure};
use fauna_tests::Cluster;

use crate::children;
use crate::clock::milliseconds;
use crate::edge::{self, Edge};
use crate::protocol::{Ask, Asked};
use crate::report::{Aims, say, table};
use crate::settings::Settings;
use crate::stage::{Stage, port};

/// As in comparisons of such servers, which are made with `wrk`.
const CONNECTIONS: usize = 32;

/// Flags, all of which a bulk answer holds.
const FLAGS: usize = 1000;

/// Slices that the time of each kind of request is cut into.
const ROUNDS: u64 = 5;

/// A kind of request: how one server and the other are asked, and how many times the other's rate is aimed at.
struct Kind {
    name: &'static str,
    path: &'static str,
    edge_path: &'static str,
    flags: usize,
    aim: f64,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "one flag",
        path: "/ofrep/v1/evaluate/flags/flag-1",
        edge_path: "/api/frontend/features/flag-1",
        flags: 1,
        aim: 1.5,
    },
    Kind {
        name: "all of 1000 flags",
        path: "/ofrep/v1/evaluate/flags",
        edge_path: "/api/frontend/all",
        flags: FLAGS,
        aim: 10.0,
    },
];

/// One flag, then all.
pub async fn measure(cluster: &Cluster, settings: &Settings, aims: &mut Aims) -> Result<()> {
    let stage = Stage::set(cluster, FLAGS).await?;
    let bridge = stage.bridge(None).await?;
    let edge = match &settings.edge {
        Some(program) => Some(Edge::start(program, FLAGS).await?),
        None => None,
    };
    let fauna = Server {
        port: port(&bridge)?,
        authorization: format!("Bearer {}", stage.server_key),
        body: r#"{"context":{"targetingKey":"user-{number}","country":"CA"}}"#,
        proof: "\"value\":true",
    };
    let edge = edge.as_ref().map(|edge| Server {
        port: edge.port(),
        authorization: edge::TOKEN.to_owned(),
        body: r#"{"userId":"user-{number}","properties":{"country":"CA"}}"#,
        proof: "\"enabled\":true",
    });

    let mut rows = Vec::new();
    for kind in KINDS {
        fauna.check(kind.path, kind.flags).await?;
        if let Some(edge) = &edge {
            edge.check(kind.edge_path, kind.flags).await?;
        }
        let slice = settings.seconds * 1000 / ROUNDS;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ours.push(fauna.ask(kind.path, slice)?);
            if let Some(edge) = &edge {
                theirs.push(edge.ask(kind.edge_path, slice)?);
            }
        }
        if !theirs.is_empty() {
            let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| rate(ours) / rate(theirs)).collect();
            let name = format!("OFREP, {}: requests/s / unleash-edge's", kind.name);
            aims.at_least(&name, kind.aim, median(ratios), "x");
            rows.push(row(&format!("unleash-edge: {}", kind.name), &theirs));
        }
        rows.push(row(kind.name, &ours));
    }
    say(&format!(
        "OFREP, {CONNECTIONS} connections, {} s each; medians of {ROUNDS} rounds",
        settings.seconds
    ))?;
    say("")?;
    table(&["milliseconds", "p50", "p99", "max", "requests/s"], &rows)?;
    if edge.is_none() {
        say(
            "FAUNA_BENCH_EDGE=<the program unleash-edge> puts it beside, and the aims are relative to it.\n",
        )?;
    }
    Ok(())
}

struct Server {
    port: u16,
    authorization: String,
    body: &'static str,
    /// What a right answer says of each flag.
    proof: &'static str,
}

impl Server {
    fn ask(&self, path: &str, milliseconds: u64) -> Result<Asked> {
        children::ask(&Ask {
            port: self.port,
            connections: CONNECTIONS,
            milliseconds,
            head: format!(
                "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nauthorization: {}\r\n",
                self.authorization
            ),
            body: self.body.into(),
        })
    }

    /// Whether every flag is on in an answer: it is to be the same work.
    async fn check(&self, path: &str, flags: usize) -> Result<()> {
        let answer = reqwest::Client::new()
            .post(format!("http://127.0.0.1:{}{path}", self.port))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(self.body)
            .send()
            .await?
            .text()
            .await?;
        let on = answer.matches(self.proof).count();
        ensure!(on == flags, "{on} of {flags} flags are on in what {path} answers");
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "a few digits are shown")]
fn rate(asked: &Asked) -> f64 {
    asked.per_second as f64
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

fn row(name: &str, rounds: &[Asked]) -> Vec<String> {
    let middle = |of: fn(&Asked) -> u64| {
        let mut figures: Vec<u64> = rounds.iter().map(of).collect();
        figures.sort_unstable();
        figures.get(figures.len() / 2).copied().context("a round")
    };
    let time = |of: fn(&Asked) -> u64| {
        middle(of).map_or_else(|_| String::new(), |figure| format!("{:.2}", milliseconds(figure)))
    };
    vec![
        name.into(),
        time(|asked| asked.p50),
        time(|asked| asked.p99),
        time(|asked| asked.max),
        middle(|asked| asked.per_second).map_or_else(|_| String::new(), |figure| figure.to_string()),
    ]
}

//! What is measured: a PostgreSQL cluster of its own, a database with flags, and the bridge in front of it.

use std::fs;

use anyhow::{Context as _, Result};
use fauna_tests::{Bridge, BridgeOptions, Cluster, Database};
use tokio_postgres::Client;

/// The environment whose flag changes.
const ENVIRONMENT: &str = "production";

/// The database and those who write to it.
pub struct Stage<'c> {
    /// The database.
    pub database: Database<'c>,
    client: Client,
    /// A server key.
    pub server_key: String,
    /// A client key.
    pub client_key: String,
    revision: i64,
}

impl<'c> Stage<'c> {
    /// Makes `flags` flags, each with a rule; the first is the one that changes.
    pub async fn set(cluster: &'c Cluster, flags: usize) -> Result<Self> {
        let database = Database::create(cluster).await;
        let client = database.connect().await;
        client
            .batch_execute(&format!(
                "SELECT fauna.create_environment('{ENVIRONMENT}');
                 SELECT fauna.create_attribute('country', 'string');
                 SELECT fauna.create_audience('somewhere');
                 SELECT fauna.add_condition('somewhere', 'country', 'in', '{{CA,US,DE}}');
                 SELECT fauna.create_flag('flag-' || n, client_visible => true) FROM generate_series(1, {flags}) AS n;
                 SELECT fauna.target('flag-' || n, 'somewhere', environment => '{ENVIRONMENT}')
                   FROM generate_series(1, {flags}) AS n;
                 SELECT fauna.enable('flag-' || n, '{ENVIRONMENT}') FROM generate_series(1, {flags}) AS n"
            ))
            .await?;
        let server_key =
            text(&client, &format!("SELECT fauna.create_sdk_key('{ENVIRONMENT}', 'server')")).await?;
        let client_key =
            text(&client, &format!("SELECT fauna.create_sdk_key('{ENVIRONMENT}', 'client')")).await?;
        let revision = revision(&client).await?;
        Ok(Self { database, client, server_key, client_key, revision })
    }

    /// Where the database stands.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Commits a change of one flag, which is one revision more.
    pub async fn commit(&mut self) -> Result<()> {
        self.client
            .batch_execute(&format!(
                "UPDATE fauna.flag_settings SET enabled = NOT enabled
                  WHERE flag_key = 'flag-1' AND environment_key = '{ENVIRONMENT}'"
            ))
            .await?;
        self.revision += 1;
        Ok(())
    }

    /// Starts the bridge, on this address or a free port, and waits until it is ready.
    pub async fn bridge(&self, listen: Option<String>) -> Result<Bridge> {
        let conninfo = self.database.conninfo();
        let bridge = Bridge::start(&conninfo, BridgeOptions { listen, ..BridgeOptions::default() }).await;
        fauna_tests::eventually("the bridge is ready", || async {
            let answer = reqwest::get(format!("{}/readyz", bridge.url())).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
        Ok(bridge)
    }
}

async fn text(client: &Client, sql: &str) -> Result<String> {
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}

async fn revision(client: &Client) -> Result<i64> {
    let sql = format!("SELECT revision FROM fauna.heads WHERE environment_key = '{ENVIRONMENT}'");
    Ok(client.query_one(&sql, &[]).await?.try_get(0)?)
}

/// The port in a bridge's URL.
pub fn port(bridge: &Bridge) -> Result<u16> {
    let (_, port) = bridge.url().rsplit_once(':').context("a port")?;
    Ok(port.parse()?)
}

/// The resident memory of a process, in bytes.
pub fn memory(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024)
}

//! unleash-edge, for comparison: flags from a file, with the same rule.

use std::fs::File;
use std::io::BufWriter;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;

/// What its clients present.
pub const TOKEN: &str = "*:development.frontend";

/// A running unleash-edge.
pub struct Edge {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Edge {
    /// Starts the program with so many flags, each on for some countries.
    pub async fn start(program: &Path, flags: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("features.json");
        serde_json::to_writer(BufWriter::new(File::create(&file)?), &features(flags))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let process = Command::new(program)
            .args(["--interface", "127.0.0.1", "--port", &port.to_string(), "offline", "--bootstrap-file"])
            .arg(&file)
            .args(["--client-tokens", "*:development.secret", "--frontend-tokens", TOKEN])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let edge = Self { process, port, _folder: folder };
        fauna_tests::eventually("unleash-edge is ready", || async {
            let health = format!("http://127.0.0.1:{port}/internal-backstage/health");
            reqwest::get(health).await.ok()?.status().is_success().then_some(())
        })
        .await;
        Ok(edge)
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // It may have ended by itself; what was asked of it has failed then.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn features(flags: usize) -> Value {
    let feature = |number: usize| {
        json!({
            "name": format!("flag-{number}"), "type": "release", "enabled": true, "project": "default",
            "strategies": [{
                "name": "default", "parameters": {},
                "constraints": [{
                    "contextName": "country", "operator": "IN", "values": ["CA", "US", "DE"],
                    "inverted": false, "caseInsensitive": false,
                }],
            }],
        })
    };
    json!({"version": 2, "features": (1..=flags).map(feature).collect::<Vec<_>>(), "segments": []})
}

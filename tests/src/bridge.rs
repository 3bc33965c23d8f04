//! A bridge process in front of a database.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How a test wants its bridge.
#[derive(Default)]
pub struct BridgeOptions {
    /// Further arguments of `fauna-bridge serve`.
    pub args: Vec<String>,
    /// The address to listen on; by default a free loopback port.
    pub listen: Option<String>,
    /// Further variables.
    pub variables: Vec<(&'static str, String)>,
}

/// A running bridge. It is killed when dropped.
pub struct Bridge {
    child: Child,
    url: String,
    log: std::sync::Arc<std::sync::Mutex<Vec<String>>>,
}

impl Bridge {
    /// Starts the built binary and waits until it says which address it listens on.
    pub async fn start(conninfo: &str, options: BridgeOptions) -> Self {
        let mut child = Command::new(binary())
            .args(["serve", "--database-url", conninfo, "--log-format", "json"])
            .args(["--listen", options.listen.as_deref().unwrap_or("127.0.0.1:0")])
            .args(&options.args)
            .envs(options.variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .expect("starting the bridge");
        let mut lines = BufReader::new(child.stdout.take().expect("the bridge's output")).lines();
        let log = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (found, address) = tokio::sync::oneshot::channel();
        let kept = std::sync::Arc::clone(&log);
        tokio::spawn(async move {
            let mut found = Some(found);
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(address) = listening_address(&line)
                    && let Some(found) = found.take()
                {
                    // The receiver is gone only if the test gave up waiting.
                    let _ = found.send(address);
                }
                kept.lock().expect("the log").push(line);
            }
        });
        let address = tokio::time::timeout(crate::DEADLINE, address).await;
        let Ok(Ok(address)) = address else {
            panic!("the bridge did not start:\n{}", log.lock().expect("the log").join("\n"));
        };
        let scheme =
            if options.args.iter().any(|argument| argument == "--tls-cert") { "https" } else { "http" };
        Self { child, url: format!("{scheme}://{address}"), log }
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("a running bridge")
    }

    /// What it has logged so far, a JSON object a line.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("the log").clone()
    }

    /// Sends a signal, for example `TERM`.
    pub fn signal(&self, signal: &str) {
        let status = std::process::Command::new("kill")
            .args([format!("-{signal}"), self.pid().to_string()])
            .status()
            .expect("running kill");
        assert!(status.success(), "kill -{signal} failed");
    }

    /// Waits until the process ends, and returns its exit code.
    pub async fn exit_code(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(crate::DEADLINE, self.child.wait()).await;
        status.expect("the bridge ends in time").expect("reaping the bridge").code()
    }
}

/// Variables under which a process sees its wall clock this far off (`-90s`, `+1h`), and its monotonic clock as it is. Needs Debian's
/// package `faketime`.
pub fn wall_clock_off_by(offset: &str) -> Vec<(&'static str, String)> {
    let folders = std::fs::read_dir("/usr/lib").expect("reading /usr/lib");
    let library = folders
        .filter_map(|folder| Some(folder.ok()?.path().join("faketime/libfaketime.so.1")))
        .find(|path| path.exists())
        .expect("libfaketime: install the package faketime, as scripts/test does");
    vec![
        ("LD_PRELOAD", library.to_str().expect("UTF-8").to_owned()),
        ("FAKETIME", offset.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Runs `fauna-bridge check` with further arguments and variables; returns its exit code and what it printed.
pub async fn check(conninfo: &str, args: &[&str], variables: &[(&str, String)]) -> (Option<i32>, String) {
    let output = Command::new(binary())
        .args(["check", "--database-url", conninfo])
        .args(args)
        .envs(variables.iter().cloned())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output();
    let output =
        tokio::time::timeout(crate::DEADLINE, output).await.expect("it ends in time").expect("running it");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

/// The address in the log line that announces the listener: `{"fields":{"message":"listening","address":"127.0.0.1:…"}}`
/// or the same flat.
fn listening_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    (fields.get("message")? == "listening").then(|| fields.get("address")?.as_str().map(str::to_owned))?
}

/// `FAUNA_E2E_BRIDGE`, or the binary beside the test's own when that was just built.
fn binary() -> PathBuf {
    if let Ok(path) = std::env::var("FAUNA_E2E_BRIDGE") {
        return path.into();
    }
    let test = std::env::current_exe().expect("the test's own path");
    let beside = test.parent().and_then(Path::parent).map(|folder| folder.join("fauna-bridge"));
    beside.filter(|path| path.exists()).unwrap_or_else(|| crate::required_env("FAUNA_E2E_BRIDGE").into())
}

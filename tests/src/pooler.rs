//! A `PgBouncer` in transaction mode in front of a cluster.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::cluster::Cluster;
use crate::database::{Database, connect};
use crate::wait::DEADLINE;

/// A running pooler. It is ended when dropped, and, as a cluster is, with the test process.
///
/// Unless told otherwise, each database and role has a pool of exactly one session, so that all clients share it.
pub struct Pooler {
    port: u16,
    keeper: Child,
}

impl Pooler {
    /// Starts a pooler that lets `postgres` and the given roles in, and waits until it accepts connections.
    pub fn start(cluster: &Cluster, roles: &[&str]) -> Self {
        Self::start_with(cluster, roles, "")
    }

    /// The same with further lines in its settings, where the last word counts.
    pub fn start_with(cluster: &Cluster, roles: &[&str], further: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let folder = cluster.folder().to_str().expect("a folder whose name is UTF-8");
        let path = |ending: &str| format!("{folder}/pgbouncer-{port}.{ending}");
        let (settings, users, log) = (path("ini"), path("users"), path("log"));
        let server = cluster.port();
        fs::write(
            &settings,
            format!(
                "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n\
                pool_mode = transaction\ndefault_pool_size = 1\n{further}\n"
            ),
        )
        .expect("writing the pooler's settings");
        let known: Vec<String> =
            ["postgres"].iter().chain(roles).map(|role| format!("\"{role}\" \"\"")).collect();
        fs::write(&users, known.join("\n") + "\n").expect("writing the pooler's users");
        // `cat` returns when the pipe closes, which is when this process ends or drops the pooler. The pooler keeps
        // nothing that an orderly end would save, and the signals for a quick one differ between its versions.
        let script = r#"
            PATH=$PATH:/usr/sbin pgbouncer "$1" </dev/null >"$2" 2>&1 & pooler=$!
            cat >/dev/null
            kill -KILL $pooler 2>/dev/null; wait $pooler"#;
        let keeper = cluster
            .command("sh")
            .args(["-c", script, "keeper", &settings, &log])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("starting the pooler");
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < DEADLINE,
                "the pooler did not start:\n{}",
                fs::read_to_string(&log).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, keeper }
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection string for the superuser.
    pub fn conninfo(&self, database: &Database<'_>) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/{}", self.port, database.name())
    }

    /// A client of the pooler as `user`.
    pub async fn connect_as(&self, user: &str, database: &Database<'_>) -> Client {
        connect(&format!("postgresql://{user}@127.0.0.1:{}/{}", self.port, database.name())).await
    }

    /// A client of the pooler as the superuser.
    pub async fn connect(&self, database: &Database<'_>) -> Client {
        self.connect_as("postgres", database).await
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        self.keeper.wait().expect("reaping the pooler's keeper");
    }
}

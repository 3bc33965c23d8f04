//! A private PostgreSQL cluster in a temporary folder.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use crate::wait::DEADLINE;

/// Settings for tests: no fsync (the folder is thrown away; a killed server still finds what it wrote), everything that a test may want enabled.
const SETTINGS: &str = "
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 64MB
wal_level = logical
max_wal_senders = 8
max_replication_slots = 8
max_logical_replication_workers = 8
max_worker_processes = 40
max_parallel_workers = 24
max_prepared_transactions = 8
listen_addresses = '127.0.0.1'
log_min_messages = warning
log_line_prefix = '%m [%p] %d '
";

/// The cluster that all tests of one binary share.
pub fn cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}

/// A running PostgreSQL of its own. It listens on a loopback port and on a socket in its folder, and trusts
/// every local connection.
///
/// The server is a child of a small shell that waits for its standard input to close. The test process holds the
/// other end, so when it ends, however it ends, the shell stops the server and removes the folder. That is
/// what lets a `static` hold a cluster.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    keeper: std::sync::Mutex<Option<Child>>,
}

impl Cluster {
    /// Initialises and starts a cluster, and waits until it accepts connections.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// The same with further lines for `postgresql.conf`.
    pub fn start_with(settings: &str) -> Self {
        let cluster = Self::prepare();
        cluster.run(
            "initdb",
            &[
                "--pgdata",
                &cluster.data(),
                "--username",
                "postgres",
                "--auth",
                "trust",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
        );
        cluster.configure(SETTINGS);
        cluster.configure(settings);
        cluster.launch();
        cluster
    }

    /// A streaming standby of `self`, started and following.
    #[must_use]
    pub fn standby(&self) -> Self {
        let standby = Self::prepare();
        standby.run(
            "pg_basebackup",
            &[
                "--pgdata",
                &standby.data(),
                "--write-recovery-conf",
                "--checkpoint",
                "fast",
                "--no-sync",
                "--dbname",
                &self.conninfo("postgres"),
            ],
        );
        standby.launch();
        standby
    }

    fn prepare() -> Self {
        // Asked for first, so that a missing variable leaves no folder behind.
        let _ = bin_folder();
        let folder = tempfile::Builder::new().prefix("fauna-").tempdir().expect("a temporary folder").keep();
        let owner = unprivileged_owner();
        if let Some((user, group)) = owner {
            std::os::unix::fs::chown(&folder, Some(user), Some(group))
                .expect("handing the folder to the server's user");
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("opening the folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        Self { folder, port, owner, keeper: std::sync::Mutex::new(None) }
    }

    /// Appends lines to `postgresql.conf`; they hold from the next start or reload.
    pub fn configure(&self, lines: &str) {
        let path = self.folder.join("data/postgresql.conf");
        let mut file = fs::OpenOptions::new().append(true).open(path).expect("opening postgresql.conf");
        writeln!(file, "{lines}").expect("writing postgresql.conf");
    }

    /// Writes a file that only the server's user may read, and returns where it is.
    pub fn write(&self, name: &str, contents: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, contents).expect("writing a file for the server");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("closing the file to others");
        if let Some((user, group)) = self.owner {
            std::os::unix::fs::chown(&path, Some(user), Some(group)).expect("handing the file over");
        }
        path
    }

    /// Starts the server on this folder (again), and waits until it accepts connections.
    pub fn launch(&self) {
        // `cat` returns when the pipe closes, which is when this process ends or drops the cluster.
        let script = r#"
            "$1/postgres" -D "$2/data" -p "$3" -k "$2" </dev/null >>"$2/log" 2>&1 & server=$!
            cat >/dev/null
            kill -INT $server 2>/dev/null; wait $server; rm -rf "$2""#;
        let keeper = self
            .command("sh")
            .args(["-c", script, "keeper", &bin_folder(), &self.folder_text(), &self.port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("starting PostgreSQL");
        // A predecessor's shell must not remove the folder under the new server: it is only told to go when
        // the cluster is dropped, so a killed server's shell stays until then, harmless.
        let mut slot = self.keeper.lock().expect("the keeper");
        if let Some(mut old) = slot.replace(keeper) {
            old.kill().expect("ending the old keeper");
            old.wait().expect("reaping the old keeper");
        }
        drop(slot);
        let start = Instant::now();
        while !self.is_ready() {
            assert!(start.elapsed() < DEADLINE, "PostgreSQL did not start:\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    fn is_ready(&self) -> bool {
        self.command(&format!("{}/pg_isready", bin_folder()))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .expect("running pg_isready")
            .success()
    }

    /// Ends the whole server at once, as `kill -9` or a power cut would, and waits until it is gone.
    pub fn kill(&self) {
        let server = self.pid();
        let children = children_of(&server);
        assert!(signal("KILL", &server), "kill -KILL {server} failed");
        // Until its keeper has reaped it a new server takes it for running; and the children, which notice that it died,
        // have to leave the shared memory.
        let start = Instant::now();
        while signal("0", &server) || self.is_ready() || children.iter().any(|child| is_running(child)) {
            assert!(start.elapsed() < DEADLINE, "PostgreSQL survived kill -9");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Stops the server in order (`fast`: sessions are ended, data is flushed).
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "--pgdata", &self.data(), "--mode", "fast", "--wait"]);
    }

    /// Makes a standby a primary, and waits until it is.
    pub fn promote(&self) {
        self.run("pg_ctl", &["promote", "--pgdata", &self.data(), "--wait"]);
    }

    fn pid(&self) -> String {
        let pid_file =
            fs::read_to_string(self.folder.join("data/postmaster.pid")).expect("the server's pid file");
        pid_file.lines().next().expect("a pid").trim().to_owned()
    }

    /// The loopback port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A connection string for the superuser.
    pub fn conninfo(&self, database: &str) -> String {
        self.conninfo_as("postgres", database)
    }

    /// A connection string for `user`.
    pub fn conninfo_as(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The folder that holds data, log and socket; the server's user may write there.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs one of PostgreSQL's programs as the server's user and returns what it printed; a failure stops the test.
    pub fn run(&self, program: &str, args: &[&str]) -> String {
        let output = self
            .command(&format!("{}/{program}", bin_folder()))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("running {program}: {error}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let problem = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?} failed:\n{text}{problem}");
        text
    }

    /// A command that runs as the server's user, in the cluster's folder.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("PGOPTIONS", "").env("LC_ALL", "C.UTF-8");
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> String {
        format!("{}/data", self.folder_text())
    }

    fn folder_text(&self) -> String {
        self.folder.to_str().expect("a folder whose name is UTF-8").to_owned()
    }
}

/// The processes that a process has started.
fn children_of(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("the processes").filter_map(Result::ok);
    let pids = processes.filter_map(|process| process.file_name().into_string().ok());
    pids.filter(|pid| state_and_parent(pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether a process is there, and is more than an entry that nobody has collected yet.
fn is_running(pid: &str) -> bool {
    state_and_parent(pid).is_some_and(|(state, _)| state != "Z")
}

fn state_and_parent(pid: &str) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before them stands in parentheses and may contain anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned);
    Some((fields.next()?, fields.next()?))
}

/// Sends a signal, or with `0` none; false if there is no such process.
fn signal(signal: &str, pid: &str) -> bool {
    let kill = Command::new("kill").args([&format!("-{signal}"), pid]).stderr(Stdio::null()).status();
    kill.expect("running kill").success()
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.keeper.lock().expect("the keeper").take() {
            drop(keeper.stdin.take());
            keeper.wait().expect("reaping the keeper");
        }
    }
}

fn bin_folder() -> String {
    crate::required_env("FAUNA_E2E_PG_BINDIR")
}

/// PostgreSQL refuses to run as root; root therefore hands it to the user that Debian's package makes.
fn unprivileged_owner() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").expect("reading /proc").uid() != 0 {
        return None;
    }
    let passwd = fs::read_to_string("/etc/passwd").expect("reading /etc/passwd");
    let entry = passwd.lines().find(|line| line.starts_with("postgres:")).expect("a user named postgres");
    let mut ids = entry.split(':').skip(2).map(|field| field.parse().expect("a numeric id"));
    Some((ids.next().expect("a user id"), ids.next().expect("a group id")))
}

//! The command line. Every option is also a variable: `FAUNA_` and the option's words.

mod limits;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::environment::ReplayLimits;
use crate::follower::FollowerOptions;
use crate::http::HttpOptions;
use crate::redacted::Redacted;
use crate::server::{EncryptionFiles, ServerOptions};
use crate::stream::StreamOptions;
use crate::usage::RecorderOptions;

pub use limits::LimitOptions;

/// Streams flag changes from PostgreSQL to SDKs.
#[derive(Debug, Parser)]
#[command(name = "fauna-bridge", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves SDKs until SIGTERM or SIGINT.
    Serve(Box<ServeOptions>),
    /// Says whether serve would work with the same options, and what to do if not; exit code 1 if not
    Check(Box<ServeOptions>),
}

/// How the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Pretty,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeOptions {
    /// PostgreSQL: a URL or key=value pairs, several hosts included
    #[arg(long, env = "FAUNA_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Redacted<String>,
    /// Where to listen; port 0 takes a free one and the log names it
    #[arg(long, env = "FAUNA_LISTEN", default_value = "127.0.0.1:8765", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The certificate to encrypt with, PEM; read again on SIGHUP
    #[arg(long, env = "FAUNA_TLS_CERT", value_name = "PATH", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its key, PEM
    #[arg(long, env = "FAUNA_TLS_KEY", value_name = "PATH", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// How the log looks; `RUST_LOG` filters it
    #[arg(long, env = "FAUNA_LOG_FORMAT", default_value = "pretty")]
    pub log_format: LogFormat,

    /// How long PostgreSQL may take to connect or to answer
    #[arg(long, env = "FAUNA_DATABASE_TIMEOUT_MS", default_value = "5000", value_name = "MS", value_parser = milliseconds)]
    pub database_timeout_ms: Duration,
    /// Safety net: read the database this often even if nothing is announced
    #[arg(long, env = "FAUNA_RESYNC_INTERVAL_MS", default_value = "5000", value_name = "MS", value_parser = milliseconds)]
    pub resync_interval_ms: Duration,
    /// Where LISTEN does not work (hot standby, transaction pooler): ask for changes this often
    #[arg(long, env = "FAUNA_POLL_INTERVAL_MS", default_value = "1000", value_name = "MS", value_parser = milliseconds)]
    pub poll_interval_ms: Duration,
    /// The wait after the second failed attempt to connect in a row; doubles from there
    #[arg(long, env = "FAUNA_RECONNECT_BASE_MS", default_value = "100", value_name = "MS", value_parser = milliseconds)]
    pub reconnect_base_ms: Duration,
    /// The longest wait between two attempts to connect
    #[arg(long, env = "FAUNA_RECONNECT_MAX_MS", default_value = "3000", value_name = "MS", value_parser = milliseconds)]
    pub reconnect_max_ms: Duration,

    /// Keep the last known state in this folder, for a start without PostgreSQL
    #[arg(long, env = "FAUNA_SNAPSHOT_DIR", value_name = "PATH")]
    pub snapshot_dir: Option<PathBuf>,

    /// Time between comments on a silent stream
    #[arg(long, env = "FAUNA_HEARTBEAT_MS", default_value = "15000", value_name = "MS", value_parser = milliseconds)]
    pub heartbeat_ms: Duration,
    /// The longest a stream lives; each ends between 80 and 100 % of it
    #[arg(long, env = "FAUNA_STREAM_MAX_AGE_MS", default_value = "3600000", value_name = "MS", value_parser = milliseconds)]
    pub stream_max_age_ms: Duration,
    /// The reconnection time clients are told, on average; each between 50 and 150 % of it
    #[arg(long, env = "FAUNA_RETRY_MS", default_value = "2000", value_name = "MS", value_parser = milliseconds)]
    pub retry_ms: Duration,
    /// Patches kept in memory per environment for clients that resume or lag
    #[arg(long, env = "FAUNA_REPLAY_EVENTS", default_value = "256", value_name = "COUNT")]
    pub replay_events: usize,
    /// Bytes of patches kept in memory per environment
    #[arg(long, env = "FAUNA_REPLAY_BYTES", default_value = "4194304", value_name = "BYTES")]
    pub replay_bytes: usize,

    /// Time between two writings of what was counted
    #[arg(long, env = "FAUNA_USAGE_INTERVAL_MS", default_value = "60000", value_name = "MS", value_parser = milliseconds)]
    pub usage_interval_ms: Duration,
    /// Counts (of a flag, variant and hour) that wait in memory while they cannot be written
    #[arg(long, env = "FAUNA_USAGE_COUNTS", default_value = "100000", value_name = "COUNT")]
    pub usage_counts: usize,

    /// What clients may ask for at most.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// The longest a connection may be silent between requests
    #[arg(long, env = "FAUNA_IDLE_TIMEOUT_MS", default_value = "75000", value_name = "MS", value_parser = milliseconds)]
    pub idle_timeout_ms: Duration,
    /// The longest a client may leave its socket full
    #[arg(long, env = "FAUNA_WRITE_TIMEOUT_MS", default_value = "30000", value_name = "MS", value_parser = milliseconds)]
    pub write_timeout_ms: Duration,
    /// After SIGTERM: accept connections for this long, so that a load balancer sees /readyz fail
    #[arg(long, env = "FAUNA_DRAIN_DELAY_MS", default_value = "0", value_name = "MS", value_parser = milliseconds_or_none)]
    pub drain_delay_ms: Duration,
    /// After that: wait for connections to end for this long
    #[arg(long, env = "FAUNA_DRAIN_TIMEOUT_MS", default_value = "10000", value_name = "MS", value_parser = milliseconds_or_none)]
    pub drain_timeout_ms: Duration,
}

/// A day; beyond it a number is more likely in the wrong unit.
const MAX_MS: u64 = 24 * 60 * 60 * 1000;

fn milliseconds_or_none(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(ms) if ms <= MAX_MS => Ok(Duration::from_millis(ms)),
        _ => Err(format!("not a whole number of milliseconds up to {MAX_MS}")),
    }
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    milliseconds_or_none(text).and_then(|duration| match duration {
        Duration::ZERO => Err("must not be 0".into()),
        duration => Ok(duration),
    })
}

impl ServeOptions {
    /// For the follower.
    pub fn follower(&self) -> FollowerOptions {
        FollowerOptions {
            resync_interval: self.resync_interval_ms,
            poll_interval: self.poll_interval_ms,
            reconnect_base: self.reconnect_base_ms,
            reconnect_max: self.reconnect_max_ms,
        }
    }

    /// For TLS on the bridge's own socket, if it is wanted.
    pub fn encryption(&self) -> Option<EncryptionFiles> {
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(EncryptionFiles { certificate, key })
    }

    /// For streams.
    pub fn streams(&self) -> StreamOptions {
        StreamOptions { heartbeat: self.heartbeat_ms, max_age: self.stream_max_age_ms, retry: self.retry_ms }
    }

    /// For what writes usage.
    pub fn recorder(&self) -> RecorderOptions {
        RecorderOptions { interval: self.usage_interval_ms }
    }

    /// For requests.
    pub fn http(&self) -> HttpOptions {
        HttpOptions {
            max_body_bytes: self.limits.max_body_bytes,
            max_context_bytes: self.limits.max_context_bytes,
            request_timeout: self.limits.request_timeout_ms,
        }
    }

    /// For the environments.
    pub fn replay(&self) -> ReplayLimits {
        ReplayLimits { events: self.replay_events, bytes: self.replay_bytes }
    }

    /// For the server.
    pub fn server(&self) -> ServerOptions {
        ServerOptions {
            max_connections: self.limits.connections(),
            idle_timeout: self.idle_timeout_ms,
            write_timeout: self.write_timeout_ms,
            drain_delay: self.drain_delay_ms,
            drain_timeout: self.drain_timeout_ms,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<ServeOptions, String> {
        let all = ["fauna-bridge", "serve", "--database-url", "postgresql://u:hunter2@h/d"];
        match Cli::try_parse_from(all.iter().chain(arguments)) {
            Ok(Cli { command: Command::Serve(options) | Command::Check(options) }) => Ok(*options),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_has_a_variable_of_the_same_words() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments().filter(|argument| argument.get_id() != "help") {
            let expected = format!("FAUNA_{}", argument.get_id().as_str().to_uppercase());
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(expected.as_str()));
        }
    }

    #[test]
    fn the_connection_string_is_not_shown() {
        assert!(!format!("{:?}", parse(&[]).unwrap()).contains("hunter2"));
        assert!(!Cli::command().render_long_help().to_string().contains("hunter2"));
    }

    #[test]
    fn a_certificate_goes_with_its_key() {
        assert!(parse(&["--tls-cert", "a"]).is_err() && parse(&["--tls-key", "b"]).is_err());
        assert!(parse(&["--tls-cert", "a", "--tls-key", "b"]).unwrap().encryption().is_some());
    }

    #[test]
    fn a_duration_that_cannot_be_meant_is_refused() {
        for text in ["0", "-1", "1.5", "15s", "99999999999", ""] {
            assert!(parse(&["--heartbeat-ms", text]).is_err(), "{text}");
        }
        assert_eq!(parse(&["--drain-delay-ms", "0"]).unwrap().drain_delay_ms, Duration::ZERO);
    }
}

//! PostgreSQL, as far as the bridge is concerned: how to connect, what can go wrong, and in which words.

mod advance;
mod catch_up;
mod notification;
mod resume;
mod session;

use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, tls::NoTlsStream};

use crate::redacted::Redacted;

pub use notification::Announcement;
pub use resume::Resumer;
pub use session::{News, Session};

/// Where PostgreSQL is, and how long it may take.
#[derive(Clone)]
pub struct Database {
    config: Config,
    timeout: Duration,
}

/// What can go wrong. No variant carries a connection string.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The connection string cannot be used.
    #[error("unusable connection string: {0}")]
    Configuration(String),
    /// No connection came about.
    #[error("cannot connect: {}", words(.0))]
    Connect(#[source] tokio_postgres::Error),
    /// No answer within the timeout.
    #[error("no answer within {} ms while {doing}", .after.as_millis())]
    Timeout {
        /// What was going on.
        doing: &'static str,
        /// The timeout.
        after: Duration,
    },
    /// An established connection ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// The session no longer listens, as happens behind a pooler in transaction mode.
    #[error("the session no longer listens; connect to PostgreSQL itself, not through a transaction pooler")]
    NotListening,
    /// The database has no Fauna, or another version of it.
    #[error("the extension is missing or outdated: {}; run CREATE EXTENSION fauna in this database", words(.0))]
    NotInstalled(#[source] tokio_postgres::Error),
    /// The role may not read what it must.
    #[error("missing privilege: {}; run SELECT fauna.grant('<role>', 'bridge') as an administrator", words(.0))]
    Forbidden(#[source] tokio_postgres::Error),
    /// A statement failed.
    #[error("{}", words(.0))]
    Query(#[source] tokio_postgres::Error),
}

impl DatabaseError {
    /// A short name for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Connect(_) => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Lost(_) => "lost",
            Self::NotListening => "not_listening",
            Self::NotInstalled(_) => "not_installed",
            Self::Forbidden(_) => "forbidden",
            Self::Query(_) => "query",
        }
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let missing = [
            SqlState::UNDEFINED_TABLE,
            SqlState::UNDEFINED_FUNCTION,
            SqlState::UNDEFINED_COLUMN,
            SqlState::INVALID_SCHEMA_NAME,
        ];
        match error.code() {
            Some(code) if missing.contains(code) => Self::NotInstalled(error),
            Some(&SqlState::INSUFFICIENT_PRIVILEGE) => Self::Forbidden(error),
            Some(_) => Self::Query(error),
            None => Self::Lost(words(&error)),
        }
    }
}

/// PostgreSQL's own words, or those of the operating system; `tokio_postgres` says little more than "db error".
fn words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

impl Database {
    /// Understands a connection string, a URL or `key=value` pairs; several hosts and Unix sockets included.
    ///
    /// # Errors
    /// It cannot be understood, or asks for TLS, which this version does not speak.
    pub fn try_new(conninfo: &Redacted<String>, timeout: Duration) -> Result<Self, DatabaseError> {
        // The parser's message names the faulty option, never its value.
        let mut config: Config = conninfo
            .reveal()
            .parse()
            .map_err(|error: tokio_postgres::Error| DatabaseError::Configuration(words(&error)))?;
        if config.get_ssl_mode() == SslMode::Require {
            return Err(DatabaseError::Configuration("sslmode=require is not supported".into()));
        }
        if config.get_application_name().is_none() {
            config.application_name("fauna-bridge");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(timeout);
        }
        // A peer that vanished without a word is noticed by the kernel, too, while nothing is being asked.
        config
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(10))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(15));
        Ok(Self { config, timeout })
    }

    async fn connect(&self) -> Result<(Client, Connection<Socket, NoTlsStream>), DatabaseError> {
        // `connect_timeout` covers the socket; this covers a server that accepts and then says nothing.
        let connecting = self.config.connect(NoTls);
        self.within("connecting", async { connecting.await.map_err(DatabaseError::Connect) }).await
    }

    /// Bounds `work`. The server's own `statement_timeout` is set to the same, so that what is given up here ends there.
    async fn within<T>(
        &self,
        doing: &'static str,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        match tokio::time::timeout(self.timeout, work).await {
            Ok(result) => result,
            Err(_) => Err(DatabaseError::Timeout { doing, after: self.timeout }),
        }
    }

    /// Settings for a session that only ever reads: every statement is its own repeatable-read, read-only transaction,
    /// so that all it reads comes from one snapshot without a `BEGIN` and a `COMMIT` on the way. The few statements are
    /// prepared and small, so planning them again or compiling them only costs latency.
    fn reader_settings(&self) -> String {
        format!(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
             SET plan_cache_mode = force_generic_plan;
             SET jit = off;
             SET statement_timeout = {}",
            self.timeout.as_millis()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(conninfo: &str) -> Result<Database, DatabaseError> {
        Database::try_new(&Redacted::new(conninfo.into()), Duration::from_secs(1))
    }

    #[test]
    fn urls_pairs_several_hosts_and_unix_sockets_are_understood() {
        for conninfo in [
            "postgresql://fauna:pw@db.example:6543/app?connect_timeout=3",
            "host=/run/postgresql user=fauna dbname=app",
            "postgres://u@%2Frun%2Fpostgresql/app",
            "postgresql://a:1,b:2/app?target_session_attrs=read-write",
        ] {
            assert!(parse(conninfo).is_ok(), "{conninfo}");
        }
    }

    #[test]
    fn an_unusable_connection_string_is_refused_without_repeating_it() {
        for conninfo in [
            "host=a password='hunter2",
            "host=a password=hunter2 wat=1",
            "host=a password=hunter2 sslmode=require",
        ] {
            let error = parse(conninfo).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("unusable connection string: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

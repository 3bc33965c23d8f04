//! PostgreSQL, as far as the bridge is concerned: how to connect, what can go wrong, and in which words.

mod advance;
mod catch_up;
mod conninfo;
mod error;
mod heads;
mod inspection;
mod listener;
mod notification;
mod place;
mod query;
mod resume;
mod server;
mod servers;
mod session;
mod subscription;
mod target;
mod tls;
mod usage;

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::redacted::Redacted;
use error::words;
use target::{Part, Target};
use tls::Tls;

pub use error::DatabaseError;
pub use inspection::{
    ClockFacts, EnvironmentFacts, ExtensionFacts, Inspector, ListenFacts, PrivilegeFacts, ServerFacts,
};
pub use listener::{Listener, News};
pub use notification::Announcement;
pub use place::Place;
#[cfg(test)]
pub use place::place;
pub use resume::Resumer;
pub use session::{Obstacle, Reader, Session, Way};

/// Where PostgreSQL is, and how long it may take.
#[derive(Clone)]
pub struct Database {
    servers: Arc<[Config]>,
    target: Target,
    tls: Tls,
    timeout: Duration,
}

/// A connection as `tokio_postgres` makes it, the half that moves the bytes and must be polled. Boxed, because it is large and
/// would be part of every future that may have to connect.
pub type PgConnection = Box<Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>>;

/// A connection, and which of the servers it leads to.
struct Connected {
    client: Client,
    connection: PgConnection,
    server: usize,
}

impl Database {
    /// Understands a connection string, a URL or `key=value` pairs; several hosts and Unix sockets included.
    ///
    /// # Errors
    /// It cannot be understood, or names files that cannot be used.
    pub fn try_new(conninfo: &Redacted<String>, timeout: Duration) -> Result<Self, DatabaseError> {
        let unusable = |reason: String| DatabaseError::Configuration(reason);
        let [mode, roots, certificate, key] = tls::PARAMETERS;
        let taken = conninfo::take(conninfo.reveal(), &[mode, roots, certificate, key, target::PARAMETER]);
        let tls = Tls::try_new(&taken.values).map_err(|error| unusable(error.to_string()))?;
        let target = match taken.values.get(target::PARAMETER) {
            None => Target::Session(TargetSessionAttrs::Any),
            Some(text) => Target::parse(text).ok_or_else(|| {
                let known = "any, read-write, read-only, primary, standby and prefer-standby";
                unusable(format!("target_session_attrs is one of {known}"))
            })?,
        };
        // The parser's message names the faulty option, never its value.
        let mut config: Config =
            taken.rest.parse().map_err(|error: tokio_postgres::Error| unusable(words(&error)))?;
        config.target_session_attrs(target.session());
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
        let servers = servers::split(&config).map_err(|reason| unusable(reason.into()))?;
        Ok(Self { servers: servers.into(), target, tls, timeout })
    }

    /// What tells this database from others without asking it: a digest of its servers and its name.
    pub fn identity(&self) -> String {
        servers::identity(&self.servers)
    }

    /// Connects to the first server that answers and is what `target_session_attrs` wants.
    async fn connect(&self) -> Result<Connected, DatabaseError> {
        let mut failure = DatabaseError::Configuration("it names no host".into());
        for part in self.target.rounds() {
            for server in servers::order(&self.servers) {
                match self.connect_to(server, *part).await {
                    Ok((client, connection)) => return Ok(Connected { client, connection, server }),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    /// Connects to one of the servers, encrypted or not as `sslmode` says.
    async fn connect_to(
        &self,
        server: usize,
        part: Option<Part>,
    ) -> Result<(Client, PgConnection), DatabaseError> {
        let connector = self.tls.connector()?;
        let mut config = self.servers[server].clone();
        let attempts = if servers::is_local(&config) { &[SslMode::Disable] } else { self.tls.attempts() };
        let (last, others) = attempts.split_last().unwrap_or((&SslMode::Disable, &[]));
        for mode in others {
            match self.connect_once(config.ssl_mode(*mode), connector.clone(), part).await {
                Err(DatabaseError::Connect(error)) if may_pass_otherwise(&error) => {}
                connected => return connected,
            }
        }
        self.connect_once(config.ssl_mode(*last), connector, part).await
    }

    async fn connect_once(
        &self,
        config: &Config,
        connector: MakeRustlsConnect,
        part: Option<Part>,
    ) -> Result<(Client, PgConnection), DatabaseError> {
        // `connect_timeout` covers the socket; this covers a server that accepts and then says nothing.
        let connecting = async {
            let (client, mut connection) = config.connect(connector).await.map_err(DatabaseError::Connect)?;
            if let Some(part) = part {
                part.check(&client, &mut connection).await?;
            }
            Ok((client, Box::new(connection)))
        };
        // Boxed for the same reason.
        self.within("connecting", Box::pin(connecting)).await
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

    /// Settings for a session that is ours alone and only ever reads: every statement is its own repeatable-read, read-only transaction,
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

/// Whether a failed attempt may succeed with encryption where it had none, or without: it did not come to a session, or
/// `pg_hba.conf` has no line for the one and may have for the other.
fn may_pass_otherwise(error: &tokio_postgres::Error) -> bool {
    error.code().is_none_or(|code| *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
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
            "postgresql://a:1,b:2/app?target_session_attrs=prefer-standby&sslmode=require",
            "host=a sslmode=verify-full sslrootcert=system target_session_attrs=primary",
        ] {
            assert!(parse(conninfo).is_ok(), "{conninfo}");
        }
    }

    #[test]
    fn an_unusable_connection_string_is_refused_without_repeating_it() {
        for conninfo in [
            "host=a password='hunter2",
            "host=a password=hunter2 wat=1",
            "host=a password=hunter2 sslmode=hunter2",
            "host=a password=hunter2 target_session_attrs=hunter2",
            "host=a password=hunter2 sslmode=verify-full sslrootcert=/nonexistent",
        ] {
            let error = parse(conninfo).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.starts_with("unusable connection string: "), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}

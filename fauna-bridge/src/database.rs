//! PostgreSQL, as far as the bridge is concerned: how to connect, what can go wrong, and in which words.

mod advance;
mod catch_up;
mod error;
mod heads;
mod listener;
mod notification;
mod query;
mod resume;
mod server;
mod servers;
mod session;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, Connection, NoTls, Socket, tls::NoTlsStream};

use crate::redacted::Redacted;
use error::words;

pub use error::DatabaseError;
pub use listener::{Listener, News};
pub use notification::Announcement;
pub use resume::Resumer;
pub use session::{Obstacle, Reader, Session, Way};

/// Where PostgreSQL is, and how long it may take.
#[derive(Clone)]
pub struct Database {
    servers: Arc<[Config]>,
    timeout: Duration,
}

/// A connection as `tokio_postgres` makes it: the second half moves the bytes and must be polled.
pub type PgConnection = Connection<Socket, NoTlsStream>;

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
        let servers =
            servers::split(&config).map_err(|reason| DatabaseError::Configuration(reason.into()))?;
        Ok(Self { servers: servers.into(), timeout })
    }

    /// Connects to the first server that answers and is what `target_session_attrs` wants.
    async fn connect(&self) -> Result<Connected, DatabaseError> {
        let mut failure = DatabaseError::Configuration("it names no host".into());
        for server in servers::order(&self.servers) {
            match self.connect_to(server).await {
                Ok((client, connection)) => return Ok(Connected { client, connection, server }),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    /// Connects to one of the servers.
    async fn connect_to(&self, server: usize) -> Result<(Client, PgConnection), DatabaseError> {
        // `connect_timeout` covers the socket; this covers a server that accepts and then says nothing.
        // Boxed: it is large, rare, and part of every stream's future, which may have to ask the log.
        let connecting = Box::pin(self.servers[server].connect(NoTls));
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

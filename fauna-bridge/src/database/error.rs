//! What can go wrong with PostgreSQL, in words that say what to do.

use std::time::Duration;

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use super::tls::TlsError;

/// What can go wrong. No variant carries a connection string.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The connection string cannot be used.
    #[error("unusable connection string: {0}")]
    Configuration(String),
    /// No connection came about.
    #[error("cannot connect: {}", words(.0))]
    Connect(#[source] tokio_postgres::Error),
    /// The server is not what `target_session_attrs` asks for.
    #[error("cannot connect: the server is {0}, and target_session_attrs asks for another")]
    Unfit(&'static str),
    /// A file that TLS needs cannot be used.
    #[error("cannot connect: {0}")]
    Tls(#[from] TlsError),
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
    #[error("the session no longer listens: there is a transaction pooler before PostgreSQL")]
    NotListening,
    /// Two connections in a row did not reach the same server, behind a balancer for example.
    #[error("two connections reached different servers")]
    DifferentServers,
    /// A logical subscriber that is still copying the log.
    #[error(
        "the subscription has not copied fauna.heads and fauna.documents yet: both must be in state r in pg_subscription_rel"
    )]
    NotWhole,
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
    /// Whether this server takes no writes, now or later: it is a standby or a logical subscriber.
    pub fn forbids_writing(&self) -> bool {
        let states = [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            // What a standby says to BEGIN READ WRITE.
            SqlState::FEATURE_NOT_SUPPORTED,
            // A logical subscriber.
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        ];
        matches!(self, Self::Query(error) if error.code().is_some_and(|code| states.contains(code)))
    }

    /// Whether the server refused what it was given, and would refuse it again: a data exception or a violated constraint.
    pub fn is_about_data(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// The server's SQLSTATE, if it was the server who refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Connect(error)
            | Self::NotInstalled(error)
            | Self::Forbidden(error)
            | Self::Query(error) => error.code().map(SqlState::code),
            _ => None,
        }
    }

    /// A short name for metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Configuration(_) => "configuration",
            Self::Connect(_) | Self::Unfit(_) | Self::Tls(_) => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Lost(_) => "lost",
            Self::NotListening => "not_listening",
            Self::DifferentServers => "different_servers",
            Self::NotWhole => "not_whole",
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
pub fn words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    let Some(source) = error.source() else { return error.to_string() };
    let inner = source.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner.and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(problem)) => certificate_words(problem),
        _ => format!("{error}: {source}"),
    }
}

/// The words of rustls, and for the commonest case better ones.
fn certificate_words(problem: &CertificateError) -> String {
    match problem {
        // A bad signature: an authority of that name is known, with another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "the server's certificate is not from an authority in sslrootcert".into()
        }
        _ => format!("the server's certificate is not accepted: {problem}"),
    }
}

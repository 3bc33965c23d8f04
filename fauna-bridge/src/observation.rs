//! Everything worth noticing, in one type.
//!
//! Code says *what happened* ([`Observation`]); the log ([`log`]) and the metrics ([`metrics`]) each decide what that means to
//! them. So a line in the log and a counter cannot drift apart, and no other module formats a log line.

mod log;
mod metrics;

use std::net::SocketAddr;
use std::time::Duration;

use crate::database::{DatabaseError, Obstacle};
use crate::environment::BrokenDocument;
use crate::fleet::FleetChange;
use crate::http::ProblemCode;
use crate::pem::PemError;
use crate::sdk_key::KeyKind;
use crate::snapshot::SnapshotError;

pub use metrics::{Metrics, Scrape};

/// One observable event.
pub enum Observation<'a> {
    /// Requests are accepted here.
    Listening { address: SocketAddr },
    /// A connection could not be accepted, for want of descriptors for example.
    AcceptFailed { error: &'a std::io::Error },
    /// SIGHUP arrived, and the certificate was read again or could not be.
    CertificateRead { error: Option<&'a PemError> },
    /// SIGTERM or SIGINT arrived.
    Draining,
    /// Every connection ended, or the time for it did.
    Stopped { unfinished: bool },

    /// Connected to PostgreSQL and listening.
    SessionOpened,
    /// A session has read everything: what failed before it is over.
    SessionCaughtUp,
    /// No session came about, or it ended.
    SessionFailed { error: &'a DatabaseError, retry_in: Duration },
    /// Changes are not announced to this bridge, so it asks for them every so often; or they are, from now on, and it listens.
    WayChanged { obstacle: Option<Obstacle>, every: Duration },
    /// A snapshot of this age is served, because PostgreSQL was not reached at once.
    Restored { environments: usize, age: Duration },
    /// What was restored is newer than what the standby has replayed, which is not read until it has.
    StandbyLags,
    /// A snapshot is there and is not used.
    SnapshotIgnored { file: &'a str, error: &'a SnapshotError },
    /// An environment was saved, or its file removed.
    SnapshotWritten,
    /// An environment could not be saved.
    SnapshotFailed { error: &'a SnapshotError },
    /// What is served may be out of date from now on.
    BecameStale,
    /// What is served is what the database says, after some time when it might not have been.
    CaughtUp { stale_for: Duration },
    /// An environment changed, or could not.
    FleetChanged(&'a FleetChange),
    /// A document does not compile.
    DocumentBroken { environment: &'a str, document: &'a BrokenDocument },
    /// Connections were woken this long after the notification arrived.
    Broadcast { after: Duration },

    /// A client connected, and may make requests.
    ConnectionOpened,
    /// Its connection ended.
    ConnectionClosed,
    /// The head of an answer is on its way.
    Answered { endpoint: &'a str, status: u16, took: Duration },
    /// The bridge evaluated flags.
    Evaluated { environment: &'a str, evaluations: u64 },
    /// An evaluation was an error.
    EvaluationFailed { environment: &'a str, code: &'static str },
    /// A stream began, for a key of this kind.
    StreamOpened { environment: &'a str, kind: KeyKind },
    /// A stream was given its first state.
    StreamStarted { by: Start },
    /// A stream ended.
    StreamClosed { environment: &'a str, kind: KeyKind, reason: Close, lived: Duration },
    /// The log could not be asked for a resuming client, who gets a put instead.
    ResumeFailed { error: &'a DatabaseError },
    /// So many evaluations were written to the database.
    UsageRecorded { evaluations: u64 },
    /// What was counted could not be written, and is kept.
    UsageNotRecorded { error: &'a DatabaseError },
    /// Counts were given up: there is no room for them, or `error` says that they can never be written here.
    UsageDropped { evaluations: u64, error: Option<&'a DatabaseError> },
    /// A request was refused.
    Refused { code: ProblemCode },
}

/// How a stream got its first state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Start {
    /// It had it already.
    Current,
    /// By a patch from memory.
    Memory,
    /// By a patch from the database's log.
    Log,
    /// By a put.
    Put,
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// The client went, or its connection broke.
    Client,
    /// It reached its maximum age.
    Age,
    /// The process is to end.
    Drain,
    /// Its key was revoked, expired or deleted.
    Key,
    /// Its environment was deleted.
    Environment,
    /// It fell behind what is kept in memory.
    Slow,
    /// An event could not be written; a defect.
    Failed,
}

impl Start {
    fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Memory => "memory",
            Self::Log => "log",
            Self::Put => "put",
        }
    }
}

impl Close {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Age => "age",
            Self::Drain => "drain",
            Self::Key => "key",
            Self::Environment => "environment",
            Self::Slow => "slow",
            Self::Failed => "failed",
        }
    }
}

/// Where observations go.
#[derive(Default)]
pub struct Observer {
    log: log::Log,
    metrics: Metrics,
}

impl Observer {
    /// Logs and counts.
    pub fn observe(&self, observation: &Observation<'_>) {
        self.log.write(observation);
        self.metrics.count(observation);
    }

    /// The metrics, to be scraped.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

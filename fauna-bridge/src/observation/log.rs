//! What an observation means to a person who reads the log.
//!
//! Transitions are lines at `info` and above; what happens with every commit or connection is `debug`. A failure that repeats is
//! one `warn` and then `debug` until its words change or it is over, so that an outage of a day is not a day of warnings. It is
//! over when a session has read the database; the same failure an hour later is news again.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tracing::{debug, error, info, warn};

use super::Observation;
use crate::database::DatabaseError;
use crate::database::Obstacle;
use crate::fleet::FleetChange;
use crate::http::ProblemCode;

/// Remembers what was said last, to say it once.
#[derive(Default)]
pub struct Log {
    session_words: Mutex<Option<String>>,
    accept_warned: Mutex<Option<Instant>>,
    snapshot_words: Mutex<Option<String>>,
    usage_failures: Mutex<BTreeSet<&'static str>>,
}

/// Nothing tells when connections can be accepted again, so that failure is repeated this often while it lasts.
const ACCEPT_WARNING_INTERVAL: Duration = Duration::from_mins(1);

impl Log {
    /// Writes what is worth a line.
    pub fn write(&self, observation: &Observation<'_>) {
        match observation {
            Observation::Listening { address } => info!(%address, "listening"),
            Observation::AcceptFailed { error } => self.connection_failure(&error.to_string()),
            Observation::CertificateRead { error: None } => {
                info!("new connections get the new certificate");
            }
            Observation::CertificateRead { error: Some(error) } => {
                warn!(%error, "new connections get the old certificate");
            }
            Observation::Draining => info!("draining"),
            Observation::Stopped { unfinished: false } => info!("stopped"),
            Observation::Stopped { unfinished: true } => warn!("stopped with connections still open"),

            Observation::SessionOpened => debug!("connected to PostgreSQL"),
            Observation::SessionFailed { error, retry_in } => {
                self.session_failure(&error.to_string(), milliseconds(*retry_in));
            }
            Observation::SessionCaughtUp => {
                if self.session_words.lock().take().is_some() {
                    info!("connected to PostgreSQL again");
                }
            }
            Observation::WayChanged { obstacle: None, .. } => info!("listening for changes from now on"),
            Observation::WayChanged { obstacle: Some(obstacle), every } => {
                warn!(
                    poll_ms = milliseconds(*every),
                    reason = reason(*obstacle),
                    "LISTEN does not work here: polling"
                );
            }
            Observation::Restored { environments, age } => {
                warn!(
                    environments,
                    age_ms = milliseconds(*age),
                    "serving a snapshot until PostgreSQL can be read"
                );
            }
            Observation::StandbyLags => warn!(
                "the snapshot is newer than what the standby has replayed, and is served until that has it; \
                 if the database was restored from a backup, remove the snapshots and start again"
            ),
            Observation::SnapshotIgnored { file, error } => warn!(file, %error, "snapshot ignored"),
            Observation::SnapshotWritten => *self.snapshot_words.lock() = None,
            Observation::SnapshotFailed { error } => self.snapshot_failure(&error.to_string()),
            Observation::BecameStale => warn!("serving the last known state, which may be stale"),
            Observation::CaughtUp { stale_for } => {
                *self.session_words.lock() = None;
                info!(stale_ms = milliseconds(*stale_for), "in touch with PostgreSQL");
            }
            Observation::FleetChanged(change) => fleet_change(change),
            Observation::DocumentBroken { environment, document } => {
                error!(environment, kind = document.kind, key = %document.key, reason = document.reason, "broken document");
            }
            Observation::Broadcast { after } => {
                debug!(micros = u64::try_from(after.as_micros()).ok(), "broadcast");
            }

            Observation::ConnectionOpened => debug!("connection opened"),
            Observation::ConnectionClosed => debug!("connection closed"),
            Observation::Answered { endpoint, status, took } => {
                debug!(endpoint, status, micros = u64::try_from(took.as_micros()).ok(), "answered");
            }
            Observation::Evaluated { environment, evaluations } => {
                debug!(environment, evaluations, "evaluated");
            }
            Observation::EvaluationFailed { environment, code } => {
                debug!(environment, code, "evaluation failed");
            }
            Observation::StreamOpened { environment, .. } => debug!(environment, "stream opened"),
            Observation::StreamStarted { by } => debug!(by = by.name(), "stream started"),
            Observation::StreamClosed { environment, reason, lived, .. } => {
                debug!(environment, reason = reason.name(), lived_ms = milliseconds(*lived), "stream closed");
            }
            Observation::ResumeFailed { error } => debug!(%error, "no patch from the log"),
            Observation::UsageRecorded { evaluations } => self.usage_recorded(*evaluations),
            Observation::UsageNotRecorded { error } => {
                self.usage_failure("usage cannot be recorded, and is kept", Some(error));
            }
            Observation::UsageDropped { error: None, .. } => {
                self.usage_failure("too many counts of usage are waiting: new ones are dropped", None);
            }
            Observation::UsageDropped { error, .. } => {
                self.usage_failure("usage cannot be recorded here, and is dropped", *error);
            }
            Observation::Refused { code: ProblemCode::TooManyConnections } => {
                self.connection_failure("as many connections as --max-connections allows");
            }
            Observation::Refused { code } => debug!(code = code.name(), "refused"),
        }
    }

    fn session_failure(&self, words: &str, retry_ms: u64) {
        let mut last = self.session_words.lock();
        if last.as_deref() == Some(words) {
            debug!(error = words, retry_ms, "no connection to PostgreSQL");
        } else {
            warn!(error = words, retry_ms, "no connection to PostgreSQL");
            *last = Some(words.to_owned());
        }
    }

    fn snapshot_failure(&self, words: &str) {
        let mut last = self.snapshot_words.lock();
        if last.as_deref() == Some(words) {
            debug!(error = words, "no snapshot written");
        } else {
            warn!(error = words, "no snapshot written");
            *last = Some(words.to_owned());
        }
    }

    fn usage_recorded(&self, evaluations: u64) {
        debug!(evaluations, "usage recorded");
        if std::mem::take(&mut *self.usage_failures.lock()).is_empty() {
            return;
        }
        info!("usage is recorded again");
    }

    /// Each way to fail is said once, until usage is recorded again.
    fn usage_failure(&self, what: &'static str, error: Option<&DatabaseError>) {
        let error = error.map(tracing::field::display);
        if self.usage_failures.lock().insert(what) {
            warn!(error, "{what}");
        } else {
            debug!(error, "{what}");
        }
    }

    fn connection_failure(&self, error: &str) {
        let mut last = self.accept_warned.lock();
        if last.is_some_and(|last| last.elapsed() < ACCEPT_WARNING_INTERVAL) {
            debug!(error, "cannot accept connections");
        } else {
            warn!(error, "cannot accept connections");
            *last = Some(Instant::now());
        }
    }
}

fn fleet_change(change: &FleetChange) {
    match change {
        FleetChange::Added(environment, position) => info!(%environment, %position, "environment added"),
        FleetChange::Moved { environment, from, to } if from.epoch == to.epoch => {
            debug!(%environment, from = from.revision, revision = to.revision, "environment moved");
        }
        FleetChange::Moved { environment, to, .. } => info!(%environment, position = %to, "new epoch"),
        FleetChange::Removed(environment) => info!(%environment, "environment removed"),
        FleetChange::Failed(environment, error) => error!(%environment, %error, "payload not applied"),
        FleetChange::BrokenKey(environment, key) => {
            error!(%environment, key = %key.id, reason = %key.reason, "unusable SDK key document");
        }
    }
}

fn reason(obstacle: Obstacle) -> &'static str {
    match obstacle {
        Obstacle::Standby => "the server is a hot standby; a primary would announce changes at once",
        Obstacle::Pooler => {
            "a transaction pooler stands before PostgreSQL; a direct connection would hear of changes at once"
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

//! What an observation means to Prometheus. `docs/bridge.md` describes each metric for those who read them.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::Observation;
use crate::fleet::FleetChange;
use crate::sdk_key::KeyKind;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EnvironmentLabel {
    environment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StreamLabel {
    environment: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabel {
    endpoint: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    environment: String,
    code: &'static str,
}

type ByEnvironment<M> = Family<EnvironmentLabel, M>;
type ByKind<M> = Family<KindLabel, M>;

/// What is only known at the moment of a scrape.
pub struct Scrape {
    /// How long PostgreSQL has been out of reach; none when in touch.
    pub stale_for: Option<Duration>,
    /// When the database was last read with success; none if never.
    pub read_ago: Option<Duration>,
    /// Whether the process takes traffic.
    pub ready: bool,
    /// Documents that do not compile, by environment.
    pub broken: Vec<(Arc<str>, usize)>,
}

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    answers: Family<AnswerLabel, Counter>,
    answer_times: Family<EndpointLabel, Histogram, fn() -> Histogram>,
    evaluations: ByEnvironment<Counter>,
    evaluation_errors: Family<CodeLabel, Counter>,
    streams: Family<StreamLabel, Gauge>,
    streams_closed: ByKind<Counter>,
    streams_started: ByKind<Counter>,
    revision: ByEnvironment<Gauge>,
    changes: ByEnvironment<Counter>,
    broken: ByEnvironment<Gauge>,
    payload_errors: ByEnvironment<Counter>,
    broadcast: Histogram,
    sessions: Counter,
    polling: Gauge,
    snapshots: Counter,
    snapshot_errors: Counter,
    database_errors: ByKind<Counter>,
    stale: Gauge<f64, AtomicU64>,
    reading_age: Gauge<f64, AtomicU64>,
    ready: Gauge,
    accept_errors: Counter,
    refusals: ByKind<Counter>,
    evaluations_recorded: Counter,
    evaluations_dropped: ByKind<Counter>,
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("fauna"),
            connections: Gauge::default(),
            answers: Family::default(),
            answer_times: Family::new_with_constructor(from_microseconds_to_seconds),
            evaluations: Family::default(),
            evaluation_errors: Family::default(),
            streams: Family::default(),
            streams_closed: Family::default(),
            streams_started: Family::default(),
            revision: Family::default(),
            changes: Family::default(),
            broken: Family::default(),
            payload_errors: Family::default(),
            broadcast: from_microseconds_to_seconds(),
            sessions: Counter::default(),
            polling: Gauge::default(),
            snapshots: Counter::default(),
            snapshot_errors: Counter::default(),
            database_errors: Family::default(),
            stale: Gauge::default(),
            reading_age: Gauge::default(),
            ready: Gauge::default(),
            accept_errors: Counter::default(),
            refusals: Family::default(),
            evaluations_recorded: Counter::default(),
            evaluations_dropped: Family::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("connections", "Open connections of clients", self.connections.clone());
        registry.register("requests", "Answered requests by endpoint and status", self.answers.clone());
        registry.register_with_unit(
            "request",
            "From a request's head to the head of its answer, by endpoint",
            Unit::Seconds,
            self.answer_times.clone(),
        );
        registry.register("evaluations", "Flags evaluated here, by environment", self.evaluations.clone());
        registry.register(
            "evaluation_errors",
            "Evaluations that were an error, by environment and code",
            self.evaluation_errors.clone(),
        );
        registry.register("streams", "Open streams by environment and kind of key", self.streams.clone());
        registry.register("streams_closed", "Ended streams by reason", self.streams_closed.clone());
        registry.register(
            "streams_started",
            "Streams by how they got their first state",
            self.streams_started.clone(),
        );
        registry.register("environment_revision", "Revision held, by environment", self.revision.clone());
        registry.register("environment_changes", "Payloads applied, by environment", self.changes.clone());
        registry.register(
            "broken_documents",
            "Documents that do not compile, by environment",
            self.broken.clone(),
        );
        registry.register("payload_errors", "Payloads refused, by environment", self.payload_errors.clone());
        registry.register_with_unit(
            "broadcast",
            "From a notification's arrival until the connections of all changed environments are woken",
            Unit::Seconds,
            self.broadcast.clone(),
        );
        registry.register("database_sessions", "Sessions opened with PostgreSQL", self.sessions.clone());
        registry.register(
            "database_polling",
            "Whether changes have to be asked for, because LISTEN does not work",
            self.polling.clone(),
        );
        registry.register("snapshots", "Snapshots of environments written", self.snapshots.clone());
        registry.register(
            "snapshot_errors",
            "Snapshots that could not be written or used",
            self.snapshot_errors.clone(),
        );
        registry.register(
            "database_errors",
            "Failed or lost sessions, by kind",
            self.database_errors.clone(),
        );
        registry.register_with_unit(
            "stale",
            "Time since PostgreSQL could last be read, zero when in touch",
            Unit::Seconds,
            self.stale.clone(),
        );
        registry.register_with_unit(
            "reading_age",
            "Time since the database was last read with success",
            Unit::Seconds,
            self.reading_age.clone(),
        );
        registry.register("ready", "Whether the process takes traffic", self.ready.clone());
        registry.register(
            "accept_errors",
            "Connections that could not be accepted",
            self.accept_errors.clone(),
        );
        registry.register(
            "evaluations_recorded",
            "Counted evaluations written to the database",
            self.evaluations_recorded.clone(),
        );
        registry.register(
            "evaluations_dropped",
            "Counted evaluations given up, by reason",
            self.evaluations_dropped.clone(),
        );
        registry.register("refusals", "Refused requests by problem code", self.refusals.clone());
    }

    /// Counts one observation.
    pub fn count(&self, observation: &Observation<'_>) {
        match observation {
            Observation::SessionOpened => drop(self.sessions.inc()),
            Observation::SessionFailed { error, .. }
            | Observation::ResumeFailed { error }
            | Observation::UsageNotRecorded { error } => {
                self.database_errors.get_or_create(&KindLabel { kind: error.kind() }).inc();
            }
            Observation::SnapshotWritten => drop(self.snapshots.inc()),
            Observation::SnapshotFailed { .. } | Observation::SnapshotIgnored { .. } => {
                self.snapshot_errors.inc();
            }
            Observation::WayChanged { obstacle, .. } => {
                self.polling.set(i64::from(obstacle.is_some()));
            }
            Observation::AcceptFailed { .. } => drop(self.accept_errors.inc()),
            Observation::FleetChanged(change) => self.fleet_change(change),
            Observation::Broadcast { after } => self.broadcast.observe(after.as_secs_f64()),
            Observation::ConnectionOpened => drop(self.connections.inc()),
            Observation::ConnectionClosed => drop(self.connections.dec()),
            Observation::Answered { endpoint, status, took } => {
                let endpoint = (*endpoint).to_owned();
                let time = self.answer_times.get_or_create(&EndpointLabel { endpoint: endpoint.clone() });
                time.observe(took.as_secs_f64());
                self.answers.get_or_create(&AnswerLabel { endpoint, status: *status }).inc();
            }
            Observation::Evaluated { environment, evaluations } => {
                self.evaluations.get_or_create(&label(environment)).inc_by(*evaluations);
            }
            Observation::EvaluationFailed { environment, code } => {
                let label = CodeLabel { environment: (*environment).to_owned(), code };
                self.evaluation_errors.get_or_create(&label).inc();
            }
            Observation::StreamOpened { environment, kind } => {
                self.streams.get_or_create(&stream_label(environment, *kind)).inc();
            }
            Observation::StreamStarted { by } => {
                self.streams_started.get_or_create(&KindLabel { kind: by.name() }).inc();
            }
            Observation::StreamClosed { environment, kind, reason, .. } => {
                self.streams.get_or_create(&stream_label(environment, *kind)).dec();
                self.streams_closed.get_or_create(&KindLabel { kind: reason.name() }).inc();
            }
            Observation::UsageRecorded { evaluations } => {
                self.evaluations_recorded.inc_by(*evaluations);
            }
            Observation::UsageDropped { evaluations, error } => {
                let kind = match error {
                    None => "full",
                    Some(error) if error.is_about_data() => "refused",
                    Some(_) => "read_only",
                };
                self.evaluations_dropped.get_or_create(&KindLabel { kind }).inc_by(*evaluations);
            }
            Observation::Refused { code } => {
                self.refusals.get_or_create(&KindLabel { kind: code.name() }).inc();
            }
            Observation::Listening { .. }
            | Observation::Draining
            | Observation::Stopped { .. }
            | Observation::DocumentBroken { .. }
            | Observation::SessionCaughtUp
            | Observation::BecameStale
            | Observation::CertificateRead { .. }
            | Observation::Restored { .. }
            | Observation::StandbyLags
            | Observation::CaughtUp { .. } => {}
        }
    }

    fn fleet_change(&self, change: &FleetChange) {
        match change {
            FleetChange::Added(environment, position)
            | FleetChange::Moved { environment, to: position, .. } => {
                self.revision.get_or_create(&label(environment)).set(position.revision);
                self.changes.get_or_create(&label(environment)).inc();
            }
            FleetChange::Removed(environment) => {
                self.revision.remove(&label(environment));
                self.changes.remove(&label(environment));
                self.payload_errors.remove(&label(environment));
            }
            FleetChange::Failed(environment, _) | FleetChange::BrokenKey(environment, _) => {
                self.payload_errors.get_or_create(&label(environment)).inc();
            }
        }
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    /// None in practice: writing to a `String` does not fail.
    pub fn scrape(&self, now: &Scrape) -> Result<String, std::fmt::Error> {
        self.stale.set(now.stale_for.map_or(0.0, |duration| duration.as_secs_f64()));
        // Prometheus knows no "never"; infinity is longer ago than any alert allows.
        self.reading_age.set(now.read_ago.map_or(f64::INFINITY, |ago| ago.as_secs_f64()));
        self.ready.set(i64::from(now.ready));
        self.broken.clear();
        for (environment, count) in &now.broken {
            self.broken.get_or_create(&label(environment)).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// 64 µs to 4 s.
fn from_microseconds_to_seconds() -> Histogram {
    Histogram::new(exponential_buckets(64e-6, 2.0, 17))
}

fn stream_label(environment: &str, kind: KeyKind) -> StreamLabel {
    let kind = match kind {
        KeyKind::Server => "server",
        KeyKind::Client => "client",
    };
    StreamLabel { environment: environment.to_owned(), kind }
}

fn label(environment: &(impl AsRef<str> + ?Sized)) -> EnvironmentLabel {
    EnvironmentLabel { environment: environment.as_ref().to_owned() }
}

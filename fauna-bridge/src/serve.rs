//! `fauna-bridge serve`: puts the parts together and runs them until a signal.

use std::io;
use std::sync::Arc;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::admission::Admission;
use crate::database::{Database, DatabaseError, Resumer};
use crate::fleet::Fleet;
use crate::follower::{Follower, Readings};
use crate::health::Health;
use crate::http::{Bridge, ProblemCode, Shared, refusing, router};
use crate::observation::{Observation, Observer};
use crate::options::ServeOptions;
use crate::pem::PemError;
use crate::server::{Encryption, Server};
use crate::snapshot::{Folder, Snapshots};
use crate::stream::StreamContext;
use crate::usage::{Recorder, Usage};

/// Why the bridge did not start, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The connection string is unusable.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why not.
        error: io::Error,
    },
    /// The task that follows the database ended.
    #[error("the follower of the database failed; this is a defect")]
    Follower,
    /// The certificate cannot be used.
    #[error(transparent)]
    Encryption(#[from] PemError),
    /// Signals cannot be caught.
    #[error("cannot catch signals: {0}")]
    Signals(#[source] io::Error),
}

/// Runs the bridge until SIGTERM or SIGINT. It listens before PostgreSQL was reached, so that probes are answered.
///
/// # Errors
/// It cannot start, or has a defect.
pub async fn serve(options: &ServeOptions) -> Result<(), ServeError> {
    let signals = Signals::catch().map_err(ServeError::Signals)?;
    let database = Database::try_new(&options.database_url, options.database_timeout_ms)?;
    let resumer = Resumer::try_new(&database)?;
    let observer = Arc::new(Observer::default());
    let health = Arc::new(Health::default());
    let fleet = Arc::new(Fleet::new(options.replay()));
    let readings = Arc::new(Readings::default());

    let encryption = options.encryption().map(Encryption::try_new).transpose()?.map(Arc::new);
    let server = Server::bind(options.listen, encryption.clone(), options.server(), Arc::clone(&observer))
        .map_err(|error| ServeError::Listen { address: options.listen, error })?;
    let usage = Arc::new(Usage::new(options.usage_counts));
    let recorder =
        Recorder::new(Arc::clone(&usage), database.clone(), options.recorder(), Arc::clone(&observer));
    let snapshots = options.snapshot_dir.clone().map(|path| {
        let folder = Folder::new(path, database.identity());
        Arc::new(Snapshots::new(folder, Arc::clone(&fleet), Arc::clone(&observer)))
    });
    let follower = Follower {
        database,
        snapshots: snapshots.clone(),
        options: options.follower(),
        fleet: Arc::clone(&fleet),
        health: Arc::clone(&health),
        observer: Arc::clone(&observer),
        readings: Arc::clone(&readings),
    };
    let streams = StreamContext {
        options: options.streams(),
        resumer,
        readings,
        health: Arc::clone(&health),
        observer,
    };
    if let Some(encryption) = encryption {
        // Without a certificate SIGHUP means what it means to any process: its terminal is gone.
        let hangup = signal(SignalKind::hangup()).map_err(ServeError::Signals)?;
        tokio::spawn(reload(encryption, hangup, Arc::clone(&streams.observer)));
    }
    let admission = Arc::new(Admission::new(options.limits.admission()));
    let refusing = refusing(ProblemCode::TooManyConnections, &options.limits.cors_origins);
    let router = router(Bridge::from(Shared {
        admission,
        options: options.http(),
        origins: options.limits.cors_origins.clone().into(),
        fleet,
        streams: Arc::new(streams),
        usage,
    }));

    // Closed when the process is to end: then what is not in the database or on the disk yet is written.
    let (end, ended) = watch::channel(());
    let over = |mut ended: watch::Receiver<()>| async move { drop(ended.changed().await) };
    let recording = tokio::spawn(recorder.run(over(ended.clone())));
    let keeping = snapshots.map(|snapshots| {
        let over = over(ended);
        tokio::spawn(async move { snapshots.keep(over).await })
    });
    let mut following = tokio::spawn(follower.run());
    tokio::select! {
        () = server.serve(router, refusing, &health, signals.received()) => {
            following.abort();
            drop(end);
            // The process does not wait for a database that is away. A disk that hangs has its limit there.
            let _ = tokio::time::timeout(options.database_timeout_ms, recording).await;
            if let Some(keeping) = keeping {
                let _ = keeping.await;
            }
            Ok(())
        }
        // Only a defect ends it. A process that no longer follows must not look alive.
        _ = &mut following => Err(ServeError::Follower),
    }
}

/// Reads the certificate again on every SIGHUP, for ever.
async fn reload(encryption: Arc<Encryption>, mut hangup: Signal, observer: Arc<Observer>) {
    while hangup.recv().await.is_some() {
        let read = encryption.reload();
        observer.observe(&Observation::CertificateRead { error: read.as_ref().err() });
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn received(mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

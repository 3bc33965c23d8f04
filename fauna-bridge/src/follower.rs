//! Keeps the fleet at what the database says, for ever.
//!
//! LISTEN first, then read everything; from then on read again whenever something is announced, and every few
//! seconds whether or not (a notification can be lost, a trigger disabled, a restore silent). Where LISTEN cannot work, ask for the
//! heads at short intervals and read when one of them moved. After any trouble a new session begins the same way, because everything
//! may have been missed meanwhile.

mod readings;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::database::{Database, DatabaseError, Listener, News, Obstacle, Place, Reader, Session, Way};
use crate::environment::BrokenDocument;
use crate::fleet::{Fleet, FleetChange};
use crate::health::Health;
use crate::observation::{Observation, Observer};
use crate::snapshot::Snapshots;

pub use readings::Readings;

/// A session that lived this long was healthy: the next loss starts over with an immediate attempt.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// How long a start waits for PostgreSQL before it serves a snapshot: what it says may be out of date, a revoked key's end included,
/// so it is worth a moment. A refused connection ends the wait at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often, and how patiently.
#[derive(Clone, Copy, Debug)]
pub struct FollowerOptions {
    /// Time between two safety-net readings.
    pub resync_interval: Duration,
    /// Time between two questions where nothing is announced.
    pub poll_interval: Duration,
    /// The wait after the second failed attempt in a row; doubles from there.
    pub reconnect_base: Duration,
    /// The longest wait between attempts.
    pub reconnect_max: Duration,
}

/// The task that follows the database.
pub struct Follower {
    /// Where to read.
    pub database: Database,
    /// What is kept for a start without the database.
    pub snapshots: Option<Arc<Snapshots>>,
    /// How often.
    pub options: FollowerOptions,
    /// What to keep up to date.
    pub fleet: Arc<Fleet>,
    /// Whom to tell about the connection.
    pub health: Arc<Health>,
    /// Whom to tell about everything else.
    pub observer: Arc<Observer>,
    /// Who asks for readings.
    pub readings: Arc<Readings>,
}

/// What the running session knows beyond the fleet.
struct Progress {
    // Environments whose last payload could not be applied: they are read whole next time.
    distrusted: HashSet<Arc<str>>,
    broken: HashMap<Arc<str>, BTreeSet<BrokenDocument>>,
    last_success: Instant,
    // How far the server was that was read last.
    seen: Option<Place>,
    // Why the last session that read something polled, if it did: said when it changes.
    obstacle: Option<Obstacle>,
    // A session turned out not to listen although it looked as if it would, so the next one does not try.
    was_fooled: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            distrusted: HashSet::new(),
            broken: HashMap::new(),
            last_success: Instant::now(),
            seen: None,
            obstacle: None,
            was_fooled: false,
        }
    }
}

impl Follower {
    /// Runs until dropped.
    pub async fn run(self) {
        let mut backoff = Backoff::new(self.options.reconnect_base, self.options.reconnect_max);
        let mut progress = Progress::new();
        let mut is_first = true;
        loop {
            let started = Instant::now();
            let ended = if std::mem::take(&mut is_first) {
                Box::pin(self.first_session(&mut progress)).await
            } else {
                self.session(&mut progress).await
            };
            let Err(error) = ended else { continue };
            progress.was_fooled = matches!(error, DatabaseError::NotListening);
            if progress.last_success > started && started.elapsed() > HEALTHY_AFTER {
                backoff.reset();
            }
            let wait = backoff.wait();
            // The first failure after a healthy session may be a hiccup that the immediate second attempt heals.
            if backoff.failures() > 1 && self.health.lost_touch(progress.last_success) {
                self.observer.observe(&Observation::BecameStale);
            }
            self.observer.observe(&Observation::SessionFailed { error: &error, retry_in: wait });
            tokio::time::sleep(wait).await;
        }
    }

    /// The first session; if it does not come to read anything in time, a snapshot is restored meanwhile.
    async fn first_session(&self, progress: &mut Progress) -> Result<(), DatabaseError> {
        let mut session = std::pin::pin!(self.session(progress));
        match tokio::time::timeout(PATIENCE, &mut session).await {
            Ok(ended) => {
                self.restore().await;
                ended
            }
            // The database may answer while a disk is waited for, and the other way round.
            Err(_) => tokio::join!(session, self.restore()).0,
        }
    }

    /// Serves what was kept, if nothing better is known.
    async fn restore(&self) {
        if let Some(snapshots) = &self.snapshots
            && !self.fleet.is_loaded()
            && let Some(kept) = snapshots.read().await
            && !self.fleet.is_loaded()
        {
            self.health.restored(snapshots.restore(kept));
        }
    }

    /// One session, from connecting to its end. It ends well when there is a better way to follow than its own.
    async fn session(&self, progress: &mut Progress) -> Result<(), DatabaseError> {
        let known = progress.was_fooled.then_some(Obstacle::Pooler);
        let (session, mut connections) = Session::open(&self.database, known).await?;
        self.observer.observe(&Observation::SessionOpened);
        tokio::select! {
            biased;
            ended = self.follow(&session, progress) => ended,
            lost = connections.drive() => Err(lost),
        }
    }

    async fn follow(&self, session: &Session, progress: &mut Progress) -> Result<(), DatabaseError> {
        self.readings.are_of_standby(session.reader.was_standby());
        self.catch_up(&session.reader, progress, None).await?;
        self.observer.observe(&Observation::SessionCaughtUp);
        let obstacle = match session.way {
            Way::Listening(_) => None,
            Way::Polling(obstacle) => Some(obstacle),
        };
        if progress.obstacle != obstacle {
            progress.obstacle = obstacle;
            let every = self.options.poll_interval;
            self.observer.observe(&Observation::WayChanged { obstacle, every });
        }
        match &session.way {
            Way::Listening(listener) => self.listen(session, listener, progress).await,
            Way::Polling(obstacle) => self.poll(&session.reader, *obstacle, progress).await,
        }
    }

    async fn listen(
        &self,
        session: &Session,
        listener: &Listener,
        progress: &mut Progress,
    ) -> Result<(), DatabaseError> {
        let reader = &session.reader;
        loop {
            tokio::select! {
                news = listener.announced(|news| !news.is_known_to(self.position_of(news.environment()))) => {
                    let noticed = Some(Instant::now());
                    if !self.advance(listener, progress, &news, noticed).await? {
                        self.catch_up(reader, progress, noticed).await?;
                    }
                }
                () = self.readings.asked() => self.catch_up(reader, progress, None).await?,
                () = tokio::time::sleep(self.options.resync_interval) => {
                    session.probe(listener).await?;
                    self.catch_up(reader, progress, None).await?;
                }
            }
        }
    }

    /// Asks where the log stands, and reads when that is not where this bridge stands. Returns when the standby is one no longer.
    async fn poll(
        &self,
        reader: &Reader,
        obstacle: Obstacle,
        progress: &mut Progress,
    ) -> Result<(), DatabaseError> {
        loop {
            tokio::select! {
                () = self.readings.asked() => self.catch_up(reader, progress, None).await?,
                () = tokio::time::sleep(self.options.poll_interval) => {
                    let noticed = Some(Instant::now());
                    let heads = reader.heads().await?;
                    let environments = self.fleet.environments().into_iter();
                    let held = environments.map(|one| (Arc::clone(one.key()), one.position()));
                    // What was restored is to be confirmed, whatever it is.
                    if heads.are_known(held) && progress.distrusted.is_empty() && self.fleet.is_confirmed() {
                        self.took(&[], progress, None);
                    } else {
                        self.catch_up(reader, progress, noticed).await?;
                    }
                    if obstacle == Obstacle::Standby && !heads.is_standby {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Brings the announced environments forward one by one; false if that does not do and everything must be read.
    async fn advance(
        &self,
        listener: &Listener,
        progress: &mut Progress,
        news: &News,
        noticed: Option<Instant>,
    ) -> Result<bool, DatabaseError> {
        let News::Of(environments) = news else { return Ok(false) };
        for environment in environments {
            let Some(environment) = self.fleet.environment(environment) else { return Ok(false) };
            if progress.distrusted.contains(environment.key()) {
                return Ok(false);
            }
            let held = environment.position();
            let Some(patch) = listener.advance(environment.key(), held).await? else { return Ok(false) };
            let change = FleetChange::of(environment.key(), held, environment.advance(patch));
            let applied = matches!(change, FleetChange::Moved { .. });
            self.took(&[change], progress, noticed);
            if !applied {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn position_of(&self, environment: &str) -> Option<crate::position::Position> {
        self.fleet.environment(environment).map(|environment| environment.position())
    }

    async fn catch_up(
        &self,
        reader: &Reader,
        progress: &mut Progress,
        noticed: Option<Instant>,
    ) -> Result<(), DatabaseError> {
        let number = self.readings.begin();
        // Asked before, so that what is then read is at least as far.
        let replayed = if reader.was_standby() { Some(reader.place().await?) } else { None };
        if let Some(replayed) = &replayed
            && self.knows_more(replayed, progress).await
        {
            // Nobody is told that this was a reading, and what was restored stays stale.
            if self.fleet.is_confirmed() {
                self.took(&[], progress, None);
            }
            return Ok(());
        }
        let environments = self.fleet.environments().into_iter();
        let known: Vec<_> = environments
            .filter(|environment| !progress.distrusted.contains(environment.key()))
            .map(|environment| (Arc::clone(environment.key()), environment.position()))
            .collect();
        let readings = reader.catch_up(&known).await?;
        let place = match replayed.filter(|replayed| replayed.is_standby) {
            Some(replayed) => replayed,
            // Asked afterwards: whoever is there has everything that was read.
            None => reader.place().await?,
        };
        if let Some(snapshots) = &self.snapshots {
            snapshots.read_at(place.clone());
        }
        progress.seen = Some(place);
        progress.distrusted.clear();
        let changes = self.fleet.apply(readings);
        self.readings.finish(number);
        self.took(&changes, progress, noticed);
        Ok(())
    }

    /// Whether a standby at `replayed` has not heard yet of all that is held. What was kept by a process before this one is held, too: a
    /// standby that lags behind it is as good as none, so it is restored.
    async fn knows_more(&self, replayed: &Place, progress: &Progress) -> bool {
        if let Some(snapshots) = &self.snapshots
            && !self.fleet.is_loaded()
            && let Some(kept) = snapshots.read().await
            && kept.place.as_ref().is_some_and(|kept| replayed.lags_behind(kept))
            && !self.fleet.is_loaded()
        {
            self.health.restored(snapshots.restore(kept));
            self.observer.observe(&Observation::StandbyLags);
        }
        let restored = || self.snapshots.as_ref()?.place();
        progress.seen.clone().or_else(restored).is_some_and(|seen| replayed.lags_behind(&seen))
    }

    /// Tells whoever wants to know what a reading changed, and that there was one.
    fn took(&self, changes: &[FleetChange], progress: &mut Progress, noticed: Option<Instant>) {
        progress.last_success = Instant::now();
        for change in changes {
            if let FleetChange::Added(environment, _) | FleetChange::Moved { environment, .. } = change {
                self.report_broken(environment, progress);
            }
            if let FleetChange::Failed(environment, _) = change {
                progress.distrusted.insert(Arc::clone(environment));
            }
            if let Some(snapshots) = &self.snapshots {
                snapshots.mark(change);
            }
            self.observer.observe(&Observation::FleetChanged(change));
        }
        if let Some(snapshots) = &self.snapshots {
            snapshots.caught_up();
        }
        if let Some(noticed) = noticed.filter(|_| !changes.is_empty()) {
            self.observer.observe(&Observation::Broadcast { after: noticed.elapsed() });
        }
        if let Some(stale_for) = self.health.in_touch() {
            self.observer.observe(&Observation::CaughtUp { stale_for });
        }
    }

    /// Names every document that does not compile, once for each way in which it does not.
    fn report_broken(&self, environment: &Arc<str>, progress: &mut Progress) {
        let Some(broken) =
            self.fleet.environment(environment).map(|environment| environment.broken_documents())
        else {
            return;
        };
        let broken: BTreeSet<_> = broken.into_iter().collect();
        let known = progress.broken.entry(Arc::clone(environment)).or_default();
        for document in broken.difference(known) {
            self.observer.observe(&Observation::DocumentBroken { environment, document });
        }
        *known = broken;
    }
}

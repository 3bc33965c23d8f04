//! One server stream: from a position to the next, for as long as the client may listen.
//!
//! A stream keeps its position and asks the environment what comes next, so it holds no queue: while its socket is full
//! nobody polls it, and when it is polled again it gets everything it missed as one merged patch. What it can miss at most is
//! what the environment keeps; further behind, it is dropped and resumes through the log.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::database::Resumer;
use crate::environment::{ApplyError, Environment, Step};
use crate::event::{self, Event};
use crate::follower::Readings;
use crate::health::{Condition, Health};
use crate::observation::{Close, Observation, Observer, Start};
use crate::position::Position;
use crate::sdk_key::SdkKey;

/// How streams behave.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// Time between comments on an otherwise silent stream.
    pub heartbeat: Duration,
    /// The longest a stream lives; each ends between 80 and 100 % of it, so that they do not all come back at once.
    pub max_age: Duration,
    /// The middle of the reconnection times that clients are told; each is told one between 50 and 150 % of it.
    pub retry: Duration,
}

/// What every stream needs.
pub struct StreamContext {
    /// How streams behave.
    pub options: StreamOptions,
    /// Patches from further back than memory.
    pub resumer: Resumer,
    /// To make sure of the present state.
    pub readings: Arc<Readings>,
    /// Whether PostgreSQL is in reach and the process stays.
    pub health: Arc<Health>,
    /// Who wants to know.
    pub observer: Arc<Observer>,
}

/// Opens a stream for the holder of `key`, who already stands at `position` if it says so.
pub fn open(
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
    key: &SdkKey,
    position: Option<Position>,
) -> impl Stream<Item = Result<Bytes, std::convert::Infallible>> + Send + use<> {
    let connection = Connection::new(context, environment, key, position);
    unfold(connection, |mut connection| async move {
        let bytes = connection.next().await?;
        Some((Ok(bytes), connection))
    })
}

/// Where a stream is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing sent.
    New,
    /// Told when to reconnect; the client's state is not established.
    Greeted,
    /// The client holds a state of this environment.
    Live,
    /// Nothing more to send.
    Ended,
}

struct Connection {
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
    key_id: Arc<str>,
    position: Option<Position>,
    phase: Phase,
    changed: watch::Receiver<u64>,
    condition: watch::Receiver<Condition>,
    told_stale: bool,
    opened: Instant,
    dies: Instant,
    expires: Option<Instant>,
    beats: Instant,
    reason: Close,
}

impl Connection {
    fn new(
        context: Arc<StreamContext>,
        environment: Arc<Environment>,
        key: &SdkKey,
        position: Option<Position>,
    ) -> Self {
        let opened = Instant::now();
        let options = context.options;
        let age = options.max_age.mul_f64(0.8 + fastrand::f64() / 5.0);
        context.observer.observe(&Observation::StreamOpened { environment: environment.key() });
        Self {
            // Subscribed before the state is read, so that no change falls between.
            changed: environment.subscribe(),
            condition: context.health.subscribe(),
            key_id: Arc::clone(&key.id),
            position,
            phase: Phase::New,
            told_stale: false,
            opened,
            dies: opened + age,
            expires: None,
            beats: opened + options.heartbeat,
            // What it is if the stream is dropped without having ended itself.
            reason: Close::Client,
            context,
            environment,
        }
    }

    /// The next bytes to send; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        if self.phase == Phase::Ended {
            return None;
        }
        if self.phase == Phase::New {
            self.phase = Phase::Greeted;
            return Some(event::retry(self.jittered_retry()));
        }
        loop {
            self.changed.mark_unchanged();
            let condition = *self.condition.borrow_and_update();
            if let Some(reason) = self.must_end(condition) {
                return Some(self.end(reason));
            }
            let stale = condition.stale_since.is_some();
            if stale != self.told_stale {
                self.told_stale = stale;
                return Some(self.sending(event::status(stale)));
            }
            match self.step(stale).await {
                Ok(Some(event)) => {
                    self.position = Some(event.position);
                    return Some(self.sending(event.bytes));
                }
                Ok(None) => {}
                Err(reason) => return Some(self.end(reason)),
            }
            if self.wait().await {
                return Some(self.sending(event::heartbeat()));
            }
        }
    }

    /// The next event, if there is one now.
    async fn step(&mut self, stale: bool) -> Result<Option<Event>, Close> {
        let first = self.phase == Phase::Greeted;
        let Some(position) = self.position else {
            return self.put().map(Some);
        };
        let step = self.environment.after(position).map_err(failed)?;
        let (event, start) = match step {
            Step::Current => (None, Start::Current),
            Step::Send(event) => (Some(event), Start::Memory),
            // Boxed: rare, and every connection would carry its size.
            Step::Behind if first => match Box::pin(self.patch_from_log(position)).await {
                Some(event) => (Some(event), Start::Log),
                None => return self.put().map(Some),
            },
            Step::Behind => return Err(Close::Slow),
            // This bridge brought the client to where it is, and has since seen a new epoch.
            Step::Elsewhere if !first && position.epoch != self.environment.position().epoch => {
                return self.put().map(Some);
            }
            // The client may know more than this bridge does. Its state stays until the database has said which
            // is right: a reading that begins now either brings the bridge there, or shows that the client is wrong.
            Step::Elsewhere if stale => return Ok(None),
            Step::Elsewhere => {
                let confirmed = Box::pin(self.is_confirmed_by_fresh_reading(position)).await;
                return if confirmed { self.put().map(Some) } else { Ok(None) };
            }
        };
        self.started(start);
        Ok(event)
    }

    fn put(&mut self) -> Result<Event, Close> {
        let put = self.environment.put().map_err(failed)?;
        self.started(Start::Put);
        Ok(put)
    }

    async fn patch_from_log(&self, position: Position) -> Option<Event> {
        let tip = self.environment.position();
        match self.context.resumer.patch(self.environment.key(), tip, position).await {
            Ok(event) => event,
            Err(error) => {
                self.context.observer.observe(&Observation::ResumeFailed { error: &error });
                None
            }
        }
    }

    /// Waits for a reading of the database that began from now on; true if `position` is elsewhere even then. False if
    /// something else needs attention first.
    async fn is_confirmed_by_fresh_reading(&mut self, position: Position) -> bool {
        let context = Arc::clone(&self.context);
        let deadline = self.next_deadline();
        tokio::select! {
            () = context.readings.fresh() => {
                matches!(self.environment.after(position), Ok(Step::Elsewhere))
            }
            _ = self.condition.changed() => {
                self.condition.mark_changed();
                false
            }
            () = tokio::time::sleep_until(deadline) => false,
        }
    }

    fn started(&mut self, by: Start) {
        if self.phase == Phase::Greeted {
            self.phase = Phase::Live;
            self.context.observer.observe(&Observation::StreamStarted { by });
        }
    }

    fn must_end(&mut self, condition: Condition) -> Option<Close> {
        if condition.draining {
            return Some(Close::Drain);
        }
        if self.environment.is_removed() {
            return Some(Close::Environment);
        }
        let now = SystemTime::now();
        match self.environment.key_by_id(&self.key_id) {
            Some(key) if key.check(now).is_ok() => {
                // Asked anew each time, because the expiry may be moved while the stream is open, either way.
                self.expires =
                    key.expires_in(now).map(|rest| Instant::now() + rest.min(self.context.options.max_age));
            }
            _ => return Some(Close::Key),
        }
        (Instant::now() >= self.dies).then_some(Close::Age)
    }

    /// Waits until something happened; true if it is time for a heartbeat.
    async fn wait(&mut self) -> bool {
        let deadline = self.next_deadline();
        tokio::select! {
            biased;
            _ = self.changed.changed() => false,
            _ = self.condition.changed() => false,
            () = tokio::time::sleep_until(deadline) => Instant::now() >= self.beats,
        }
    }

    fn next_deadline(&self) -> Instant {
        let deadline = self.beats.min(self.dies);
        self.expires.map_or(deadline, |expires| deadline.min(expires))
    }

    fn sending(&mut self, bytes: Bytes) -> Bytes {
        self.beats = Instant::now() + self.context.options.heartbeat;
        bytes
    }

    /// Ends with one more word on when to come back, so that a drain does not bring everybody back at once.
    fn end(&mut self, reason: Close) -> Bytes {
        self.phase = Phase::Ended;
        self.reason = reason;
        event::retry(self.jittered_retry())
    }

    fn jittered_retry(&self) -> Duration {
        self.context.options.retry.mul_f64(0.5 + fastrand::f64())
    }
}

fn failed(_: ApplyError) -> Close {
    Close::Failed
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.context.observer.observe(&Observation::StreamClosed {
            environment: self.environment.key(),
            reason: self.reason,
            lived: self.opened.elapsed(),
        });
    }
}

#[cfg(test)]
mod tests;

//! What a stream is, whatever it sends: a key that must stay valid, an age, a heartbeat, and somebody to wake it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fauna_core::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::StreamContext;
use crate::clock;
use crate::environment::{Environment, Step};
use crate::event;
use crate::health::Condition;
use crate::observation::{Close, Observation, Start};
use crate::position::Position;
use crate::sdk_key::{KeyKind, SdkKey};

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

/// What is to be done next.
pub enum Next {
    /// Ask the feed.
    Feed {
        /// Whether the bridge is out of touch with PostgreSQL.
        stale: bool,
    },
    /// Send this.
    Send(Bytes),
    /// Nothing more, ever.
    Over,
}

/// One stream.
pub struct Line {
    /// What every stream needs.
    pub context: Arc<StreamContext>,
    /// The environment of its key.
    pub environment: Arc<Environment>,
    key_id: Arc<str>,
    key_kind: KeyKind,
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

impl Line {
    /// A stream that has said nothing yet.
    pub fn new(context: Arc<StreamContext>, environment: Arc<Environment>, key: &SdkKey) -> Self {
        let opened = Instant::now();
        let options = context.options;
        let age = options.max_age.mul_f64(0.8 + fastrand::f64() / 5.0);
        context
            .observer
            .observe(&Observation::StreamOpened { environment: environment.key(), kind: key.kind });
        Self {
            // Subscribed before the state is read, so that no change falls between.
            changed: environment.subscribe(),
            condition: context.health.subscribe(),
            key_id: Arc::clone(&key.id),
            key_kind: key.kind,
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

    /// Whether the client's state is yet to be established.
    pub fn is_first(&self) -> bool {
        self.phase != Phase::Live
    }

    /// The client's state is established now, if it was not.
    pub fn started(&mut self, by: Start) {
        if self.phase == Phase::Greeted {
            self.phase = Phase::Live;
            self.context.observer.observe(&Observation::StreamStarted { by });
        }
    }

    /// What comes before anything a feed has to say. From here on every change wakes the stream.
    pub fn look(&mut self) -> Next {
        match self.phase {
            Phase::Ended => return Next::Over,
            Phase::New => {
                self.phase = Phase::Greeted;
                return Next::Send(event::retry(self.jittered_retry()));
            }
            Phase::Greeted | Phase::Live => {}
        }
        self.changed.mark_unchanged();
        let condition = *self.condition.borrow_and_update();
        if let Some(reason) = self.must_end(condition) {
            return Next::Send(self.end(reason));
        }
        let stale = condition.stale_since.is_some();
        if stale == self.told_stale {
            return Next::Feed { stale };
        }
        self.told_stale = stale;
        Next::Send(self.sending(event::status(stale)))
    }

    /// Whether a client that stands at `position`, which is not in this bridge's past, may be given this bridge's state.
    ///
    /// The client may know more than this bridge does. Its state stays until the database has said which is right: a reading that begins now
    /// either brings the bridge there, or shows that the client is wrong.
    pub async fn may_take_back(&mut self, position: Position, stale: bool) -> bool {
        // This bridge brought the client to where it is, and has since seen a new epoch.
        if !self.is_first() && position.epoch != self.environment.position().epoch {
            return true;
        }
        // In the same epoch the client is ahead, and where that may be a standby's lag, the standby will get there.
        if stale || (position.epoch == self.environment.position().epoch && self.context.readings.may_lag()) {
            return false;
        }
        // Boxed: rare, and every connection would carry its size.
        Box::pin(self.is_confirmed_by_fresh_reading(position)).await
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

    /// Waits until something happened, or the clock shows `wakes`. Returns a heartbeat if it is time for one.
    pub async fn wait(&mut self, wakes: Option<Timestamp>) -> Option<Bytes> {
        let mut deadline = self.next_deadline();
        if let Some(wakes) = wakes {
            // The clock of the machine may be set meanwhile; the next heartbeat comes first then, and it is looked at again.
            let rest = wakes.as_micros().saturating_sub(clock::now().as_micros());
            let rest = Duration::from_micros(u64::try_from(rest).unwrap_or(0));
            deadline = deadline.min(Instant::now() + rest.min(self.context.options.heartbeat));
        }
        let timed_out = tokio::select! {
            biased;
            _ = self.changed.changed() => false,
            _ = self.condition.changed() => false,
            () = tokio::time::sleep_until(deadline) => true,
        };
        (timed_out && Instant::now() >= self.beats).then(|| self.sending(event::heartbeat()))
    }

    fn next_deadline(&self) -> Instant {
        let deadline = self.beats.min(self.dies);
        self.expires.map_or(deadline, |expires| deadline.min(expires))
    }

    /// These bytes are about to be sent, so no heartbeat is needed for a while.
    pub fn sending(&mut self, bytes: Bytes) -> Bytes {
        self.beats = Instant::now() + self.context.options.heartbeat;
        bytes
    }

    /// Ends with one more word on when to come back, so that a drain does not bring everybody back at once.
    pub fn end(&mut self, reason: Close) -> Bytes {
        self.phase = Phase::Ended;
        self.reason = reason;
        event::retry(self.jittered_retry())
    }

    fn jittered_retry(&self) -> Duration {
        self.context.options.retry.mul_f64(0.5 + fastrand::f64())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.context.observer.observe(&Observation::StreamClosed {
            environment: self.environment.key(),
            kind: self.key_kind,
            reason: self.reason,
            lived: self.opened.elapsed(),
        });
    }
}

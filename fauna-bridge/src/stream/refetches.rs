//! OFREP's event stream: tells a provider that it should ask again, and nothing else.
//!
//! It knows no evaluation context, so it speaks up whenever a result may have changed for anybody who sees as much as its key: after a commit that
//! reaches such a flag, when a window opens or closes that decides one, and while such a ramp is on its way once a minute. Asking again costs a 304
//! where nothing changed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fauna_core::Timestamp;

use super::Feed;
use super::line::Line;
use crate::clock;
use crate::environment::Step;
use crate::evaluation::{Catalog, Scope, Slot};
use crate::event;
use crate::observation::{Close, Start};
use crate::position::Position;

/// How often a provider asks again while a ramp is on its way.
const RAMP_PACE: Duration = Duration::from_mins(1);

/// Sends requests to ask again.
pub struct Refetches {
    scope: Scope,
    position: Option<Position>,
    evaluated: Timestamp,
    wakes: Option<Timestamp>,
}

impl Refetches {
    /// For a client that has been told of `position`, by its word.
    pub fn new(scope: Scope, position: Option<Position>) -> Self {
        Self { scope, position, evaluated: clock::now(), wakes: None }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.wakes.is_some_and(|wakes| wakes <= now) || (self.wakes.is_some() && now < self.evaluated)
    }

    fn concerns(&self, catalog: &Catalog, step: &Step<Arc<[Slot]>>) -> bool {
        match step {
            Step::Current => false,
            Step::Send(reached) => reached.iter().any(|slot| catalog.may_be_known(*slot, self.scope)),
            Step::Behind | Step::Elsewhere => true,
        }
    }
}

impl Feed for Refetches {
    async fn next(&mut self, line: &mut Line, stale: bool) -> Result<Option<Bytes>, Close> {
        let (mut catalog, step) = match self.position {
            Some(position) => line.environment.reached_after(position),
            // It may have missed anything between its last question and now.
            None => (line.environment.catalog(), Step::Behind),
        };
        if let (Step::Elsewhere, Some(position)) = (&step, self.position) {
            // Asked now, this bridge could only answer with what the client had before.
            if !line.may_take_back(position, stale).await {
                return Ok(None);
            }
            catalog = line.environment.catalog();
        }
        let now = clock::now();
        // Of what time changed while it was away, nobody here knows.
        let missed = line.is_first() && !catalog.timed(self.scope).is_empty();
        let speaks = missed || self.is_due(now) || self.concerns(&catalog, &step);
        let start = if speaks { Start::Put } else { Start::Current };
        (self.position, self.evaluated) = (Some(catalog.position), now);
        self.wakes = catalog.next_edge(self.scope, now, RAMP_PACE);
        line.started(start);
        Ok(speaks.then(|| event::refetch(catalog.position, now)))
    }

    fn wakes(&self) -> Option<Timestamp> {
        self.wakes
    }
}

//! A client's stream: the results for one evaluation context.
//!
//! Of every flag it keeps a fingerprint of what the client was told last, eight bytes, and sends what differs. After a commit only
//! the flags are evaluated that the commit can reach; when the clock passes the next instant at which anything may change by itself, only
//! those that depend on the time. A reader that was too slow is no worse off: what is sent is the present state, not history.
//!
//! A client that comes back gets everything again. What it was told before it left was for a context that nobody here remembers,
//! at a time that has passed.

use std::hash::{DefaultHasher, Hasher as _};

use bytes::Bytes;
use fauna_core::Timestamp;

use super::Feed;
use super::line::Line;
use crate::clock;
use crate::environment::Step;
use crate::evaluation::{Catalog, EvaluationContext, Scope, Slot, Tally};
use crate::event::Results;

use crate::observation::{Close, Start};
use crate::position::Position;

/// Sends results.
pub struct Evaluations {
    scope: Scope,
    context: EvaluationContext,
    position: Option<Position>,
    /// By slot.
    told: Vec<Fingerprint>,
    /// Of the last evaluation, and when the next may give something else.
    evaluated: Timestamp,
    wakes: Option<Timestamp>,
}

/// Of an answer's bytes. With 64 bits, two answers that follow each other are taken for the same once in 10^19 changes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Fingerprint(u64);

impl Fingerprint {
    /// The client knows of no such flag.
    const ABSENT: Self = Self(0);

    fn of(answer: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(answer);
        Self(hasher.finish() | 1)
    }
}

impl Evaluations {
    /// For a client that has seen `position` already, by its word.
    pub fn new(scope: Scope, context: EvaluationContext, position: Option<Position>) -> Self {
        let evaluated = clock::now();
        Self { scope, context, position, told: Vec::new(), evaluated, wakes: None }
    }

    fn whole(&mut self, catalog: &Catalog, now: Timestamp, tally: &mut Tally) -> Bytes {
        self.told.clear();
        self.wakes = None;
        let mut put = Results::put(catalog);
        self.answer(catalog, catalog.slots(), now, &mut put, tally);
        self.told.shrink_to_fit();
        put.finish()
    }

    fn difference(
        &mut self,
        catalog: &Catalog,
        slots: impl IntoIterator<Item = Slot>,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Bytes> {
        let mut patch = Results::patch(catalog);
        self.answer(catalog, slots, now, &mut patch, tally);
        (!patch.is_empty()).then(|| patch.finish())
    }

    /// Evaluates flags and appends those of which the client knows something else.
    fn answer(
        &mut self,
        catalog: &Catalog,
        slots: impl IntoIterator<Item = Slot>,
        now: Timestamp,
        results: &mut Results,
        tally: &mut Tally,
    ) {
        let mut answer = Vec::new();
        for slot in slots {
            let flag = catalog.flag_at(slot).filter(|flag| self.scope.sees(flag.flag()));
            answer.clear();
            if let Some(flag) = flag {
                let evaluation = catalog.evaluate(flag, &self.context, now);
                tally.count(&evaluation);
                self.scope.write(&evaluation, flag, &mut answer);
                let next = catalog.next_change(slot, &self.context, now);
                self.wakes = self.wakes.into_iter().chain(next).min();
            }
            let fingerprint = flag.map_or(Fingerprint::ABSENT, |_| Fingerprint::of(&answer));
            if self.tell(slot, fingerprint) {
                results.push(catalog.key(slot), flag.map(|_| &answer[..]));
            }
        }
    }

    /// Remembers what the client is told of a flag; false if it was told just that before.
    fn tell(&mut self, slot: Slot, fingerprint: Fingerprint) -> bool {
        if self.told.len() <= slot.index() {
            if fingerprint == Fingerprint::ABSENT {
                return false;
            }
            self.told.resize(slot.index() + 1, Fingerprint::ABSENT);
        }
        std::mem::replace(&mut self.told[slot.index()], fingerprint) != fingerprint
    }

    /// Whether time alone may have changed something: the instant has come, or the clock was set back.
    fn is_due(&self, now: Timestamp) -> bool {
        self.wakes.is_some_and(|wakes| wakes <= now) || now < self.evaluated
    }

    async fn step(&mut self, line: &mut Line, stale: bool) -> Option<Bytes> {
        let (mut catalog, step) = match self.position {
            Some(position) => line.environment.reached_after(position),
            None => (line.environment.catalog(), Step::Behind),
        };
        let mut elsewhere = false;
        if let (Step::Elsewhere, Some(position)) = (&step, self.position) {
            if !line.may_take_back(position, stale).await {
                return None;
            }
            elsewhere = true;
            // A reading of the database may have come between.
            catalog = line.environment.catalog();
        }
        let now = clock::now();
        self.position = Some(catalog.position);
        let mut tally = Tally::default();
        let sent = if elsewhere || line.is_first() {
            Some(self.whole(&catalog, now, &mut tally))
        } else {
            let timed: &[Slot] = if self.is_due(now) { catalog.timed(self.scope) } else { &[] };
            if !timed.is_empty() {
                // All that depends on the time is looked at, so that the next instant is exact again.
                self.wakes = None;
            }
            match step {
                Step::Send(reached) => {
                    self.difference(&catalog, reached.iter().chain(timed).copied(), now, &mut tally)
                }
                Step::Behind => self.difference(&catalog, catalog.slots(), now, &mut tally),
                Step::Current | Step::Elsewhere => {
                    self.difference(&catalog, timed.iter().copied(), now, &mut tally)
                }
            }
        };
        tally.report(&line.context.observer, line.environment.key());
        self.evaluated = now;
        line.started(Start::Put);
        sent
    }
}

impl Feed for Evaluations {
    async fn next(&mut self, line: &mut Line, stale: bool) -> Result<Option<Bytes>, Close> {
        Ok(self.step(line, stale).await)
    }

    fn wakes(&self) -> Option<Timestamp> {
        self.wakes
    }
}

//! An environment's flags and audiences at one position, compiled.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fauna_core::{Audience, Evaluation, Flag, Source, Timestamp, evaluate_flag, next_change};
use hashbrown::HashMap;

use super::answer::Scope;
use super::context::EvaluationContext;
use super::prepared::PreparedFlag;
use super::schedules::Schedules;
use crate::position::Position;

/// A flag's place in the environment. It keeps it for as long as the process lives, even when it is deleted and comes back, so that a
/// stream can remember something of every flag in a plain list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Where in such a list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What there is to evaluate. Cloning shares everything compiled; readers keep the one they have while the writer goes on.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The environment's key.
    pub environment: Arc<str>,
    /// Where in the log this is.
    pub position: Position,
    slots: Arc<HashMap<Arc<str>, Slot>>,
    flags: Vec<Place>,
    audiences: HashMap<Arc<str>, Arc<Audience>>,
    for_servers: Schedules,
    for_clients: Schedules,
}

#[derive(Clone, Debug)]
struct Place {
    /// The key as JSON.
    key: Arc<str>,
    /// Whether a client may have seen it, now or before.
    shown: bool,
    flag: Option<Arc<PreparedFlag>>,
}

impl Catalog {
    /// Without flags.
    pub fn new(environment: Arc<str>, position: Position) -> Self {
        Self {
            environment,
            position,
            slots: Arc::default(),
            flags: Vec::new(),
            audiences: HashMap::new(),
            for_servers: Schedules::default(),
            for_clients: Schedules::default(),
        }
    }

    /// Evaluates one of its flags. Whoever wants to count evaluations counts here.
    pub fn evaluate<'c>(
        &'c self,
        flag: &'c PreparedFlag,
        context: &EvaluationContext,
        now: Timestamp,
    ) -> Evaluation<'c> {
        evaluate_flag(self, flag.flag(), context, now)
    }

    /// When the result of the flag at a place may change next without a commit.
    pub fn next_change(&self, slot: Slot, context: &EvaluationContext, now: Timestamp) -> Option<Timestamp> {
        // Most flags do not depend on the time, and that is known without walking through what they require.
        self.for_servers.timed.binary_search(&slot).ok()?;
        next_change(self, self.flag_at(slot)?.flag(), context, now)
    }

    /// Every place, also those whose flag is gone.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + use<> {
        // There are never more flags than memory for them.
        (0..u32::try_from(self.flags.len()).unwrap_or(u32::MAX)).map(Slot)
    }

    /// The flags whose results depend on the time, of those that somebody sees who sees so much, in order.
    pub fn timed(&self, scope: Scope) -> &[Slot] {
        &self.schedules(scope).timed
    }

    fn schedules(&self, scope: Scope) -> &Schedules {
        match scope {
            Scope::Server => &self.for_servers,
            Scope::Client => &self.for_clients,
        }
    }

    /// The place of a key that is or was a flag's.
    pub fn slot(&self, key: &str) -> Option<Slot> {
        self.slots.get(key).copied()
    }

    /// The key of a place, as JSON.
    pub fn key(&self, slot: Slot) -> &str {
        self.flags.get(slot.index()).map_or("", |place| &place.key)
    }

    /// The flag at a place, unless it is gone.
    pub fn flag_at(&self, slot: Slot) -> Option<&PreparedFlag> {
        self.flags.get(slot.index())?.flag.as_deref()
    }

    /// Whether somebody who sees so much may have been told of the flag at this place.
    pub fn may_be_known(&self, slot: Slot, scope: Scope) -> bool {
        scope == Scope::Server || self.flags.get(slot.index()).is_some_and(|place| place.shown)
    }

    /// The next instant after `now` at which results may change without a commit for anybody who sees so much: exactly for windows; while a
    /// ramp is on its way they change at any time, and this is every `pace`.
    pub fn next_edge(&self, scope: Scope, now: Timestamp, pace: Duration) -> Option<Timestamp> {
        let pace = i64::try_from(pace.as_micros()).unwrap_or(i64::MAX);
        let scheduled = &self.schedules(scope).scheduled;
        let flags = scheduled.iter().filter_map(|slot| self.flag_at(*slot)).map(PreparedFlag::flag);
        let edges = flags.flat_map(|flag| {
            let next =
                flag.is_ramping(now).then(|| Timestamp::from_micros(now.as_micros().saturating_add(pace)));
            next.into_iter().chain(flag.next_edge(now))
        });
        edges.min()
    }

    /// Every flag.
    pub fn flags(&self) -> impl Iterator<Item = &PreparedFlag> {
        self.flags.iter().filter_map(|place| place.flag.as_deref())
    }

    /// Every audience, in no particular order.
    pub fn audiences(&self) -> impl Iterator<Item = &Audience> {
        self.audiences.values().map(|audience| &**audience)
    }

    /// Puts a flag in place of another, and returns that.
    pub(super) fn set_flag(
        &mut self,
        key: &Arc<str>,
        flag: Option<PreparedFlag>,
    ) -> Option<Arc<PreparedFlag>> {
        let slot = match self.slot(key) {
            Some(slot) => slot,
            None => self.add_place(key),
        };
        let place = self.flags.get_mut(slot.index())?;
        place.shown |= flag.as_ref().is_some_and(|flag| flag.flag().client_visible());
        std::mem::replace(&mut place.flag, flag.map(Arc::new))
    }

    fn add_place(&mut self, key: &Arc<str>) -> Slot {
        let slot = Slot(u32::try_from(self.flags.len()).unwrap_or(u32::MAX));
        self.flags.push(Place {
            key: serde_json::Value::from(&**key).to_string().into(),
            shown: false,
            flag: None,
        });
        Arc::make_mut(&mut self.slots).insert(Arc::clone(key), slot);
        slot
    }

    /// Puts an audience in place of another, and returns that.
    pub(super) fn set_audience(
        &mut self,
        key: &Arc<str>,
        audience: Option<Audience>,
    ) -> Option<Arc<Audience>> {
        match audience {
            Some(audience) => self.audiences.insert(Arc::clone(key), Arc::new(audience)),
            None => self.audiences.remove(key),
        }
    }

    /// Forgets all flags and audiences; the places stay.
    pub(super) fn clear(&mut self) {
        self.audiences.clear();
        for place in &mut self.flags {
            place.flag = None;
        }
    }

    /// These are the flags whose results depend on the time.
    pub(super) fn set_timed(&mut self, keys: &BTreeSet<Arc<str>>) {
        let timed = self.slots_of(keys);
        let is_seen = |slot: &Slot| self.flag_at(*slot).is_some_and(|flag| Scope::Client.sees(flag.flag()));
        let seen = timed.iter().copied().filter(is_seen).collect();
        self.for_clients = Schedules::of(seen, self);
        self.for_servers = Schedules::of(timed, self);
    }

    /// The places of keys, in order.
    pub(super) fn slots_of(&self, keys: &BTreeSet<Arc<str>>) -> Arc<[Slot]> {
        let slots: BTreeSet<Slot> = keys.iter().filter_map(|key| self.slot(key)).collect();
        slots.into_iter().collect()
    }
}

impl Source for Catalog {
    fn flag(&self, key: &str) -> Option<&Flag> {
        self.flag_at(self.slot(key)?).map(PreparedFlag::flag)
    }

    fn audience(&self, key: &str) -> Option<&Audience> {
        self.audiences.get(key).map(|audience| &**audience)
    }
}

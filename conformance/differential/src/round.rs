//! A ruleset, how it changes, and what it is asked.

use fauna_core::{Ruleset, RulesetError, Timestamp};
use serde_json::{Map, Value};

use crate::context::context;
use crate::dice::Dice;
use crate::json::Json;
use crate::ruleset::{self, Documents, change};
use crate::{outcome, text};

/// Contexts and instants of one round.
const CASES: usize = 6;

/// Microseconds from 1970 to 2026-01-01T00:00:00Z, near which every date of a ruleset is.
const NEW_YEAR: i64 = 1_767_225_600_000_000;
const DAY: i64 = 86_400_000_000;

/// A flag that no ruleset has.
const UNKNOWN: &str = "nowhere";

/// A ruleset as it comes, in one payload or two, and what it is asked.
#[derive(Debug)]
pub struct Round {
    flags: Documents,
    audiences: Documents,
    put: Json,
    patch: Option<Json>,
    /// The contexts, each with an instant.
    pub cases: Vec<Case>,
}

/// What the ruleset is evaluated for.
#[derive(Debug)]
pub struct Case {
    /// Anything, usually an object.
    pub context: Json,
    /// Microseconds since 1970.
    pub now: i64,
}

impl Round {
    /// Makes up a round.
    pub fn new(dice: &mut Dice<'_>) -> Self {
        let first = ruleset::ruleset(dice);
        let put = payload(&first.flags, &first.audiences, [("revision", 1)]);
        let (mut flags, mut audiences) = (first.flags.clone(), first.audiences.clone());
        let patch = dice.one_in(4).then(|| {
            let change = change(dice, &first);
            let patch = payload(&change.flags, &change.audiences, [("from", 1), ("revision", 3)]);
            write(&mut flags, change.flags);
            write(&mut audiences, change.audiences);
            patch
        });
        // A put knows no deleted documents; one that is null all the same is none.
        flags.retain(|(_, document)| *document != Json::Null);
        audiences.retain(|(_, document)| *document != Json::Null);
        let case = |dice: &mut Dice<'_>| Case { context: context(dice), now: instant(dice) };
        Self { flags, audiences, put, patch, cases: dice.some(CASES, CASES, case) }
    }

    /// The flags in the end, by key.
    pub fn flags(&self) -> &[(String, Json)] {
        &self.flags
    }

    /// The audiences in the end, by key.
    pub fn audiences(&self) -> &[(String, Json)] {
        &self.audiences
    }

    /// Every flag that a case asks for, one that does not exist among them.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.flags.iter().map(|(key, _)| key.as_str()).chain([UNKNOWN])
    }

    /// How many evaluations of flags the cases are.
    pub fn evaluations(&self) -> usize {
        self.cases.len() * (self.flags.len() + 1)
    }

    /// As `fauna-core` compiles it.
    ///
    /// # Errors
    /// Never for a payload that this crate made.
    pub fn compile(&self) -> Result<Ruleset, RulesetError> {
        let value = |payload: &Json| payload.to_value().unwrap_or_default();
        let mut ruleset = Ruleset::from_put(&value(&self.put))?;
        if let Some(patch) = &self.patch {
            ruleset.apply(&value(patch))?;
        }
        Ok(ruleset)
    }

    /// What `fauna-core` makes of a case: `{"flags":{key: outcome}, "audiences":{key: boolean or null}}`. None where only
    /// JavaScript can hold the context; it may then make of it what it likes, but it has to make something.
    pub fn expect(&self, ruleset: &Ruleset, case: &Case) -> Option<Value> {
        let (context, now) = (case.context.to_value()?, Timestamp::from_micros(case.now));
        let flags =
            self.asked().map(|key| (key.to_owned(), outcome::evaluation(ruleset, key, &context, now)));
        let audiences =
            self.audiences.iter().map(|(key, _)| (key.clone(), outcome::membership(ruleset, key, &context)));
        let members = [("flags", flags.collect::<Map<_, _>>()), ("audiences", audiences.collect())];
        Some(members.into_iter().map(|(name, members)| (name.to_owned(), Value::Object(members))).collect())
    }

    /// The round with what is expected as one line of JSON.
    ///
    /// # Errors
    /// As [`Round::compile`].
    pub fn line(&self, seed: u64) -> Result<String, RulesetError> {
        let ruleset = self.compile()?;
        let cases = self.cases.iter().map(|case| {
            let expect = self.expect(&ruleset, case).unwrap_or_default();
            format!("{{\"context\":{},\"now\":\"{}\",\"expect\":{expect}}}", case.context, case.now)
        });
        let cases = cases.collect::<Vec<_>>().join(",");
        let patch = self.patch.as_ref().unwrap_or(&Json::Null);
        Ok(format!("{{\"seed\":{seed},\"put\":{},\"patch\":{patch},\"cases\":[{cases}]}}", self.put))
    }
}

fn payload<const N: usize>(flags: &Documents, audiences: &Documents, numbers: [(&str, u32); N]) -> Json {
    let mut members = vec![
        ("environment".to_owned(), Json::text("test")),
        ("epoch".to_owned(), Json::text("e")),
        ("flags".to_owned(), Json::Object(flags.clone())),
        ("audiences".to_owned(), Json::Object(audiences.clone())),
    ];
    members.extend(numbers.map(|(name, number)| (name.to_owned(), Json::Number(number.to_string()))));
    Json::Object(members)
}

fn write(documents: &mut Documents, changes: Documents) {
    for (key, document) in changes {
        if let Some((_, present)) = documents.iter_mut().find(|(known, _)| *known == key) {
            *present = document;
        }
    }
}

fn instant(dice: &mut Dice<'_>) -> i64 {
    match dice.below(12) {
        0 => dice.pick(&[0, -1, i64::MIN, i64::MAX]),
        1..=3 => {
            let date = text::date(dice);
            let instant = Timestamp::parse(&date).map_or(NEW_YEAR, Timestamp::as_micros);
            instant.saturating_add(dice.between(-1, 1))
        }
        _ => NEW_YEAR + dice.between(0, 5 * DAY),
    }
}

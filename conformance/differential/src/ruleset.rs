//! Flags and audiences: mostly sensible, with few enough keys that they refer to each other, and now and then with
//! something in them that does not belong there.

use fauna_core::Timestamp;

use crate::condition::{condition, flag_or_absent, refs};
use crate::context::anything;
use crate::dice::Dice;
use crate::json::Json;
use crate::text::{self, NAMES};

/// Documents by key.
pub type Documents = Vec<(String, Json)>;

const KEYS: [&str; 7] = ["a", "b", "c", "d", "__proto__", "constructor", "1"];
const VARIANTS: [&str; 6] = ["on", "off", "2", "1", "__proto__", "é"];
const IDS: [&str; 5] = [
    "0b54a8e2-7f3c-4d61-9a10-000000000001",
    "0b54a8e2-7f3c-4d61-9a10-000000000002",
    "0b54a8e2-7f3c-4d61-9a10-000000000003",
    "0b54a8e2-7f3c-4d61-9a10-000000000004",
    "r",
];

pub struct Ruleset {
    pub flags: Documents,
    pub audiences: Documents,
}

pub fn ruleset(dice: &mut Dice<'_>) -> Ruleset {
    if dice.one_in(100) {
        return bounds(dice);
    }
    let (flags, audiences) = (keys(dice), keys(dice));
    Ruleset {
        flags: flags.iter().map(|key| (key.clone(), flag(dice, &flags, &audiences))).collect(),
        audiences: audiences.iter().map(|key| (key.clone(), audience(dice, &audiences))).collect(),
    }
}

/// New documents for some of the keys, and null for others.
pub fn change(dice: &mut Dice<'_>, ruleset: &Ruleset) -> Ruleset {
    let keys = |documents: &Documents| documents.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
    let (flags, audiences) = (keys(&ruleset.flags), keys(&ruleset.audiences));
    let mut changed = Ruleset { flags: Vec::new(), audiences: Vec::new() };
    for key in &flags {
        if dice.one_in(3) {
            let document = if dice.one_in(3) { Json::Null } else { flag(dice, &flags, &audiences) };
            changed.flags.push((key.clone(), document));
        }
    }
    for key in &audiences {
        if dice.one_in(3) {
            let document = if dice.one_in(3) { Json::Null } else { audience(dice, &audiences) };
            changed.audiences.push((key.clone(), document));
        }
    }
    changed
}

fn keys(dice: &mut Dice<'_>) -> Vec<String> {
    let mut keys: Vec<_> = KEYS.to_vec();
    keys.truncate(dice.count(2, KEYS.len()));
    keys.into_iter().map(str::to_owned).collect()
}

/// A sensible part of a document, or rarely anything at all in its place.
fn part(dice: &mut Dice<'_>, sensible: impl Into<Json>) -> Json {
    if dice.one_in(600) { finite(anything(dice, 2)) } else { sensible.into() }
}

/// Without numbers beyond the range of doubles: nothing says what a variant with one is worth.
fn finite(json: Json) -> Json {
    match json {
        Json::Number(ref spelled) if serde_json::from_str::<f64>(spelled).is_err() => Json::Null,
        Json::Array(elements) => Json::Array(elements.into_iter().map(finite).collect()),
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(name, value)| (name, finite(value))).collect())
        }
        other => other,
    }
}

fn audience(dice: &mut Dice<'_>, audiences: &[String]) -> Json {
    let low = usize::from(!dice.one_in(20));
    let conditions = dice.some(low, 4, |dice| {
        let condition = condition(dice, audiences);
        part(dice, condition)
    });
    let (matching, conditions) = (matching(dice), part(dice, conditions));
    let audience = Json::object([("match", matching), ("conditions", conditions)]);
    part(dice, audience)
}

fn matching(dice: &mut Dice<'_>) -> Json {
    let matching = Json::text(dice.pick(&["all", "any"]));
    part(dice, matching)
}

fn flag(dice: &mut Dice<'_>, flags: &[String], audiences: &[String]) -> Json {
    let variants = dice.pick(&[&VARIANTS[..2], &VARIANTS[..3], &VARIANTS[..]]);
    let kind = dice.pick(&["boolean", "string", "number", "json"]);
    let values = variants.iter().map(|key| ((*key).to_owned(), value(dice, kind))).collect();
    let prerequisites =
        if dice.one_in(4) { dice.some(1, 2, |dice| prerequisite(dice, flags)) } else { Vec::new() };
    let rules = dice.some(0, 3, |dice| {
        let rule = rule(dice, variants, audiences);
        part(dice, rule)
    });
    let enabled = !dice.one_in(12);
    let salt = if dice.coin() { Json::Null } else { Json::text(text::word(dice)) };
    let off = dice.pick(variants);
    let default = serve(dice, variants);
    let flag = Json::object([
        ("kind", part(dice, Json::text(kind))),
        ("enabled", part(dice, enabled)),
        ("salt", part(dice, salt)),
        ("offVariant", part(dice, Json::text(off))),
        ("variants", part(dice, Json::Object(values))),
        ("prerequisites", part(dice, prerequisites)),
        ("rules", part(dice, rules)),
        ("default", part(dice, default)),
    ]);
    part(dice, flag)
}

fn value(dice: &mut Dice<'_>, kind: &str) -> Json {
    match kind {
        "boolean" => dice.coin().into(),
        "string" => Json::text(text::word(dice)),
        "number" => match finite(text::number(dice)) {
            Json::Null => Json::Number("1".to_owned()),
            number => number,
        },
        _ => finite(anything(dice, 3)),
    }
}

fn prerequisite(dice: &mut Dice<'_>, flags: &[String]) -> Json {
    let variants = dice.some(1, 3, |dice| Json::text(dice.pick(&VARIANTS)));
    let flag = Json::text(dice.pick(&refs(flags)));
    Json::object([("flag", part(dice, flag)), ("variants", part(dice, variants))])
}

fn rule(dice: &mut Dice<'_>, variants: &[&str], audiences: &[String]) -> Json {
    let of = dice.some(0, 3, |dice| {
        let key = Json::text(dice.pick(&refs(audiences)));
        Json::object([("key", part(dice, key)), ("negate", flag_or_absent(dice))])
    });
    let id = dice.pick(&IDS);
    Json::object([
        ("id", part(dice, Json::text(id))),
        ("match", matching(dice)),
        ("audiences", part(dice, of)),
        ("activeFrom", window(dice)),
        ("activeUntil", window(dice)),
        ("serve", serve(dice, variants)),
    ])
}

fn window(dice: &mut Dice<'_>) -> Json {
    let instant = match dice.below(200) {
        0 => Json::text(text::odd_date(dice)),
        1..50 => Json::text(text::date(dice)),
        _ => Json::Null,
    };
    part(dice, instant)
}

fn serve(dice: &mut Dice<'_>, variants: &[&str]) -> Json {
    if dice.coin() {
        let variant = if dice.one_in(100) { "nope" } else { dice.pick(variants) };
        return Json::object([("variant", part(dice, Json::text(variant)))]);
    }
    let none = dice.one_in(20);
    let entries = if none { 0 } else { dice.count(1, 3) };
    // Now and then the weights may add up to more than everybody.
    let most = if dice.one_in(40) { 100_000 } else { dice.pick(&[20_000, 30_000]) };
    let entries = dice.some(entries, entries, |dice| {
        let (variant, weight) = (Json::text(dice.pick(variants)), weight(dice, most));
        let weight = part(dice, weight);
        Json::object([("variant", variant), ("weight", weight)])
    });
    let by = if dice.one_in(3) { Json::text(dice.pick(&NAMES)) } else { Json::Null };
    let ramp = if dice.one_in(3) { ramp(dice) } else { Json::Null };
    Json::object([("split", part(dice, entries)), ("by", part(dice, by)), ("ramp", part(dice, ramp))])
}

fn weight(dice: &mut Dice<'_>, most: i64) -> Json {
    Json::Number(match dice.below(400) {
        399 => dice.pick(&["-1", "100001", "0.5", "1e400"]).to_owned(),
        380..399 => dice.pick(&["1e4", "1.0", "100000", "-0"]).to_owned(),
        _ => dice.between(0, most).to_string(),
    })
}

fn ramp(dice: &mut Dice<'_>) -> Json {
    let (mut from, mut until) = (text::date(dice), text::date(dice));
    let ends_before = Timestamp::parse(&until) < Timestamp::parse(&from);
    if ends_before && !dice.one_in(40) {
        std::mem::swap(&mut from, &mut until);
    }
    Json::object([
        ("from", part(dice, Json::text(from))),
        ("until", part(dice, Json::text(until))),
        ("startWeight", weight(dice, 100_000)),
    ])
}

/// Chains about as long as evaluation may be deep, and audiences that ask the same questions over and over, about as
/// often as it may ask.
fn bounds(dice: &mut Dice<'_>) -> Ruleset {
    let length = dice.count(60, 66);
    let key = |place: usize| format!("k{place}");
    let chained = |place: usize| {
        let next =
            Json::object([("flag", Json::text(key(place + 1))), ("variants", vec![Json::text("on")].into())]);
        let prerequisites = if place + 1 == length { Vec::new() } else { vec![next] };
        Json::object([
            ("kind", Json::text("boolean")),
            ("enabled", true.into()),
            ("offVariant", Json::text("off")),
            ("variants", Json::object([("on", true.into()), ("off", false.into())])),
            ("prerequisites", prerequisites.into()),
            ("default", Json::object([("variant", Json::text("on"))])),
        ])
    };
    let (width, height) = dice.pick(&[(2, 12), (2, 13), (3, 8), (3, 9), (1, 62), (1, 64)]);
    let negate = dice.coin();
    let asking = |place: usize| {
        let asks = vec![Json::text(key(place + 1)); width];
        let condition = if place == height {
            Json::object([
                ("attribute", Json::text("s")),
                ("type", Json::text("string")),
                ("operator", Json::text("eq")),
                ("values", vec![Json::text("never")].into()),
            ])
        } else {
            Json::object([
                ("operator", Json::text("in_audience")),
                ("values", asks.into()),
                ("negate", (negate && place == 0).into()),
            ])
        };
        Json::object([("match", Json::text("all")), ("conditions", vec![condition].into())])
    };
    let mut flags: Documents = (0..length).map(|place| (key(place), chained(place))).collect();
    let asker = Json::object([
        ("kind", Json::text("boolean")),
        ("enabled", true.into()),
        ("offVariant", Json::text("off")),
        ("variants", Json::object([("on", true.into()), ("off", false.into())])),
        (
            "rules",
            vec![Json::object([
                ("id", Json::text(IDS[0])),
                ("match", Json::text("any")),
                ("audiences", vec![Json::object([("key", Json::text(key(0)))])].into()),
                ("serve", Json::object([("variant", Json::text("on"))])),
            ])]
            .into(),
        ),
        ("default", Json::object([("variant", Json::text("off"))])),
    ]);
    flags.push(("asker".to_owned(), asker));
    Ruleset { flags, audiences: (0..=height).map(|place| (key(place), asking(place))).collect() }
}

//! Contexts: attributes of the right type, of a wrong one, in arrays, nested, missing, and things that are no context.

use crate::dice::Dice;
use crate::json::Json;
use crate::text::{self, NAMES};

/// The attributes that conditions ask for, and the type that they usually have.
const NATURAL: [(&str, &str); 8] = [
    ("targetingKey", "string"),
    ("s", "string"),
    ("n", "number"),
    ("b", "boolean"),
    ("d", "date"),
    ("v", "version"),
    ("ip", "address"),
    ("tags", "string"),
];

/// Half surrogate pairs, which JavaScript alone can hold.
const LONE_SURROGATES: [&str; 4] = [r"\ud800", r"a\udc00", r"\udc00\ud800", r"k\ud83d"];

pub fn context(dice: &mut Dice<'_>) -> Json {
    if dice.one_in(50) {
        return anything(dice, 1);
    }
    let mut members = Vec::new();
    for (name, kind) in NATURAL {
        if !dice.one_in(5) {
            members.push((name.to_owned(), attribute(dice, name, kind)));
        }
    }
    if dice.coin() {
        let level = text::scalar(dice, "number");
        let plan =
            if dice.one_in(3) { Json::object([("level", level)]) } else { text::scalar(dice, "string") };
        members.push(("user".to_owned(), Json::object([("plan", plan)])));
    }
    for _ in 0..dice.count(0, 2) {
        // Also a second time the same name, of which the last counts.
        members.push((dice.pick(&NAMES).to_owned(), anything(dice, 2)));
    }
    Json::Object(members)
}

fn attribute(dice: &mut Dice<'_>, name: &str, kind: &str) -> Json {
    if dice.one_in(500) {
        return Json::Broken(dice.pick(&LONE_SURROGATES));
    }
    let odds = if name == "tags" { 2 } else { 8 };
    if dice.one_in(odds) {
        return dice
            .some(0, 4, |dice| if dice.one_in(10) { anything(dice, 1) } else { text::scalar(dice, kind) })
            .into();
    }
    text::scalar(dice, kind)
}

/// Any JSON of some levels.
pub fn anything(dice: &mut Dice<'_>, depth: u32) -> Json {
    match dice.below(if depth == 0 { 4 } else { 6 }) {
        0 => Json::Null,
        1 => text::scalar(dice, "boolean"),
        2 => text::scalar(dice, "number"),
        3 => text::scalar(dice, "string"),
        4 => dice.some(0, 3, |dice| anything(dice, depth - 1)).into(),
        _ => {
            let member = |dice: &mut Dice<'_>| {
                (dice.pick(&["plan", "a", "b", "level", "__proto__"]).to_owned(), anything(dice, depth - 1))
            };
            Json::Object(dice.some(0, 3, member))
        }
    }
}

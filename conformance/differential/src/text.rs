//! Scalars that conditions look for and contexts have: a small world, so that they meet.

use crate::dice::Dice;
use crate::json::Json;
use crate::network;

const WORDS: [&str; 26] = [
    "", "a", "A", "ab", "Ab", "abc", "bca", "x", "CA", "ca", "é", "É", "e\u{301}", "ß", "ẞ", "ss", "K", "k",
    "\u{212a}", "ſ", "S", "İ", "ı", "𐐀", "𐐨", "😀",
];

const ALPHABET: [char; 23] = [
    'a', 'b', 'c', 'A', 'B', 'k', 'K', '\u{212a}', 's', 'ſ', 'é', 'É', 'Σ', 'σ', 'ς', '0', '7', '_', '-',
    ' ', '\n', '😀', '𐐀',
];

const NUMBERS: [&str; 34] = [
    "0",
    "-0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "10E-1",
    "2",
    "-1",
    "-1.5",
    "0.1",
    "1e-1",
    "0.30000000000000004",
    "3",
    "1e2",
    "9007199254740991",
    "-9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e21",
    "1.7976931348623157e308",
    "1.7976931348623159e308",
    "1e400",
    "-1e400",
    "1e-400",
    "5e-324",
    "-2.5e-324",
    "2.2250738585072011e-308",
    "0.1000000000000000055511151231257827",
    "123456789012345678901234567890",
    "100000",
];

/// Words that are something else than text to one language or the other, besides ordinary ones.
pub const NAMES: [&str; 16] = [
    "s",
    "n",
    "b",
    "d",
    "v",
    "ip",
    "tags",
    "user",
    "user.plan",
    "user.plan.level",
    "targetingKey",
    "__proto__",
    "constructor",
    "",
    "a.b",
    ".",
];

pub fn word(dice: &mut Dice<'_>) -> String {
    if dice.one_in(1000) {
        // No jsonb can hold it, so SQL leaves the round or the case out.
        "a\0".to_owned()
    } else if dice.one_in(3) {
        dice.some(0, 6, |dice| dice.pick(&ALPHABET)).into_iter().collect()
    } else {
        dice.pick(&WORDS).to_owned()
    }
}

pub fn number(dice: &mut Dice<'_>) -> Json {
    Json::Number(if dice.one_in(8) {
        format!("{}.{}", dice.between(-4, 4), dice.below(1000))
    } else if dice.one_in(2) {
        dice.between(-3, 6).to_string()
    } else {
        dice.pick(&NUMBERS).to_owned()
    })
}

const ODD_DATES: [&str; 15] = [
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01t00:00:00Z",
    "2026-01-01T00:00:60Z",
    "2026-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:00:00.Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+0100",
    "+002026-01-01T00:00:00Z",
    "2026-01-01T00:00:00Z\n",
    "0000-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    "2026-01-01 00:00:00Z",
    "２026-01-01T00:00:00Z",
];

/// A date within the days around the instants that rounds evaluate at.
pub fn date(dice: &mut Dice<'_>) -> String {
    let (day, hour) = (dice.between(1, 5), dice.below(24));
    let (minute, second) = (dice.pick(&[0, 0, 30, 59]), dice.pick(&[0, 0, 1, 59]));
    let fraction = dice.pick(&["", "", ".5", ".000001", ".0000019", ".999999999"]);
    let zone = dice.pick(&["Z", "Z", "Z", "+00:00", "-00:00", "+05:30", "-08:00", "+23:59"]);
    format!("2026-01-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}")
}

const ODD_VERSIONS: [&str; 12] = [
    "",
    "v",
    "01.2.3",
    "1.2.3.4",
    "1.2.3-",
    "1.2.3-01",
    "1.2.3-a..b",
    "1.2.3+",
    "V1.2.3",
    "1.2.3-é",
    " 1.2.3",
    "1..3",
];

pub fn version(dice: &mut Dice<'_>) -> String {
    let mut text = dice.pick(&["", "", "v"]).to_owned();
    let part = |dice: &mut Dice<'_>| match dice.below(12) {
        11 => "99999999999999999999999999".to_owned(),
        10 => "10".to_owned(),
        n => (n % 3).to_string(),
    };
    let parts = dice.some(1, 3, part);
    text += &parts.join(".");
    if dice.one_in(3) {
        let identifier = |dice: &mut Dice<'_>| {
            dice.pick(&["rc", "alpha", "beta", "1", "2", "10", "0", "x-y", "-", "18446744073709551617"])
        };
        text += "-";
        text += &dice.some(1, 3, identifier).join(".");
    }
    if dice.one_in(8) {
        text += dice.pick(&["+build", "+001", "+a.b-c"]);
    }
    text
}

/// What is no date, or only just one.
pub fn odd_date(dice: &mut Dice<'_>) -> String {
    dice.pick(&ODD_DATES).to_owned()
}

/// What is no version, though nearly.
pub fn odd_version(dice: &mut Dice<'_>) -> String {
    dice.pick(&ODD_VERSIONS).to_owned()
}

/// Any scalar, often one that a condition of the type would be glad of.
pub fn scalar(dice: &mut Dice<'_>, kind: &str) -> Json {
    if dice.one_in(12) {
        let kind = dice.pick(&["string", "number", "boolean", "date", "version", "address", "null"]);
        return typed(dice, kind);
    }
    typed(dice, kind)
}

fn typed(dice: &mut Dice<'_>, kind: &str) -> Json {
    match kind {
        "number" => number(dice),
        "boolean" => dice.coin().into(),
        "date" if dice.one_in(24) => Json::text(odd_date(dice)),
        "date" => Json::text(date(dice)),
        "version" if dice.one_in(24) => Json::text(odd_version(dice)),
        "version" => Json::text(version(dice)),
        "address" => Json::text(network::address(dice)),
        "null" => Json::Null,
        _ => Json::text(word(dice)),
    }
}

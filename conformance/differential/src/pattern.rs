//! Patterns of the grammar in `conformance/README.md`, and now and then something outside of it.

use crate::dice::Dice;

const ODD: [&str; 20] = [
    "(",
    ")",
    "[",
    "a**",
    "a{2,1}",
    "(?=a)",
    "(?<n>a)",
    "\\1",
    "\\p{L}",
    "\\u0041",
    "[a&&b]",
    "[z-a]",
    "a{,5}",
    "\\Qa\\E",
    "(?U)a",
    "^*",
    "\\<",
    "x{1001}",
    "(?:a{40}){40}",
    "\\x{110000}",
];

const ATOMS: [&str; 22] = [
    "a",
    "b",
    "A",
    "k",
    "s",
    "é",
    "σ",
    "😀",
    "-",
    " ",
    ".",
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\s",
    "\\S",
    "\\.",
    "\\x4b",
    "\\x{212a}",
    "\\n",
    "ß",
];

const CLASSES: [&str; 16] = [
    "[abc]",
    "[^abc]",
    "[a-c]",
    "[A-Z]",
    "[^\\w]",
    "[\\d-]",
    "[-a]",
    "[[:alpha:]_]",
    "[[:^digit:]]",
    "[é-ö]",
    "[\\x{0}-\\x{7f}]",
    "[k]",
    "[^k]",
    "[\\s\\S]",
    "[.]",
    "[^\\n]",
];

pub fn pattern(dice: &mut Dice<'_>) -> String {
    if dice.one_in(40) {
        return dice.pick(&ODD).to_owned();
    }
    alternatives(dice, 3)
}

fn alternatives(dice: &mut Dice<'_>, depth: u32) -> String {
    let alternatives = if dice.one_in(4) { dice.count(2, 3) } else { 1 };
    (0..alternatives)
        .map(|_| dice.some(0, 3, |dice| piece(dice, depth)).concat())
        .collect::<Vec<_>>()
        .join("|")
}

fn piece(dice: &mut Dice<'_>, depth: u32) -> String {
    let atom = match dice.below(10) {
        9 => {
            return dice
                .pick(&["^", "$", "\\A", "\\z", "\\b", "\\B", "(?i)", "(?m)", "(?s)", "(?-i)", "(?ms-i)"])
                .to_owned();
        }
        7 | 8 if depth > 0 => {
            let opening = dice.pick(&["(", "(?:", "(?i:", "(?s-i:", "(?m:"]);
            format!("{opening}{})", alternatives(dice, depth - 1))
        }
        5 | 6 => dice.pick(&CLASSES).to_owned(),
        _ => dice.pick(&ATOMS).to_owned(),
    };
    let repetition =
        dice.pick(&["", "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}?", "{0}"]);
    atom + repetition
}

//! Three searches, one answer.

use proptest::prelude::*;
use regex::RegexBuilder;

use super::grammar;
use super::long::Long;
use super::short::Short;

/// Pieces that make patterns of the grammar, and texts on which they differ.
const PATTERNS: [&str; 24] = [
    "a",
    "é",
    "ſ",
    "(?:a|é)",
    "(?:aé)*",
    "(?i:K)",
    "[^a]",
    "[a-zß]",
    "|",
    "a*",
    "a+?",
    "é{2}",
    "(?:.|a){1,3}",
    "\\d",
    "\\W",
    "\\b",
    "\\B",
    "^",
    "$",
    ".",
    "(?m:^)",
    "(?m:$)",
    "(?s:.)",
    "\\n",
];
const TEXTS: [&str; 10] = ["a", "é", "K", "\u{212a}", "s", "ſ", "1", " ", "\n", "\u{1F600}"];

fn some_of(pieces: &'static [&str], count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(pieces), count).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_search_finds_the_same(
        pattern in some_of(&PATTERNS, 0..5), text in some_of(&TEXTS, 0..12), ignore_case: bool
    ) {
        let Ok(translated) = grammar::translate(&pattern) else { return Ok(()) };
        let regex = RegexBuilder::new(&translated).case_insensitive(ignore_case).build().expect("a pattern");
        let is_match = Some(regex.is_match(&text));
        let long = Long::compile(&translated, ignore_case).expect("a pattern");
        prop_assert_eq!(long.is_match(&text), is_match, "long: {} in {:?}", translated, text);
        if let Some(short) = Short::compile(&translated, ignore_case) {
            prop_assert_eq!(short.is_match(&text), is_match, "short: {} in {:?}", translated, text);
        }
    }
}

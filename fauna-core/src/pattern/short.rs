//! Patterns over short text, which is nearly all text, by an automaton that was made whole beforehand.
//!
//! What the `regex` crate does before and after a search (borrowing a cache, choosing among its engines) takes as long as
//! to look at twenty bytes: an address of mail is found in 35 ns this way, in 66 ns that way.

use regex_automata::dfa::dense::{Config, DFA};
use regex_automata::dfa::{Automaton as _, StartKind};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

/// Bytes of text up to which this pays; beyond, `regex` has tricks that find a literal faster.
pub(super) const SHORT: usize = 128;

/// Bytes of the automaton at most, and of what is needed to make it: 2 to 20 KB are usual, and a pattern that
/// would need more is known to after a few milliseconds.
const AUTOMATON_BYTES: usize = 64 << 10;

/// Bytes of the program that it is made from.
const PROGRAM_BYTES: usize = 256 << 10;

/// A pattern's automaton for short text.
#[derive(Debug)]
pub(super) struct Short(DFA<Vec<u32>>);

impl Short {
    /// None for a pattern whose automaton would be too large.
    pub(super) fn compile(translated: &str, ignore_case: bool) -> Option<Self> {
        let limit = Some(AUTOMATON_BYTES);
        let config = Config::new()
            // With `All`, a match ends no other's search: see `is_match`.
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .dfa_size_limit(limit)
            .determinize_size_limit(limit);
        DFA::builder()
            .configure(config)
            .syntax(syntax::Config::new().case_insensitive(ignore_case))
            .thompson(thompson::Config::new().nfa_size_limit(Some(PROGRAM_BYTES)))
            .build(translated)
            .ok()
            .map(Self)
    }

    /// Whether the pattern matches anywhere in `text`; an automaton that cannot tell says `None`.
    ///
    /// A state is known to match one byte late. `\B` alone also matches between the bytes of a character, where nothing does that
    /// is not empty; such a match is none.
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        let Self(dfa) = self;
        let mut state = dfa.start_state_forward(&Input::new(text)).ok()?;
        for (index, byte) in text.bytes().enumerate() {
            state = dfa.next_state(state, byte);
            if dfa.is_special_state(state) {
                if dfa.is_match_state(state) && text.is_char_boundary(index) {
                    return Some(true);
                } else if dfa.is_dead_state(state) {
                    return Some(false);
                } else if dfa.is_quit_state(state) {
                    return None;
                }
            }
        }
        Some(dfa.is_match_state(dfa.next_eoi_state(state)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_match_between_the_bytes_of_a_character_is_none() {
        let short = Short::compile("(?-u:\\B)", false).expect("a small automaton");
        assert_eq!(short.is_match("aéa"), Some(false));
        assert_eq!(short.is_match("aéa b c!é"), Some(true));
    }

    #[test]
    fn what_people_write_has_an_automaton() {
        for pattern in [
            r"^[a-z]+\.[a-z]+@example\.(?:org|net)$",
            r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}",
            "^(?:.*Chrome.*|.*Firefox.*)$",
            "(?i:straße)",
        ] {
            assert!(Short::compile(pattern, false).is_some(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_with_too_many_states_has_no_automaton() {
        assert!(Short::compile("(?:a|b)*a(?:a|b){12}", false).is_none());
        assert!(Short::compile("[^x]{900}", false).is_none());
    }
}

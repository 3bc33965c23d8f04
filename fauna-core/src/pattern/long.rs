//! Patterns over long text, searched byte by byte, so that the search can pause.
//!
//! The `regex` crate searches in one go. What it is made of, a DFA whose states are made as text asks for them, can be driven by hand
//! at about the same pace; without the tricks that find a literal faster, which is why short text is left to `regex`.

use regex_automata::hybrid::dfa::{Config, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::SIZE_LIMIT;
use crate::document::DocumentError;
use crate::pause::{self, PIECE};

/// A pattern's automaton for long text.
#[derive(Debug)]
pub(super) struct Long(DFA);

impl Long {
    pub(super) fn compile(translated: &str, ignore_case: bool) -> Result<Self, DocumentError> {
        DFA::builder()
            // With `All`, a match ends no other's search: see `is_match`.
            .configure(Config::new().match_kind(MatchKind::All).skip_cache_capacity_check(true))
            .syntax(syntax::Config::new().case_insensitive(ignore_case))
            .thompson(thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT)))
            .build(translated)
            .map(Self)
            .map_err(|_| DocumentError::new("pattern too large"))
    }

    /// Whether the pattern matches anywhere in `text`; an automaton that cannot tell says `None`.
    ///
    /// A state is known to match one byte late. `\B` alone also matches between the bytes of a character, where nothing does that
    /// is not empty; such a match is none.
    pub(super) fn is_match(&self, text: &str) -> Option<bool> {
        let Self(dfa) = self;
        let mut cache = dfa.create_cache();
        let mut state = dfa.start_state_forward(&mut cache, &Input::new(text)).ok()?;
        for (piece, bytes) in text.as_bytes().chunks(PIECE).enumerate() {
            pause::work(bytes.len());
            for (index, byte) in bytes.iter().enumerate() {
                state = dfa.next_state(&mut cache, state, *byte).ok()?;
                if state.is_tagged() {
                    if state.is_match() && text.is_char_boundary(piece * PIECE + index) {
                        return Some(true);
                    } else if state.is_dead() {
                        return Some(false);
                    } else if state.is_quit() {
                        return None;
                    }
                }
            }
        }
        Some(dfa.next_eoi_state(&mut cache, state).ok()?.is_match())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_match_between_the_bytes_of_a_character_is_none() {
        let long = Long::compile("(?-u:\\B)", false).expect("a pattern");
        assert_eq!(long.is_match("aéa"), Some(false));
        assert_eq!(long.is_match("aéa b c!é"), Some(true));
    }

    #[test]
    fn a_match_is_found_wherever_the_pieces_end() {
        let long = Long::compile("needle$", false).expect("a pattern");
        for length in PIECE - 10..PIECE + 10 {
            let text = "é".repeat(length / 2) + "needle";
            assert_eq!(long.is_match(&text), Some(true), "{length}");
            assert_eq!(long.is_match(&(text + "s")), Some(false), "{length}");
        }
    }
}

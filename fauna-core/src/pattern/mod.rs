//! Regular expressions, in the one syntax that Rust's `regex` and TypeScript's `re2js` understand
//! alike.
//!
//! The two engines share their ancestry and their linear time, but not every detail: `\d`, `\w`,
//! `\s` and `\b` are Unicode in one and ASCII in the other, `[a&&b]` is an intersection in one and
//! four characters in the other, the Unicode tables have different ages. So a pattern is read
//! here, by a grammar of our own (written down in `conformance/README.md`), anything outside of it
//! is refused with a reason, and what the `regex` crate gets is written anew from what was read.
//! That every accepted pattern compiles within the size limit follows from the grammar's limits.

mod class;
mod grammar;
mod long;
mod short;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};

use self::long::Long;
use self::short::{SHORT, Short};
use crate::document::DocumentError;
use crate::pause::{self, PIECE};

/// Bytes of the compiled program at most; the grammar's limits keep patterns well below.
const SIZE_LIMIT: usize = 32 << 20;

/// A pattern; compiled when first used, since most audiences of a ruleset in memory are asked
/// nothing for a long time and a compiled pattern takes tens of kilobytes.
#[derive(Debug)]
pub(crate) struct Pattern {
    translated: Box<str>,
    ignore_case: bool,
    short: OnceLock<Option<Box<Short>>>,
    regex: OnceLock<Result<Regex, DocumentError>>,
    long: OnceLock<Result<Long, DocumentError>>,
}

/// What in a pattern is not supported, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bad pattern at character {position}: {problem}")]
pub(crate) struct PatternError {
    /// Counted in characters from 1.
    position: usize,
    problem: &'static str,
}

impl Pattern {
    pub(crate) fn try_new(pattern: &str, ignore_case: bool) -> Result<Self, PatternError> {
        let translated = grammar::translate(pattern)?.into_boxed_str();
        let (short, regex, long) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Ok(Self { translated, ignore_case, short, regex, long })
    }

    /// Whether the pattern matches anywhere in `text`.
    ///
    /// # Errors
    /// When the pattern does not compile after all; its first use finds out.
    pub(crate) fn is_match(&self, text: &str) -> Result<bool, &DocumentError> {
        if text.len() > PIECE
            && let Some(is_match) = self.long()?.is_match(text)
        {
            return Ok(is_match);
        }
        pause::work(text.len());
        if text.len() <= SHORT
            && let Some(short) = self.short()
            && let Some(is_match) = short.is_match(text)
        {
            return Ok(is_match);
        }
        self.regex().map(|regex| regex.is_match(text))
    }

    /// Compiles now what is otherwise compiled when first used.
    ///
    /// # Errors
    /// When it does not compile.
    pub(crate) fn check(&self) -> Result<(), &DocumentError> {
        self.regex().map(drop)
    }

    fn short(&self) -> Option<&Short> {
        self.short.get_or_init(|| Short::compile(&self.translated, self.ignore_case).map(Box::new)).as_deref()
    }

    fn regex(&self) -> Result<&Regex, &DocumentError> {
        self.regex.get_or_init(|| self.compile()).as_ref()
    }

    fn long(&self) -> Result<&Long, &DocumentError> {
        self.long.get_or_init(|| Long::compile(&self.translated, self.ignore_case)).as_ref()
    }

    fn compile(&self) -> Result<Regex, DocumentError> {
        RegexBuilder::new(&self.translated)
            .case_insensitive(self.ignore_case)
            .size_limit(SIZE_LIMIT)
            .build()
            .map_err(|_| DocumentError::new("pattern too large"))
    }
}

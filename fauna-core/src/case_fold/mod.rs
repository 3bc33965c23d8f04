//! Unicode *simple* case folding: one character becomes one character, without locale.
//!
//! The table is generated (see `tests/case_fold_tables.rs`) together with the one that the
//! TypeScript evaluator uses, from the classes the `regex` crate itself matches by: two characters
//! fold to the same one exactly if `(?i)` takes them for the same. Which member stands for its
//! class does not matter; it is the lowest code point, except that ASCII folds to lower case.

#[rustfmt::skip]
mod table;

use smallvec::SmallVec;

use table::RANGES;

/// Folded UTF-8, on the stack for the lengths that attributes usually have.
pub(crate) type Folded = SmallVec<[u8; 128]>;

/// Folds every character of `text`.
pub(crate) fn fold(text: &str) -> Folded {
    let mut folded = Folded::with_capacity(text.len());
    let mut rest = text;
    while let Some(other) = rest.bytes().position(|byte| !byte.is_ascii()) {
        let (ascii, from_other) = rest.split_at(other);
        push_ascii(&mut folded, ascii);
        let Some(character) = from_other.chars().next() else { break };
        folded.extend_from_slice(fold_char(character).encode_utf8(&mut [0; 4]).as_bytes());
        rest = &from_other[character.len_utf8()..];
    }
    push_ascii(&mut folded, rest);
    folded
}

fn push_ascii(folded: &mut Folded, ascii: &str) {
    let start = folded.len();
    folded.extend_from_slice(ascii.as_bytes());
    folded[start..].make_ascii_lowercase();
}

/// The character that stands for all that differ from this one only in case.
fn fold_char(character: char) -> char {
    let code = u32::from(character);
    let after = RANGES.partition_point(|range| range.first <= code);
    let Some(range) = after.checked_sub(1).map(|index| &RANGES[index]) else { return character };
    if code > range.last || (code - range.first) % range.step != 0 {
        return character;
    }
    char::from_u32(code.wrapping_add_signed(range.delta)).unwrap_or(character)
}

/// Every `step`-th character from `first` to `last` folds to the one `delta` further on.
struct Range {
    first: u32,
    last: u32,
    step: u32,
    delta: i32,
}

//! Comparisons of text as bytes; with `ignoreCase`, as the bytes of the folded text.

use std::hash::{Hash, Hasher};

use hashbrown::{Equivalent, HashSet};
use memchr::memmem::Finder;

use crate::bytes::same_bytes;
use crate::case_fold::fold;

/// Above this many values a hash beats comparing with each.
const LINEAR: usize = 8;

#[derive(Debug)]
pub(crate) struct Text {
    test: Values,
    ignore_case: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Comparison {
    Equals,
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Debug)]
enum Values {
    Few(Box<[Box<[u8]>]>),
    Many(HashSet<Member>),
    Contained(Box<[Finder<'static>]>),
    Prefixes(Box<[Box<[u8]>]>),
    Suffixes(Box<[Box<[u8]>]>),
}

impl Text {
    pub(crate) fn new(comparison: Comparison, values: Vec<String>, ignore_case: bool) -> Self {
        let bytes = values.into_iter().map(|value| {
            if ignore_case { fold(&value).as_slice().into() } else { value.into_bytes().into_boxed_slice() }
        });
        let test = match comparison {
            Comparison::Equals if bytes.len() > LINEAR => Values::Many(bytes.map(Member).collect()),
            Comparison::Equals => Values::Few(bytes.collect()),
            Comparison::Contains => {
                Values::Contained(bytes.map(|value| Finder::new(&value).into_owned()).collect())
            }
            Comparison::StartsWith => Values::Prefixes(bytes.collect()),
            Comparison::EndsWith => Values::Suffixes(bytes.collect()),
        };
        Self { test, ignore_case }
    }

    pub(crate) fn match_text(&self, text: &str) -> bool {
        if self.ignore_case {
            self.test.match_bytes(&fold(text))
        } else {
            self.test.match_bytes(text.as_bytes())
        }
    }
}

impl Values {
    fn match_bytes(&self, text: &[u8]) -> bool {
        match self {
            Self::Few(values) => values.iter().any(|value| same_bytes(value, text)),
            Self::Many(values) => values.contains(&Candidate(text)),
            Self::Contained(finders) => finders.iter().any(|finder| finder.find(text).is_some()),
            Self::Prefixes(values) => values.iter().any(|value| text.starts_with(value)),
            Self::Suffixes(values) => values.iter().any(|value| text.ends_with(value)),
        }
    }
}

/// One of many values.
#[derive(Debug, PartialEq, Eq)]
struct Member(Box<[u8]>);

/// What may be one of them. Both are hashed as bytes alone, without the length that goes before those of a slice, and most
/// are short enough to compare without a call.
struct Candidate<'t>(&'t [u8]);

impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

impl Hash for Candidate<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0);
    }
}

impl Equivalent<Member> for Candidate<'_> {
    fn equivalent(&self, member: &Member) -> bool {
        same_bytes(self.0, &member.0)
    }
}

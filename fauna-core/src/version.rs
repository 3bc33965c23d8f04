//! `SemVer` 2.0 precedence, with the liberties people expect of a flag system: a leading `v`, and a
//! minor and patch that may be left out.
//!
//! Numbers are compared as digits, so that they have no upper limit anywhere: without leading
//! zeros, the longer is the greater.

use std::cmp::Ordering;

/// A version; `S` is `&str` while evaluating (nothing is copied) and `Box<str>` in compiled rules.
/// Two versions are equal when neither precedes the other: build metadata does not count.
#[derive(Debug, Clone)]
pub(crate) struct Version<S> {
    /// Major, minor, patch.
    core: [S; 3],
    /// Empty for a release.
    prerelease: S,
}

impl<'a> Version<&'a str> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, build) = split_suffix(text, '+');
        let (core, prerelease) = split_suffix(text, '-');
        if !build.is_none_or(|build| build.split('.').all(is_identifier))
            || !prerelease
                .is_none_or(|pre| pre.split('.').all(|id| is_identifier(id) && !has_leading_zero(id)))
        {
            return None;
        }
        let mut numbers = core.split('.');
        let mut version = Self { core: [numbers.next()?, "0", "0"], prerelease: prerelease.unwrap_or("") };
        for place in &mut version.core[1..] {
            *place = numbers.next().unwrap_or("0");
        }
        let is_plain = |number: &&str| is_number(number) && !has_leading_zero(number);
        (numbers.next().is_none() && version.core.iter().all(is_plain)).then_some(version)
    }

    pub(crate) fn into_owned(self) -> Version<Box<str>> {
        Version { core: self.core.map(Box::from), prerelease: self.prerelease.into() }
    }
}

impl<S: AsRef<str>> Version<S> {
    /// The order of precedence, item 11 of `SemVer` 2.0.
    pub(crate) fn precedence<T: AsRef<str>>(&self, other: &Version<T>) -> Ordering {
        let pairs = self.core.iter().zip(&other.core);
        let core = pairs.map(|(a, b)| number_order(a.as_ref(), b.as_ref())).find(|order| order.is_ne());
        core.unwrap_or_else(|| prerelease_order(self.prerelease.as_ref(), other.prerelease.as_ref()))
    }
}

fn split_suffix(text: &str, separator: char) -> (&str, Option<&str>) {
    text.split_once(separator).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn has_leading_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0') && is_number(text)
}

fn number_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn prerelease_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (false, false) => {}
        (a_is_release, b_is_release) => return a_is_release.cmp(&b_is_release),
    }
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => number_order(a, b),
                (false, false) => a.cmp(b),
                (a_is_number, b_is_number) => b_is_number.cmp(&a_is_number),
            },
            (None, None) => return Ordering::Equal,
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

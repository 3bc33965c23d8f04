//! One test per attribute type and operator, over a single value of the context.

use std::fmt::Display;

use serde_json::{Map, Value as Json};

use super::operator::Operator;
use super::order::{Bound, SortedSet};
use super::text::{Comparison, Text};
use crate::document::{self, DocumentError, Match};
use crate::network::{Network, Networks};
use crate::pattern::Pattern;
use crate::version::Version;
use crate::{Scalar, Timestamp};

/// Matches if any of its values does. A value of another JSON type than the test's matches nothing.
#[derive(Debug)]
pub(crate) enum Test {
    Text(Text),
    Patterns(Vec<Pattern>),
    Networks(Networks),
    NumberIn(SortedSet<f64>),
    NumberBound(Bound<f64>),
    Boolean { of_true: bool, of_false: bool },
    DateBound(Bound<Timestamp>),
    VersionIn(SortedSet<Version<Box<str>>>),
    VersionBound(Bound<Version<Box<str>>>),
}

impl Test {
    pub(crate) fn compile(
        kind: &str,
        operator: Operator,
        condition: &Map<String, Json>,
        ignore_case: bool,
    ) -> Result<Self, DocumentError> {
        use Operator::{Contains, EndsWith, Eq, In, InCidr, Matches, Order, StartsWith};
        let texts = |comparison| {
            strings(condition, |text| Ok::<_, &str>(text.to_owned()))
                .map(|values| Self::Text(Text::new(comparison, values, ignore_case)))
        };
        let test = match (kind, operator) {
            ("string", Eq | In) => texts(Comparison::Equals)?,
            ("string", Contains) => texts(Comparison::Contains)?,
            ("string", StartsWith) => texts(Comparison::StartsWith)?,
            ("string", EndsWith) => texts(Comparison::EndsWith)?,
            ("string", Matches) => {
                Self::Patterns(strings(condition, |text| Pattern::try_new(text, ignore_case))?)
            }
            ("string", InCidr) => Self::Networks(Networks::new(strings(condition, |text| {
                Network::parse(text).ok_or("not a network in CIDR notation")
            })?)),
            ("number", Eq | In) => Self::NumberIn(SortedSet::new(numbers(condition)?, f64::total_cmp)),
            ("number", Order(direction)) => {
                let bound = Bound::new(direction, numbers(condition)?, f64::total_cmp);
                Self::NumberBound(bound.ok_or_else(no_values)?)
            }
            ("boolean", Eq) => {
                let of =
                    values(condition, |v| v.as_bool().ok_or_else(|| DocumentError::new("not a boolean")))?;
                Self::Boolean { of_true: of.contains(&true), of_false: of.contains(&false) }
            }
            ("date", Order(direction)) => {
                let not_date = "not an RFC 3339 timestamp with an offset";
                let dates = strings(condition, |text| Timestamp::parse(text).ok_or(not_date))?;
                Self::DateBound(Bound::new(direction, dates, Ord::cmp).ok_or_else(no_values)?)
            }
            ("version", Eq | In) => {
                Self::VersionIn(SortedSet::new(versions(condition)?, Version::precedence))
            }
            ("version", Order(direction)) => {
                let bound = Bound::new(direction, versions(condition)?, Version::precedence);
                Self::VersionBound(bound.ok_or_else(no_values)?)
            }
            _ => {
                let problem = format!("does not fit an attribute of type {kind}");
                return Err(DocumentError::new(problem).within("operator"));
            }
        };
        // An empty list is a list that somebody emptied; an empty comparison is a mistake.
        if operator != In && values(condition, |_| Ok(()))?.is_empty() { Err(no_values()) } else { Ok(test) }
    }

    /// Whether one value of the context matches.
    ///
    /// # Errors
    /// When a pattern turns out not to compile.
    pub(crate) fn matches(&self, value: &Scalar<'_>) -> Result<bool, &DocumentError> {
        Ok(match (self, value) {
            (Self::Text(values), Scalar::String(text)) => values.match_text(text),
            (Self::Patterns(patterns), Scalar::String(text)) => {
                return Match::Any.combine(patterns, |pattern| pattern.is_match(text));
            }
            (Self::Networks(networks), Scalar::String(text)) => networks.contain(text),
            // Adding zero makes zero of minus zero, as for the members.
            (Self::NumberIn(set), Scalar::Number(number)) => set.contains(|m| m.total_cmp(&(number + 0.0))),
            (Self::NumberBound(bound), Scalar::Number(number)) => {
                bound.admits(|limit| number.partial_cmp(limit))
            }
            (Self::Boolean { of_true, of_false }, Scalar::Bool(value)) => {
                *if *value { of_true } else { of_false }
            }
            (Self::DateBound(bound), Scalar::String(text)) => {
                bound.admits(|limit| Timestamp::parse(text).map(|instant| instant.cmp(limit)))
            }
            (Self::DateBound(bound), Scalar::Instant(instant)) => {
                bound.admits(|limit| Some(instant.cmp(limit)))
            }
            (_, Scalar::Instant(instant)) => {
                return self.matches(&Scalar::String(instant.to_rfc3339().into()));
            }
            (Self::VersionIn(set), Scalar::String(text)) => {
                Version::parse(text).is_some_and(|version| set.contains(|member| member.precedence(&version)))
            }
            (Self::VersionBound(bound), Scalar::String(text)) => {
                bound.admits(|limit| Version::parse(text).map(|version| version.precedence(limit)))
            }
            _ => false,
        })
    }

    /// Whether everything that is compiled at its first use will be.
    pub(crate) fn compile_patterns(&self) -> Result<(), DocumentError> {
        let Self::Patterns(patterns) = self else { return Ok(()) };
        let compile = |(index, pattern): (usize, &Pattern)| {
            pattern.check().map_err(|e| e.clone().within(&format!("values[{index}]")))
        };
        patterns.iter().enumerate().try_for_each(compile)
    }
}

fn no_values() -> DocumentError {
    DocumentError::new("at least one value is needed").within("values")
}

fn values<T>(
    condition: &Map<String, Json>,
    read: impl FnMut(&Json) -> Result<T, DocumentError>,
) -> Result<Vec<T>, DocumentError> {
    document::each(condition, "values", read).map(Vec::from)
}

fn strings<T, E: Display>(
    condition: &Map<String, Json>,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, DocumentError> {
    values(condition, |value| {
        read(document::string(value)?).map_err(|error| DocumentError::new(error.to_string()))
    })
}

fn numbers(condition: &Map<String, Json>) -> Result<Vec<f64>, DocumentError> {
    values(condition, |value| {
        let number = value.as_f64().filter(|number| number.is_finite());
        number.map(|number| number + 0.0).ok_or_else(|| DocumentError::new("not a number"))
    })
}

fn versions(condition: &Map<String, Json>) -> Result<Vec<Version<Box<str>>>, DocumentError> {
    strings(condition, |text| Version::parse(text).map(Version::into_owned).ok_or("not a version"))
}

//! Reading documents: typed access to JSON members, and errors that say where.

use serde_json::{Map, Value};

use crate::Timestamp;

/// Why a document cannot be used: where in it, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}{problem}", .place, if .place.is_empty() { "" } else { ": " })]
pub struct DocumentError {
    place: String,
    problem: String,
}

impl DocumentError {
    pub(crate) fn new(problem: impl Into<String>) -> Self {
        Self { place: String::new(), problem: problem.into() }
    }

    /// The same error seen from one level further out.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        match self.place.chars().next() {
            None => outer.clone_into(&mut self.place),
            Some('[') => self.place.insert_str(0, outer),
            Some(_) => self.place.insert_str(0, &format!("{outer}.")),
        }
        self
    }

    fn at(member: &str, problem: &str) -> Self {
        Self { place: member.to_owned(), problem: problem.to_owned() }
    }
}

type Read<T> = Result<T, DocumentError>;

pub(crate) fn object(value: &Value) -> Read<&Map<String, Value>> {
    value.as_object().ok_or_else(|| DocumentError::new("not an object"))
}

/// The member, where absent and null mean the same.
pub(crate) fn optional<'v>(object: &'v Map<String, Value>, member: &str) -> Option<&'v Value> {
    object.get(member).filter(|value| !value.is_null())
}

pub(crate) fn required<'v>(object: &'v Map<String, Value>, member: &str) -> Read<&'v Value> {
    optional(object, member).ok_or_else(|| DocumentError::at(member, "missing"))
}

pub(crate) fn required_string<'v>(object: &'v Map<String, Value>, member: &str) -> Read<&'v str> {
    string(required(object, member)?).map_err(|error| error.within(member))
}

pub(crate) fn optional_string<'v>(object: &'v Map<String, Value>, member: &str) -> Read<Option<&'v str>> {
    optional(object, member).map(string).transpose().map_err(|error| error.within(member))
}

pub(crate) fn optional_bool(object: &Map<String, Value>, member: &str) -> Read<Option<bool>> {
    optional(object, member)
        .map(|value| value.as_bool().ok_or_else(|| DocumentError::at(member, "not a boolean")))
        .transpose()
}

pub(crate) fn optional_timestamp(object: &Map<String, Value>, member: &str) -> Read<Option<Timestamp>> {
    let Some(text) = optional_string(object, member)? else { return Ok(None) };
    let instant = Timestamp::parse(text);
    instant.map(Some).ok_or_else(|| DocumentError::at(member, "not an RFC 3339 timestamp with an offset"))
}

pub(crate) fn string(value: &Value) -> Read<&str> {
    value.as_str().ok_or_else(|| DocumentError::new("not a string"))
}

/// Compiles every element of an array member; an absent member is an empty array.
pub(crate) fn each<T>(
    object: &Map<String, Value>,
    member: &str,
    mut compile: impl FnMut(&Value) -> Read<T>,
) -> Read<Box<[T]>> {
    let Some(value) = optional(object, member) else { return Ok(Box::default()) };
    let elements = value.as_array().ok_or_else(|| DocumentError::at(member, "not an array"))?;
    let compile = |(index, element)| compile(element).map_err(|e| e.within(&format!("{member}[{index}]")));
    elements.iter().enumerate().map(compile).collect()
}

/// `match`: whether all or any of the members must match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    All,
    Any,
}

impl Match {
    pub(crate) fn compile(object: &Map<String, Value>) -> Read<Self> {
        match required_string(object, "match")? {
            "all" => Ok(Self::All),
            "any" => Ok(Self::Any),
            _ => Err(DocumentError::at("match", "neither \"all\" nor \"any\"")),
        }
    }

    /// Combines fallible tests in order, stopping at the first that decides.
    pub(crate) fn combine<T, E>(
        self,
        items: impl IntoIterator<Item = T>,
        mut test: impl FnMut(T) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let decisive = self == Self::Any;
        for item in items {
            if test(item)? == decisive {
                return Ok(decisive);
            }
        }
        Ok(!decisive)
    }
}

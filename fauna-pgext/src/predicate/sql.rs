//! Conditions in SQL, and the writing of names and values.

use std::ffi::{CStr, CString, c_char};
use std::fmt;

use pgrx::pg_sys;

/// A condition. Every part means true or false, so that parts can be negated and combined at will.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sql {
    Always,
    Never,
    /// An expression that binds closer than `NOT`. It may be null only in a [`Sql::Strict`].
    Test(String),
    /// Two tests that are true in the same rows. The first costs less, and may be null where the second is false.
    Cheaper(String, String),
    /// The first of the two, which is null exactly where the second is false; and then the whole is false.
    Strict(Box<Sql>, Box<Sql>),
    /// Whether an expression is not null.
    Present(String),
    Missing(String),
    Not(Box<Sql>),
    All(Vec<Sql>),
    Any(Vec<Sql>),
}

impl Sql {
    pub fn all(parts: impl IntoIterator<Item = Sql>) -> Self {
        match Self::combined(parts, &Self::Always, &Self::Never, |part| match part {
            Self::All(parts) => Ok(parts),
            part => Err(part),
        }) {
            Ok(parts) => Self::All(parts),
            Err(single) => single,
        }
    }

    pub fn any(parts: impl IntoIterator<Item = Sql>) -> Self {
        match Self::combined(parts, &Self::Never, &Self::Always, |part| match part {
            Self::Any(parts) => Ok(parts),
            part => Err(part),
        }) {
            Ok(parts) => Self::Any(parts),
            Err(single) => single,
        }
    }

    /// Two parts or more, none twice; or what they come to.
    fn combined(
        parts: impl IntoIterator<Item = Sql>,
        neutral: &Sql,
        decisive: &Sql,
        inside: impl Fn(Sql) -> Result<Vec<Sql>, Sql>,
    ) -> Result<Vec<Sql>, Sql> {
        let mut combined: Vec<Sql> = Vec::new();
        for part in parts.into_iter().flat_map(|part| inside(part).unwrap_or_else(|part| vec![part])) {
            if part == *decisive {
                return Err(part);
            }
            if part != *neutral && !combined.contains(&part) {
                combined.push(part);
            }
        }
        match combined.len() {
            0 => Err(neutral.clone()),
            1 => Err(combined.remove(0)),
            _ => Ok(combined),
        }
    }

    pub fn negated(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Present(expression) => Self::Missing(expression),
            Self::Missing(expression) => Self::Present(expression),
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// `matches`, which is null where a value is not there, in rows where it is.
    pub fn strict(matches: Self, is_present: Self) -> Self {
        match (matches, is_present) {
            (Self::Never, _) => Self::Never,
            (Self::Always, is_present) => is_present,
            (matches, Self::Always) => matches,
            (matches, is_present) => Self::Strict(Box::new(matches), Box::new(is_present)),
        }
    }

    /// For a `WHERE`, which takes null for false: true in the same rows, and without asking what a null answers anyway.
    pub fn for_where(self) -> Self {
        match self {
            Self::Strict(matches, _) => matches.cheaper(),
            Self::All(parts) => Self::all(parts.into_iter().map(Self::for_where)),
            Self::Any(parts) => Self::any(parts.into_iter().map(Self::for_where)),
            other => other.without_null(),
        }
    }

    /// Where null counts as false.
    fn cheaper(self) -> Self {
        match self {
            Self::Cheaper(cheap, _) => Self::Test(cheap),
            Self::All(parts) => Self::All(parts.into_iter().map(Self::cheaper).collect()),
            Self::Any(parts) => Self::Any(parts.into_iter().map(Self::cheaper).collect()),
            other => other,
        }
    }

    /// True or false in every row.
    fn without_null(self) -> Self {
        match self {
            Self::Strict(matches, is_present) => Self::all([*matches, *is_present]),
            Self::Not(inner) => inner.without_null().negated(),
            Self::All(parts) => Self::all(parts.into_iter().map(Self::without_null)),
            Self::Any(parts) => Self::any(parts.into_iter().map(Self::without_null)),
            other => other,
        }
    }

    pub fn negated_if(self, negate: bool) -> Self {
        if negate { self.negated() } else { self }
    }
}

/// In a form that stands beside `AND`, `OR` and `NOT` without parentheses of its reader's.
impl fmt::Display for Sql {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Sql], word: &str| {
            for (place, part) in parts.iter().enumerate() {
                f.write_str(if place == 0 { "(" } else { word })?;
                part.fmt(f)?;
            }
            f.write_str(")")
        };
        match self {
            Self::Always => f.write_str("true"),
            Self::Never => f.write_str("false"),
            Self::Test(test) | Self::Cheaper(_, test) => f.write_str(test),
            Self::Present(expression) => write!(f, "{expression} IS NOT NULL"),
            Self::Missing(expression) => write!(f, "{expression} IS NULL"),
            Self::Strict(matches, is_present) => write!(f, "({matches} AND {is_present})"),
            Self::Not(inner) => write!(f, "NOT {inner}"),
            Self::All(parts) => joined(f, parts, " AND "),
            Self::Any(parts) => joined(f, parts, " OR "),
        }
    }
}

/// `left` is one of the values, given as text. Their type is left to the server: the same as `left`'s.
pub fn equals_any(left: &str, values: &[String]) -> Sql {
    equals_any_of(left, "=", values, "")
}

/// The same with another operator, and with a cast (`::text`, say) behind one value, `[]` being added for several.
pub fn equals_any_of(left: &str, operator: &str, values: &[String], cast: &str) -> Sql {
    match values {
        [] => Sql::Never,
        [value] => Sql::Test(format!("{left} {operator} {}{cast}", literal(value))),
        values => {
            let brackets = if cast.is_empty() { "" } else { "[]" };
            Sql::Test(format!("{left} {operator} ANY ({}{cast}{brackets})", array_literal(values)))
        }
    }
}

/// As `quote_ident` has it.
pub fn identifier(name: &str) -> String {
    // SAFETY: the result is a string in the memory of the call, or the argument itself.
    through_server(name, |text| unsafe { pg_sys::quote_identifier(text) })
}

/// As `quote_literal` has it: the same string whatever `standard_conforming_strings` says.
pub fn literal(value: &str) -> String {
    // SAFETY: the result is a string in the memory of the call.
    through_server(value, |text| unsafe { pg_sys::quote_literal_cstr(text) }.cast_const())
}

/// An array as a literal.
pub fn array_literal(values: &[String]) -> String {
    let elements: Vec<_> = values.iter().map(|value| element(value)).collect();
    literal(&format!("{{{}}}", elements.join(",")))
}

fn element(value: &str) -> String {
    let is_plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '@' | '+' | ':')
    };
    if !value.is_empty() && !value.eq_ignore_ascii_case("null") && value.chars().all(is_plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text inside the server has no zero characters, so nothing is cut off.
fn through_server(text: &str, quote: impl FnOnce(*const c_char) -> *const c_char) -> String {
    let text = CString::new(text.replace('\0', "")).unwrap_or_default();
    // SAFETY: the server's quoting functions return a string that ends with a zero byte.
    unsafe { CStr::from_ptr(quote(text.as_ptr())) }.to_string_lossy().into_owned()
}

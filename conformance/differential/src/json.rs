//! JSON as text has it, which is more than a parsed value has: spellings and sizes of numbers, a member twice,
//! half a surrogate pair.

use serde_json::Value;

/// A JSON text, in parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// As it is spelled.
    Number(String),
    /// Text.
    String(String),
    /// A string that is no text: it contains half a surrogate pair. As it is spelled, without quotes.
    Broken(&'static str),
    /// The elements.
    Array(Vec<Json>),
    /// The members in order; of two with the same name the last counts.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::String(text.into())
    }

    /// An object.
    pub fn object<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Object(members.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// As text.
    pub fn write(&self, into: &mut String) {
        match self {
            Self::Null => into.push_str("null"),
            Self::Bool(value) => into.push_str(if *value { "true" } else { "false" }),
            Self::Number(spelled) => into.push_str(spelled),
            Self::String(text) => write_string(text, into),
            Self::Broken(spelled) => {
                into.push('"');
                into.push_str(spelled);
                into.push('"');
            }
            Self::Array(elements) => {
                write_list(into, ['[', ']'], elements, Self::write);
            }
            Self::Object(members) => write_list(into, ['{', '}'], members, |(name, value), into| {
                write_string(name, into);
                into.push(':');
                value.write(into);
            }),
        }
    }

    /// As every evaluator has to understand it: a number beyond the range of doubles is null. `None` if it
    /// has a string that is no text.
    pub fn to_value(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(spelled) => serde_json::from_str(spelled).unwrap_or(Value::Null),
            Self::String(text) => Value::from(text.as_str()),
            Self::Broken(_) => return None,
            Self::Array(elements) => {
                Value::Array(elements.iter().map(Self::to_value).collect::<Option<_>>()?)
            }
            Self::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| Some((name.clone(), value.to_value()?)))
                    .collect::<Option<_>>()?,
            ),
        })
    }

    /// Whether PostgreSQL's `jsonb` can hold it: it has no text with NUL, and nothing that is no text.
    pub fn fits_jsonb(&self) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) => true,
            Self::String(text) => !text.contains('\0'),
            Self::Broken(_) => false,
            Self::Array(elements) => elements.iter().all(Self::fits_jsonb),
            Self::Object(members) => {
                members.iter().all(|(name, value)| !name.contains('\0') && value.fits_jsonb())
            }
        }
    }
}

impl std::fmt::Display for Json {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Json>> for Json {
    fn from(elements: Vec<Json>) -> Self {
        Self::Array(elements)
    }
}

fn write_string(text: &str, into: &mut String) {
    into.push_str(&Value::from(text).to_string());
}

fn write_list<T>(
    into: &mut String,
    brackets: [char; 2],
    items: &[T],
    mut write: impl FnMut(&T, &mut String),
) {
    into.push(brackets[0]);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            into.push(',');
        }
        write(item, into);
    }
    into.push(brackets[1]);
}

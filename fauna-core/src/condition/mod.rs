//! Conditions: what an audience asks of a context.
//!
//! The same code compiles a condition of a document and checks one that somebody is about to
//! write, so that what is accepted there cannot fail here.

mod operator;
mod order;
mod test;
mod text;

use serde_json::{Map, Value as Json};

use crate::document::{self, DocumentError, object, optional_bool, required_string};
use crate::{AttributePath, Context, Scalar, Value};
use operator::Operator;
use test::Test;

/// A condition, compiled.
#[derive(Debug)]
pub(crate) enum Condition {
    Attribute(AttributeCondition),
    /// Whether the subject is in any of these audiences.
    InAudience {
        keys: Box<[Box<str>]>,
        negate: bool,
    },
}

#[derive(Debug)]
pub(crate) struct AttributeCondition {
    path: AttributePath,
    /// `None` asks only whether the attribute exists.
    test: Option<Test>,
    negate: bool,
    words: Box<str>,
}

impl Condition {
    pub(crate) fn compile(condition: &Json) -> Result<Self, DocumentError> {
        let condition = object(condition)?;
        let operator = required_string(condition, "operator")?;
        let negate = optional_bool(condition, "negate")?.unwrap_or(false);
        let ignore_case = optional_bool(condition, "ignoreCase")?.unwrap_or(false);
        if operator == "in_audience" {
            let key = |value: &Json| document::string(value).map(Box::from);
            return Ok(Self::InAudience { keys: document::each(condition, "values", key)?, negate });
        }
        let path = AttributePath::new(required_string(condition, "attribute")?);
        let kind = required_string(condition, "type")?;
        let test = compile_test(kind, operator, condition, ignore_case)?;
        let words = words(operator, condition, negate, ignore_case);
        Ok(Self::Attribute(AttributeCondition { path, test, negate, words }))
    }
}

/// The values that the words of a condition name.
const VALUES_NAMED: usize = 10;

/// What a condition asks for, to be read: a list of values in full would keep every document twice.
fn words(operator: &str, condition: &Map<String, Json>, negate: bool, ignore_case: bool) -> Box<str> {
    let values = condition.get("values").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let mut words = if negate { format!("not {operator}") } else { operator.to_owned() };
    for (place, value) in values.iter().take(VALUES_NAMED).enumerate() {
        let separator = if place == 0 { " " } else { ", " };
        words.extend([separator, &value.to_string()]);
    }
    if let Some(rest) = values.len().checked_sub(VALUES_NAMED).filter(|rest| *rest > 0) {
        words.extend([" and ", &rest.to_string(), " more"]);
    }
    if ignore_case {
        words.push_str(" (ignoring case)");
    }
    words.into()
}

impl AttributeCondition {
    /// The attribute.
    pub(crate) fn path(&self) -> &AttributePath {
        &self.path
    }

    /// Operator and values, to be read.
    pub(crate) fn words(&self) -> &str {
        &self.words
    }

    /// Whether the condition holds. A missing attribute satisfies nothing, negated or not.
    pub(crate) fn holds<C: Context + ?Sized>(&self, context: &C) -> Result<bool, &DocumentError> {
        let value = context.get(&self.path);
        let Some(test) = &self.test else { return Ok(value.is_some() != self.negate) };
        let matches = match value {
            None => return Ok(false),
            Some(Value::Bool(value)) => test.matches(&Scalar::Bool(value))?,
            Some(Value::Number(value)) => test.matches(&Scalar::Number(value))?,
            Some(Value::String(value)) => test.matches(&Scalar::String(value))?,
            Some(Value::Instant(value)) => test.matches(&Scalar::Instant(value))?,
            Some(Value::Object) => false,
            Some(Value::Array(elements)) => {
                document::Match::Any.combine(elements, |element| test.matches(&element))?
            }
        };
        Ok(matches != self.negate)
    }
}

/// Checks a condition somebody is about to write, exactly as a document's is compiled: the
/// operator fits the attribute's type and every value can be read. `kind` is the attribute's type,
/// `None` for `in_audience`, which has no attribute; `values` is the JSON array of values.
///
/// # Errors
/// In words and on one line, naming a value by its position and never by its content.
///
/// ```
/// # use fauna_core::check_condition;
/// # use serde_json::json;
/// assert!(check_condition(Some("version"), "gte", &json!(["v2.1"]), false).is_ok());
/// let refused = check_condition(Some("string"), "matches", &json!(["ok", "(?=x)"]), false).unwrap_err();
/// assert_eq!(refused.to_string(), "values[1]: bad pattern at character 3: this kind of group is not supported");
/// ```
pub fn check_condition(
    kind: Option<&str>,
    operator: &str,
    values: &Json,
    ignore_case: bool,
) -> Result<(), DocumentError> {
    let mut condition = Map::new();
    condition.insert("values".to_owned(), values.clone());
    match (kind, operator) {
        (None, "in_audience") => {
            document::each(&condition, "values", |value| document::string(value).map(drop)).map(drop)
        }
        (Some(_), "in_audience") => {
            Err(DocumentError::new("in_audience takes no attribute").within("operator"))
        }
        (None, _) => Err(DocumentError::new("needs an attribute").within("operator")),
        (Some(kind), _) => match compile_test(kind, operator, &condition, ignore_case)? {
            Some(test) => test.compile_patterns(),
            None => Ok(()),
        },
    }
}

fn compile_test(
    kind: &str,
    operator: &str,
    condition: &Map<String, Json>,
    ignore_case: bool,
) -> Result<Option<Test>, DocumentError> {
    if !matches!(kind, "string" | "number" | "boolean" | "date" | "version") {
        return Err(DocumentError::new("unknown").within("type"));
    }
    let operator =
        Operator::parse(operator).ok_or_else(|| DocumentError::new("unknown").within("operator"))?;
    if operator != Operator::Exists {
        return Test::compile(kind, operator, condition, ignore_case).map(Some);
    }
    let values = document::each(condition, "values", |_| Ok(()))?;
    if values.is_empty() {
        Ok(None)
    } else {
        Err(DocumentError::new("exists takes no values").within("values"))
    }
}

//! One condition of an audience, as its document has it.

use std::cmp::Ordering;

use fauna_core::{Audience, Context, Nothing, is_member};
use serde_json::{Map, Value as Json, json};

/// What the attribute is called where a condition is applied to a value instead of a context.
pub const ATTRIBUTE: &str = "value";

/// A condition on an attribute that has been found valid.
#[derive(Default)]
pub struct Condition<'d> {
    pub attribute: &'d str,
    /// The attribute's type.
    pub kind: &'d str,
    pub operator: &'d str,
    pub values: &'d [Json],
    pub negate: bool,
    pub ignore_case: bool,
}

impl<'d> Condition<'d> {
    pub fn new(document: &'d Json) -> Self {
        let text = |member: &str| document.get(member).and_then(Json::as_str).unwrap_or_default();
        let flag = |member: &str| document.get(member).and_then(Json::as_bool).unwrap_or_default();
        Self {
            attribute: text("attribute"),
            kind: text("type"),
            operator: text("operator"),
            values: document.get("values").and_then(Json::as_array).map_or(&[], Vec::as_slice),
            negate: flag("negate"),
            ignore_case: flag("ignoreCase"),
        }
    }

    pub fn is_equality(&self) -> bool {
        matches!(self.operator, "eq" | "in")
    }

    pub fn texts(&self) -> impl Iterator<Item = &'d str> {
        self.values.iter().filter_map(Json::as_str)
    }

    pub fn numbers(&self) -> impl Iterator<Item = f64> {
        self.values.iter().filter_map(Json::as_f64)
    }

    /// Of several limits the one that counts: the loosest.
    pub fn limit<T>(&self, limits: impl Iterator<Item = T>, order: impl Fn(&T, &T) -> Ordering) -> Option<T> {
        let loosest = if matches!(self.operator, "lt" | "lte") { Ordering::Less } else { Ordering::Greater };
        limits.reduce(|a, b| if order(&a, &b) == loosest { b } else { a })
    }

    /// The condition without its attribute, as short as can be: what `fauna.condition_holds` takes.
    pub fn to_json(&self) -> Json {
        let mut document = Map::new();
        document.insert("type".to_owned(), self.kind.into());
        document.insert("operator".to_owned(), self.operator.into());
        if !self.values.is_empty() {
            document.insert("values".to_owned(), self.values.into());
        }
        for (member, is_set) in [("negate", self.negate), ("ignoreCase", self.ignore_case)] {
            if is_set {
                document.insert(member.to_owned(), true.into());
            }
        }
        Json::Object(document)
    }

    /// Which of these texts satisfy the condition, whatever `negate` makes of that.
    pub fn matching(&self, texts: &[String]) -> Vec<String> {
        let compiled = Compiled::new(Self { negate: false, ..*self }.to_json());
        texts.iter().filter(|text| compiled.holds(&json!({ATTRIBUTE: text}))).cloned().collect()
    }
}

/// A condition to be applied to values.
pub struct Compiled(Audience);

impl Compiled {
    /// Compiles a condition, whose attribute does not count.
    pub fn new(mut condition: Json) -> Self {
        if let Some(members) = condition.as_object_mut() {
            members.insert("attribute".to_owned(), ATTRIBUTE.into());
        }
        Self(Audience::from_document("", &json!({"match": "all", "conditions": [condition]})))
    }

    /// Whether it holds for the attribute [`ATTRIBUTE`] of `context`. False if it is no valid condition.
    pub fn holds(&self, context: &impl Context) -> bool {
        is_member(&Nothing, &self.0, context).unwrap_or(false)
    }
}

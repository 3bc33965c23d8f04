//! A compiled flag with all that an answer may say of it, already written.
//!
//! An answer is then a copy of a few pieces: no value is serialised per request.

use fauna_core::{Flag, Variant};
use serde_json::Value;

/// A flag, ready to be evaluated and answered.
#[derive(Debug)]
pub struct PreparedFlag {
    flag: Flag,
    key: Box<[u8]>,
    /// By a variant's index.
    variants: Box<[Box<[u8]>]>,
    rules: Box<[RuleId]>,
    longest: usize,
}

/// A rule's id, plain and as JSON.
#[derive(Debug)]
struct RuleId {
    plain: Box<str>,
    json: Box<[u8]>,
}

/// More than the names of an answer's members take, with a reason.
const MEMBERS: usize = 96;

impl PreparedFlag {
    /// Compiles a document. It never fails, as [`Flag::from_document`] does not.
    pub fn from_document(key: &str, document: &Value) -> Self {
        let flag = Flag::from_document(key, document);
        let variants: Box<[Box<[u8]>]> = flag.variants().iter().map(members).collect();
        let rules: Box<[RuleId]> =
            flag.rule_ids().map(|id| RuleId { plain: id.into(), json: text(id) }).collect();
        let key = text(key);
        let longest = |parts: &mut dyn Iterator<Item = usize>| parts.max().unwrap_or(0);
        let longest = MEMBERS
            + key.len()
            + longest(&mut variants.iter().map(|members| members.len()))
            + longest(&mut rules.iter().map(|rule| rule.json.len()));
        Self { flag, key, variants, rules, longest }
    }

    /// The flag.
    pub fn flag(&self) -> &Flag {
        &self.flag
    }

    /// Its key as JSON.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// `"value":…,"variant":…` of a variant.
    pub fn variant(&self, variant: &Variant) -> &[u8] {
        self.variants.get(variant.index()).map_or(&[], |members| members)
    }

    /// The id of one of its rules as JSON.
    pub fn rule(&self, id: &str) -> &[u8] {
        self.rules.iter().find(|rule| *rule.plain == *id).map_or(b"null", |rule| &rule.json)
    }

    /// The most bytes that an answer with all of this takes, unless it is an error.
    pub fn longest(&self) -> usize {
        self.longest
    }
}

fn text(plain: &str) -> Box<[u8]> {
    Value::from(plain).to_string().into_bytes().into()
}

/// Without a line feed: `serde_json` writes none, and escapes those in text.
fn members(variant: &Variant) -> Box<[u8]> {
    let members = format!(r#""value":{},"variant":{}"#, variant.value(), Value::from(variant.key()));
    members.into_bytes().into()
}

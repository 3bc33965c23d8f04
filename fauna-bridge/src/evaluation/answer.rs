//! What the holder of a key is told of an evaluation.

use fauna_core::{Evaluation, Flag};

use super::prepared::PreparedFlag;
use crate::sdk_key::KeyKind;

/// How much a key may see.
///
/// A client key is public: everybody who loads the page has it. It gets the values of the flags that are meant for clients, and nothing from
/// which one could learn of rules, audiences or other flags. So no id of a rule, no required flag, and no words of an error, because
/// those name the audience that is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Flags that are visible to clients.
    Client,
    /// All flags, and how the result came about.
    Server,
}

impl From<KeyKind> for Scope {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Client => Self::Client,
            KeyKind::Server => Self::Server,
        }
    }
}

impl Scope {
    /// Whether a flag exists, as far as this key is to know.
    pub fn sees(self, flag: &Flag) -> bool {
        self == Self::Server || flag.client_visible()
    }

    /// Appends the members of an answer, without braces: `"value":true,"variant":"on","reason":"STATIC"` and so on.
    pub fn write(self, evaluation: &Evaluation<'_>, flag: &PreparedFlag, json: &mut Vec<u8>) {
        if let Some(variant) = evaluation.variant {
            json.extend_from_slice(flag.variant(variant));
            json.push(b',');
        }
        json.extend_from_slice(b"\"reason\":\"");
        json.extend_from_slice(evaluation.reason.as_str().as_bytes());
        json.push(b'"');
        if let Some(error) = &evaluation.error {
            json.extend_from_slice(b",\"errorCode\":\"");
            json.extend_from_slice(error.code.as_str().as_bytes());
            json.push(b'"');
        }
        if self == Self::Server {
            let error = evaluation.error.as_ref().map(|error| &*error.message);
            for (name, text) in [("errorMessage", error), ("prerequisite", evaluation.prerequisite)] {
                if let Some(text) = text {
                    let member = format!(r#","{name}":{}"#, serde_json::Value::from(text));
                    json.extend_from_slice(member.as_bytes());
                }
            }
            if let Some(rule) = evaluation.rule_id {
                json.extend_from_slice(b",\"ruleId\":");
                json.extend_from_slice(flag.rule(rule));
            }
        }
    }
}

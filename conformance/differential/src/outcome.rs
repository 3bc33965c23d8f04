//! What `fauna-core` makes of a flag or an audience, in the words of the vectors' `expect`.

use fauna_core::{Context, Ruleset, Timestamp, evaluate, in_audience};
use serde_json::{Map, Value};

/// As `expect`, and with `errorMessage` where there is one.
pub fn evaluation<C: Context>(ruleset: &Ruleset, key: &str, context: &C, now: Timestamp) -> Value {
    let evaluation = evaluate(ruleset, key, context, now);
    let mut outcome = Map::new();
    let mut set = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            outcome.insert(member.to_owned(), value);
        }
    };
    set("value", evaluation.value().cloned());
    set("variant", evaluation.variant.map(|variant| variant.key().into()));
    set("reason", Some(evaluation.reason.as_str().into()));
    set("ruleId", evaluation.rule_id.map(Value::from));
    set("errorCode", evaluation.error.as_ref().map(|error| error.code.as_str().into()));
    set("errorMessage", evaluation.error.as_ref().map(|error| Value::from(&*error.message)));
    set("prerequisite", evaluation.prerequisite.map(Value::from));
    Value::Object(outcome)
}

/// Whether the context is in the audience; null where that has no answer.
pub fn membership<C: Context>(ruleset: &Ruleset, key: &str, context: &C) -> Value {
    in_audience(ruleset, key, context).map_or(Value::Null, Value::from)
}

//! The OpenFeature Remote Evaluation Protocol, version 0.3: what its bodies and validators are.
//!
//! Bodies are written straight from what the catalog has prepared; a thousand flags are a thousand evaluations and copies, and no tree of
//! JSON values in between.

mod tag;
mod ticket;

use fauna_core::{Evaluation, Timestamp};
use serde_json::Value;

use crate::evaluation::{Catalog, EvaluationContext, PreparedFlag, Scope, Tally};

pub use tag::{etag, position_of};
pub use ticket::Ticket;

/// The path of event streams, to which a ticket is appended.
pub const EVENTS_PATH: &str = "/ofrep/v1/events";

/// What a client in the background may miss before it closes its event stream, in seconds.
const INACTIVITY_SECONDS: u32 = 120;

/// The answer of one flag.
pub struct Single {
    /// The body.
    pub json: Vec<u8>,
    /// Whether it has an error and no value.
    pub failed: bool,
}

/// Evaluates one flag. None if there is no such flag for somebody who sees so much.
pub fn single(
    catalog: &Catalog,
    scope: Scope,
    key: &str,
    context: &EvaluationContext,
    now: Timestamp,
    tally: &mut Tally,
) -> Option<(Single, String)> {
    let flag = catalog.slot(key).and_then(|slot| catalog.flag_at(slot))?;
    if !scope.sees(flag.flag()) {
        return None;
    }
    let evaluation = catalog.evaluate(flag, context, now);
    tally.count(&evaluation);
    let mut json = Vec::with_capacity(256);
    write_flag(scope, flag, &evaluation, Some(catalog), &mut json);
    let failed = evaluation.error.is_some();
    // With an error the client serves its own default, whatever the off variant is.
    let served = evaluation.variant.filter(|_| !failed);
    let variant = served.map(|variant| variant.key().to_owned()).unwrap_or_default();
    Some((Single { json, failed }, variant))
}

/// Evaluates every flag.
pub fn bulk(
    catalog: &Catalog,
    scope: Scope,
    context: &EvaluationContext,
    now: Timestamp,
    ticket: &Ticket,
    tally: &mut Tally,
) -> Vec<u8> {
    let flags = || catalog.flags().filter(|flag| scope.sees(flag.flag()));
    // A buffer that grows is copied each time, and this may be megabytes.
    let mut json = Vec::with_capacity(512 + flags().map(PreparedFlag::longest).sum::<usize>());
    json.extend_from_slice(b"{\"flags\":[");
    for flag in flags() {
        let evaluation = catalog.evaluate(flag, context, now);
        tally.count(&evaluation);
        write_flag(scope, flag, &evaluation, None, &mut json);
        json.push(b',');
    }
    if json.last() == Some(&b',') {
        json.pop();
    }
    json.extend_from_slice(b"],\"metadata\":{");
    write_set(catalog, &mut json);
    let streams = format!(
        r#"}},"eventStreams":[{{"type":"sse","endpoint":{{"requestUri":"{EVENTS_PATH}?ticket={ticket}"}},"inactivityDelaySec":{INACTIVITY_SECONDS}}}]}}"#
    );
    json.extend_from_slice(streams.as_bytes());
    json
}

/// A flag's evaluation, or its failure. What belongs to the whole set is written with each flag only where it is alone.
fn write_flag(
    scope: Scope,
    flag: &PreparedFlag,
    evaluation: &Evaluation<'_>,
    set: Option<&Catalog>,
    json: &mut Vec<u8>,
) {
    json.extend_from_slice(b"{\"key\":");
    json.extend_from_slice(flag.key());
    if let Some(error) = &evaluation.error {
        // The words name the audience that is broken.
        let words = if scope == Scope::Server { &*error.message } else { "the flag cannot be evaluated" };
        let members = format!(r#","errorCode":"{}","errorDetails":{}"#, error.code, Value::from(words));
        json.extend_from_slice(members.as_bytes());
    } else {
        if let Some(variant) = evaluation.variant {
            json.push(b',');
            json.extend_from_slice(flag.variant(variant));
        }
        json.extend_from_slice(b",\"reason\":\"");
        json.extend_from_slice(evaluation.reason.as_str().as_bytes());
        json.push(b'"');
    }
    let rule = evaluation.rule_id.filter(|_| scope == Scope::Server);
    if set.is_some() || rule.is_some() {
        json.extend_from_slice(b",\"metadata\":{");
        if let Some(catalog) = set {
            write_set(catalog, json);
        }
        if let Some(rule) = rule {
            json.extend_from_slice(if set.is_some() { b",\"ruleId\":" } else { b"\"ruleId\":" });
            json.extend_from_slice(flag.rule(rule));
        }
        json.push(b'}');
    }
    json.push(b'}');
}

/// OpenFeature's names for which flags these are and in which state.
fn write_set(catalog: &Catalog, json: &mut Vec<u8>) {
    let environment = Value::from(&*catalog.environment);
    let members = format!(r#""flagSetId":{environment},"version":"{}""#, catalog.position);
    json.extend_from_slice(members.as_bytes());
}

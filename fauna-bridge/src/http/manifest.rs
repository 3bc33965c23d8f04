//! `GET /openfeature/v0/manifest`: which flags there are and of which type, for OpenFeature's code generator (`openfeature pull`).

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use fauna_core::{Flag, FlagKind};
use serde_json::{Value, json};

use super::authenticate::OfrepKey;
use super::{Bridge, STALE, TRUE};
use crate::evaluation::{PreparedFlag, Scope};

/// Lists the flags that the key may see.
pub async fn get(State(bridge): State<Bridge>, OfrepKey { environment, key }: OfrepKey) -> Response {
    let (scope, catalog) = (Scope::from(key.kind), environment.catalog());
    let mut flags: Vec<_> = catalog.flags().map(PreparedFlag::flag).filter(|flag| scope.sees(flag)).collect();
    flags.sort_by_key(|flag| flag.key());
    let manifest = json!({"flags": flags.into_iter().filter_map(entry).collect::<Vec<_>>()});
    let headers =
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store"), (VARY, "authorization, x-api-key")];
    let mut response = (headers, manifest.to_string()).into_response();
    if bridge.streams.health.condition().stale_since.is_some() {
        response.headers_mut().insert(STALE, TRUE);
    }
    response
}

/// A flag as the generator wants it. What code falls back to is its off variant. None if its document does not even say what it is.
fn entry(flag: &Flag) -> Option<Value> {
    let kind = match flag.kind()? {
        FlagKind::Boolean => "boolean",
        FlagKind::String => "string",
        FlagKind::Number if flag.variants().iter().all(|variant| is_whole(variant.value())) => "integer",
        FlagKind::Number => "float",
        FlagKind::Json => "object",
    };
    Some(json!({"key": flag.key(), "type": kind, "defaultValue": flag.off_variant()?.value()}))
}

fn is_whole(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flag(kind: &str, variants: &Value) -> Option<Value> {
        let document = json!({"kind": kind, "enabled": false, "offVariant": "a", "variants": variants,
            "default": {"variant": "a"}});
        entry(&Flag::from_document("f", &document))
    }

    #[test]
    fn a_number_is_an_integer_only_if_every_variant_is() {
        let kind = |variants| flag("number", &variants).unwrap()["type"].clone();
        assert_eq!(kind(json!({"a": 1, "b": 2.0})), "integer");
        assert_eq!(kind(json!({"a": 1, "b": 2.5})), "float");
    }

    #[test]
    fn the_default_is_the_off_variant_and_a_flag_of_no_kind_is_left_out() {
        let expected = json!({"key": "f", "type": "object", "defaultValue": {"x": 1}});
        assert_eq!(flag("json", &json!({"a": {"x": 1}, "b": {}})), Some(expected));
        assert_eq!(flag("colour", &json!({"a": 1})), None);
        assert_eq!(flag("boolean", &json!({"b": true})), None);
    }
}

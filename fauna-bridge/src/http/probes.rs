//! For those who run the bridge: is it alive, may it get traffic, how does it do.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::{Bridge, Problem, ProblemCode};
use crate::observation::Scrape;

/// Alive: the process answers. PostgreSQL has no part in it, since a restart would not help.
pub async fn healthz() -> Response {
    ([(CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// Ready: there is something to serve, and the process stays. A stale state is served too, and said to be stale.
pub async fn readyz(State(bridge): State<Bridge>) -> Response {
    let status = if is_ready(&bridge) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    (status, headers, readiness(&bridge).to_string()).into_response()
}

fn is_ready(bridge: &Bridge) -> bool {
    bridge.fleet.is_loaded() && !bridge.streams.health.condition().draining
}

fn readiness(bridge: &Bridge) -> Value {
    let environments: Map<String, Value> = bridge
        .fleet
        .environments()
        .iter()
        .map(|environment| (environment.key().to_string(), environment.position().to_string().into()))
        .collect();
    let stale_for = bridge.streams.health.stale_for();
    json!({
        "ready": is_ready(bridge),
        "loaded": bridge.fleet.is_loaded(),
        "draining": bridge.streams.health.condition().draining,
        "stale": stale_for.is_some(),
        "staleMs": stale_for.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        "environments": environments,
    })
}

/// What Prometheus scrapes.
pub async fn metrics(State(bridge): State<Bridge>) -> Result<Response, Problem> {
    let environments = bridge.fleet.environments().into_iter();
    let now = Scrape {
        stale_for: bridge.streams.health.stale_for(),
        read_ago: bridge.streams.health.read_ago(),
        ready: is_ready(&bridge),
        broken: environments
            .map(|environment| (Arc::clone(environment.key()), environment.broken_documents().len()))
            .collect(),
    };
    let text =
        bridge.streams.observer.metrics().scrape(&now).map_err(|_| Problem::new(ProblemCode::Internal))?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, content_type)], text).into_response())
}

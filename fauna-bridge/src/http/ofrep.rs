//! `/ofrep/v1/…`: the OpenFeature Remote Evaluation Protocol.

mod refusal;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State, rejection::QueryRejection};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::authenticate::{OfrepKey, TicketKey};
use super::{Bridge, Problem, ProblemCode, STALE, TRUE, context, etag, sse};
use crate::clock;
use crate::environment::Environment;
use crate::evaluation::{Scope, Tally};
use crate::ofrep::{self, Ticket};
use crate::position::Position;
use refusal::Refusal;

/// How long a question that was caused by another bridge's event waits for this bridge to hear of the same commit.
const PATIENCE: Duration = Duration::from_secs(1);

/// The protocol's endpoints.
pub fn routes() -> Router<Bridge> {
    Router::new()
        .route("/ofrep/v1/evaluate/flags", post(bulk))
        .route("/ofrep/v1/evaluate/flags/{key}", post(single))
        .route(ofrep::EVENTS_PATH, get(events))
}

/// One flag for one context.
async fn single(
    State(bridge): State<Bridge>,
    OfrepKey { environment, key }: OfrepKey,
    Path(flag): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let context = context::in_body(body, bridge.options.max_context_bytes)
        .await
        .map_err(|refusal| Refusal::of_context(refusal, Some(&flag)))?;
    let (now, catalog) = (clock::now(), environment.catalog());
    let mut tally = Tally::default();
    let answer = ofrep::single(&catalog, Scope::from(key.kind), &flag, &context, now, &mut tally);
    tally.report(&bridge.streams.observer, environment.key());
    let (answer, variant) = answer.ok_or_else(|| Refusal::flag_not_found(&flag))?;
    bridge.usage.count(environment.key(), &flag, &variant, 1, now);
    let status = if answer.failed { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    Ok((status, respond(&bridge, answer.json)).into_response())
}

/// What a provider adds to a question that an event caused.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cause {
    flag_config_etag: Option<String>,
}

/// Every flag for one context, or 304.
async fn bulk(
    State(bridge): State<Bridge>,
    OfrepKey { environment, key }: OfrepKey,
    cause: Result<Query<Cause>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let context = context::in_body(body, bridge.options.max_context_bytes)
        .await
        .map_err(|refusal| Refusal::of_context(refusal, None))?;
    // What else stands in the URL is not ours to judge.
    let cause = cause.map(|Query(cause)| cause).unwrap_or_default();
    if let Some(wanted) = cause.flag_config_etag.as_deref().and_then(ofrep::position_of) {
        wait_for(&environment, wanted).await;
    }
    let (scope, now, catalog) = (Scope::from(key.kind), clock::now(), environment.catalog());
    let tag = ofrep::etag(&catalog, scope, &context, now);
    let mut response = if etag::is_held(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let ticket = Ticket::issue(&key, &context).ok_or(Problem::new(ProblemCode::Internal))?;
        let mut tally = Tally::default();
        let json = ofrep::bulk(&catalog, scope, &context, now, &ticket, &mut tally);
        tally.report(&bridge.streams.observer, environment.key());
        respond(&bridge, json)
    };
    let tag = HeaderValue::try_from(tag).map_err(|_| Problem::new(ProblemCode::Internal))?;
    response.headers_mut().insert(ETAG, tag);
    Ok(response)
}

/// Whoever was told of a commit by one bridge may ask another, which is about to hear of it.
async fn wait_for(environment: &Environment, wanted: Position) {
    let mut changed = environment.subscribe();
    let there = async {
        while {
            let held = environment.position();
            held.epoch == wanted.epoch && held.revision < wanted.revision
        } {
            // Ends when the environment is gone: there is nothing to wait for then.
            if changed.changed().await.is_err() {
                return;
            }
        }
    };
    // Too late is not wrong: the answer is what this bridge knows.
    let _ = tokio::time::timeout(PATIENCE, there).await;
}

/// The word when to ask again.
async fn events(
    State(bridge): State<Bridge>,
    TicketKey { environment, key }: TicketKey,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    sse::check_open(&bridge)?;
    let position = sse::resume_position(&headers, None)?;
    let permit = bridge.admission.stream(&key.id)?;
    let events = crate::stream::open_refetches(Arc::clone(&bridge.streams), environment, &key, position);
    Ok(sse::respond(&bridge, permit, events))
}

fn respond(bridge: &Bridge, json: Vec<u8>) -> Response {
    let mut response = Body::from(json).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // Of a bulk evaluation the provider keeps the tag itself; nobody between may keep the answer to a POST.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("authorization, x-api-key"));
    if bridge.streams.health.condition().stale_since.is_some() {
        headers.insert(STALE, TRUE);
    }
    response
}

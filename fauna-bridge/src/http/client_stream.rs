//! `POST` and `GET /v1/client/stream`: server-sent events of results for one evaluation context.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::authenticate::AnyKey;
use super::{Bridge, Problem, ProblemCode, context, sse};
use crate::evaluation::EvaluationContext;

/// What may stand after the question mark, beside the key.
#[derive(Deserialize)]
pub struct Parameters {
    context: Option<String>,
}

/// Opens a stream for the context in the body.
pub async fn post(
    State(bridge): State<Bridge>,
    key: AnyKey,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    sse::check_open(&bridge)?;
    let context = context::in_body(body, bridge.options.max_context_bytes).await?;
    open(&bridge, key, &headers, context)
}

/// Opens a stream for the context in the URL, for an `EventSource`, which can send neither a body nor headers.
pub async fn get(
    State(bridge): State<Bridge>,
    key: AnyKey,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    sse::check_open(&bridge)?;
    let malformed = Problem::new(ProblemCode::ContextMalformed);
    let context = parameters.map_err(|_| malformed)?.0.context.ok_or(malformed)?;
    let context = context::in_url(&context, bridge.options.max_context_bytes)?;
    open(&bridge, key, &headers, context)
}

fn open(
    bridge: &Bridge,
    key: AnyKey,
    headers: &HeaderMap,
    context: EvaluationContext,
) -> Result<Response, Problem> {
    let position = sse::resume_position(headers, None)?;
    let AnyKey { environment, key } = key;
    let permit = bridge.admission.stream(&key.id)?;
    let events =
        crate::stream::open_evaluations(Arc::clone(&bridge.streams), environment, &key, position, context);
    Ok(sse::respond(bridge, permit, events))
}

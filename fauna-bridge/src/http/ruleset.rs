//! `GET /v1/ruleset`: the present `put` as one response, for clients that poll.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::authenticate::ServerKey;
use super::etag::{etag, is_held};
use super::{Bridge, Problem, ProblemCode, STALE, TRUE};

/// Answers with the whole, or 304.
pub async fn get(
    State(bridge): State<Bridge>,
    key: ServerKey,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let put = key.environment.put().map_err(|_| Problem::new(ProblemCode::Internal))?;
    let tag = etag(put.position);
    let mut response = if is_held(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, "application/json")], put.json()).into_response()
    };
    if bridge.streams.health.condition().stale_since.is_some() {
        response.headers_mut().insert(STALE, TRUE);
    }
    Ok(([(ETAG, tag.as_str()), (CACHE_CONTROL, "no-cache"), (VARY, "authorization")], response)
        .into_response())
}

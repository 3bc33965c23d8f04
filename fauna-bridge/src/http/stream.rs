//! `GET /v1/stream`: server-sent events of documents.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::authenticate::ServerKey;
use super::{Bridge, Problem, ProblemCode, STALE, TRUE};
use crate::position::Position;

/// What may stand after the question mark.
#[derive(Deserialize)]
pub struct Parameters {
    since: Option<String>,
}

/// Opens a stream.
pub async fn get(
    State(bridge): State<Bridge>,
    key: ServerKey,
    parameters: Result<Query<Parameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let condition = bridge.streams.health.condition();
    if condition.draining {
        return Err(Problem::new(ProblemCode::Draining));
    }
    let since = parameters.map_err(|_| Problem::new(ProblemCode::SinceMalformed))?.0.since;
    let position = resume_position(&headers, since.as_deref())?;
    let permit = bridge.admission.stream(&key.key.id)?;
    let events = crate::stream::open(Arc::clone(&bridge.streams), key.environment, &key.key, position);
    let fixed = [
        (CONTENT_TYPE.as_str(), "text/event-stream"),
        (CACHE_CONTROL.as_str(), "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ];
    let mut response = (fixed, Body::from_stream(permit.over(events))).into_response();
    if condition.stale_since.is_some() {
        response.headers_mut().insert(STALE, TRUE);
    }
    Ok(response)
}

/// Where the client stands, by its word. An `EventSource` repeats the URL it was opened with, so its header is the newer of
/// the two. A header that we never sent as an id means a client without a usable state, which gets a put: refusing it would
/// keep it out for ever, because it will repeat it. `since` is written by a program, which should hear that it is wrong.
fn resume_position(headers: &HeaderMap, since: Option<&str>) -> Result<Option<Position>, Problem> {
    if let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) {
        return Ok(id.to_str().ok().and_then(|id| id.trim().parse().ok()));
    }
    since.map(|since| since.parse().map_err(|_| Problem::new(ProblemCode::SinceMalformed))).transpose()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use uuid::Uuid;

    use super::*;

    fn resume(id: Option<&'static str>, since: Option<&str>) -> Result<Option<i64>, Problem> {
        let headers =
            id.map(|id| (axum::http::HeaderName::from_static("last-event-id"), HeaderValue::from_static(id)));
        let position = resume_position(&headers.into_iter().collect(), since)?;
        Ok(position.map(|position| position.revision))
    }

    #[test]
    fn the_header_wins_over_the_url() {
        let nil = Uuid::nil();
        assert_eq!(
            resume(Some("00000000-0000-0000-0000-000000000000:2"), Some(&format!("{nil}:1"))),
            Ok(Some(2))
        );
        assert_eq!(resume(Some(""), Some(&format!("{nil}:1"))), Ok(Some(1)));
        assert_eq!(resume(None, Some(&format!("{nil}:1"))), Ok(Some(1)));
        assert_eq!(resume(None, None), Ok(None));
    }

    #[test]
    fn a_strange_header_means_no_state_and_a_strange_url_is_an_error() {
        assert_eq!(resume(Some("41"), None), Ok(None));
        assert_eq!(resume(None, Some("41")), Err(Problem::new(ProblemCode::SinceMalformed)));
        assert_eq!(resume(None, Some("")), Err(Problem::new(ProblemCode::SinceMalformed)));
    }
}

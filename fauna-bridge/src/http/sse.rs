//! What all event streams have in common over HTTP.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::{Bridge, Problem, ProblemCode, STALE, TRUE};
use crate::admission::StreamPermit;
use crate::position::Position;
use crate::stream::Events;

/// No stream is opened that would end at once.
pub fn check_open(bridge: &Bridge) -> Result<(), Problem> {
    if bridge.streams.health.condition().draining {
        return Err(Problem::new(ProblemCode::Draining));
    }
    Ok(())
}

/// The response that a stream is.
pub fn respond(bridge: &Bridge, permit: StreamPermit, events: impl Events + 'static) -> Response {
    let fixed = [
        (CONTENT_TYPE.as_str(), "text/event-stream"),
        (CACHE_CONTROL.as_str(), "no-cache, no-transform"),
        ("x-accel-buffering", "no"),
    ];
    let mut response = (fixed, Body::from_stream(permit.over(events))).into_response();
    if bridge.streams.health.condition().stale_since.is_some() {
        response.headers_mut().insert(STALE, TRUE);
    }
    response
}

/// Where the client stands, by its word. An `EventSource` repeats the URL it was opened with, so its header is the newer of
/// the two. A header that we never sent as an id means a client without a usable state, which gets a put: refusing it would
/// keep it out for ever, because it will repeat it. `since` is written by a program, which should hear that it is wrong.
pub fn resume_position(headers: &HeaderMap, since: Option<&str>) -> Result<Option<Position>, Problem> {
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

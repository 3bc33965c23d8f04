//! A request that takes too long is ended, above all one whose body trickles in. What a stream sends after its head is not the request's.

use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Bridge, Problem, ProblemCode};

/// Middleware: answers by itself when nobody else does in time.
pub async fn limit(State(bridge): State<Bridge>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(bridge.options.request_timeout, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        ([(CONNECTION, "close")], Problem::new(ProblemCode::RequestTimeout)).into_response()
    })
}

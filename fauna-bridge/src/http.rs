//! What is served over HTTP. Handlers translate between requests and the domain; they decide nothing themselves.

mod authenticate;
mod etag;
mod probes;
mod problem;
mod ruleset;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::fleet::Fleet;
use crate::stream::StreamContext;

pub use problem::{Problem, ProblemCode};

/// Tells a client that PostgreSQL is out of reach and the answer is the last known.
const STALE: HeaderName = HeaderName::from_static("fauna-stale");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What handlers work with.
#[derive(Clone)]
pub struct Bridge {
    /// The environments.
    pub fleet: Arc<Fleet>,
    /// What streams need; the health and the observer are the same for everything else.
    pub streams: Arc<StreamContext>,
}

/// All endpoints.
pub fn router(bridge: Bridge) -> Router {
    Router::new()
        .route("/v1/stream", get(stream::get))
        .route("/v1/ruleset", get(ruleset::get))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .fallback(async || Problem::new(ProblemCode::NotFound).into_response())
        .method_not_allowed_fallback(async || Problem::new(ProblemCode::MethodNotAllowed).into_response())
        .layer(axum::middleware::from_fn_with_state(bridge.clone(), problem::observe))
        .with_state(bridge)
}

//! What is served over HTTP. Handlers translate between requests and the domain; they decide nothing themselves.

mod authenticate;
mod body;
mod client_stream;
mod context;
mod cors;
mod etag;
mod manifest;
mod ofrep;
mod openapi;
mod probes;
mod problem;
mod ruleset;
mod sse;
mod stream;
mod timeout;
mod usage;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};

use crate::admission::Admission;
use crate::fleet::Fleet;
use crate::stream::StreamContext;
use crate::usage::Usage;

pub use cors::Origin;
pub use problem::{Problem, ProblemCode};

/// Tells a client that PostgreSQL is out of reach and the answer is the last known.
const STALE: HeaderName = HeaderName::from_static("fauna-stale");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// How requests are treated.
#[derive(Clone, Copy, Debug)]
pub struct HttpOptions {
    /// The most bytes that a request's body may have.
    pub max_body_bytes: usize,
    /// The longest from a request's head to the head of its answer.
    pub request_timeout: Duration,
    /// The most bytes that an evaluation context may have, with the JSON around it.
    pub max_context_bytes: usize,
}

/// What handlers work with.
pub struct Shared {
    /// How requests are treated.
    pub options: HttpOptions,
    /// Whose web pages may ask.
    pub origins: Box<[Origin]>,
    /// The environments.
    pub fleet: Arc<Fleet>,
    /// What streams need; the health and the observer are the same for everything else.
    pub streams: Arc<StreamContext>,
    /// Who decides what is too much.
    pub admission: Arc<Admission>,
    /// Where evaluations and uses of keys are counted.
    pub usage: Arc<Usage>,
}

/// The same, shared: each request takes it several times, and one count of references is less than one for every part.
#[derive(Clone)]
pub struct Bridge(Arc<Shared>);

impl From<Shared> for Bridge {
    fn from(parts: Shared) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Bridge {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// What a client gets whose connection is one too many, whatever it asks for. A page of a named origin may read it.
pub fn refusing(code: ProblemCode, origins: &[Origin]) -> Router {
    Router::new()
        .fallback(async move || Problem::new(code))
        .layer(cors::layer(origins))
        .layer(axum::middleware::map_response(async |response: Response| ([(CONNECTION, "close")], response)))
}

/// All endpoints.
pub fn router(bridge: Bridge) -> Router {
    let in_time = axum::middleware::from_fn_with_state(bridge.clone(), timeout::limit);
    // What a web page may ask, if it is of an origin that was named.
    let client = Router::new()
        .route("/v1/client/stream", get(client_stream::get).post(client_stream::post))
        .route("/v1/usage", post(usage::post))
        .merge(ofrep::routes())
        // Here, too, so that it is behind the layer, which answers a preflight before anybody says that there is no such method.
        .method_not_allowed_fallback(method_not_allowed)
        // Within the layer, so that a page can read that it was too slow.
        .layer(in_time.clone())
        .layer(cors::layer(&bridge.origins));
    let others = Router::new()
        .route("/v1/stream", get(stream::get))
        .route("/v1/ruleset", get(ruleset::get))
        .route("/openfeature/v0/manifest", get(manifest::get))
        .route("/openapi.json", get(openapi::get))
        .route("/healthz", get(probes::healthz))
        .route("/readyz", get(probes::readyz))
        .route("/metrics", get(probes::metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(in_time);
    Router::new()
        .merge(client)
        .merge(others)
        .fallback(async || Problem::new(ProblemCode::NotFound))
        .layer(axum::middleware::from_fn_with_state(bridge.clone(), problem::observe))
        .with_state(bridge)
}

async fn method_not_allowed() -> Problem {
    Problem::new(ProblemCode::MethodNotAllowed)
}

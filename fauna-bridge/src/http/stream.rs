//! `GET /v1/stream`: server-sent events of documents.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

use super::authenticate::ServerKey;
use super::{Bridge, Problem, ProblemCode, sse};

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
    sse::check_open(&bridge)?;
    let since = parameters.map_err(|_| Problem::new(ProblemCode::SinceMalformed))?.0.since;
    let position = sse::resume_position(&headers, since.as_deref())?;
    let permit = bridge.admission.stream(&key.key.id)?;
    let events =
        crate::stream::open_documents(Arc::clone(&bridge.streams), key.environment, &key.key, position);
    Ok(sse::respond(&bridge, permit, events))
}

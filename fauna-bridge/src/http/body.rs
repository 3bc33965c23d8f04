//! Bodies of requests, up to a length.

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;

use super::{Problem, ProblemCode};

/// Reads a body of at most `limit` bytes.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut chunks = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await {
        // A body that breaks off has nobody left to read why.
        let chunk = chunk.map_err(|_| Problem::new(ProblemCode::BodyMalformed))?;
        if whole.len() + chunk.len() > limit {
            return Err(Problem::new(ProblemCode::BodyTooLarge));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

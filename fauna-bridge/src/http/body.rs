//! Bodies of requests, up to a length.

use axum::body::{Body, Bytes};
use futures_util::StreamExt as _;

use super::{Problem, ProblemCode};

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyRefusal {
    /// It broke off. There is nobody left to read why.
    Malformed,
    /// It has more bytes than are allowed.
    TooLarge,
}

impl From<BodyRefusal> for Problem {
    fn from(refusal: BodyRefusal) -> Self {
        Self::new(match refusal {
            BodyRefusal::Malformed => ProblemCode::BodyMalformed,
            BodyRefusal::TooLarge => ProblemCode::BodyTooLarge,
        })
    }
}

/// Reads a body of at most `limit` bytes.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, BodyRefusal> {
    let mut chunks = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyRefusal::Malformed)?;
        if whole.len() + chunk.len() > limit {
            return Err(BodyRefusal::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

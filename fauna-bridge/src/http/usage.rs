//! `POST /v1/usage`: SDKs report what they evaluated.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;

use super::authenticate::AnyKey;
use super::{Bridge, Problem, ProblemCode, body};
use crate::clock;
use crate::evaluation::PreparedFlag;
use crate::sdk_key::KeyKind;
use crate::usage::UsageReport;

/// Counts. The answer says nothing of what was counted, because a client must not learn which flags there are.
pub async fn post(State(bridge): State<Bridge>, key: AnyKey, body: Body) -> Result<StatusCode, Problem> {
    let bytes = body::read(body, bridge.options.max_body_bytes).await?;
    let report = UsageReport::read(&bytes).map_err(|_| Problem::new(ProblemCode::UsageMalformed))?;
    let is_client = key.key.kind == KeyKind::Client;
    let (environment, catalog) = (key.environment.key(), key.environment.catalog());
    report.count(&bridge.usage, environment, is_client, clock::now(), |flag| {
        catalog.flag_at(catalog.slot(flag)?).map(PreparedFlag::flag)
    });
    Ok(StatusCode::NO_CONTENT)
}

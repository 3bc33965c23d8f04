//! Who asks. A handler that takes a [`ServerKey`] or an [`AnyKey`] cannot be reached without one.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{FromRequestParts, Query};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde::Deserialize;

use super::Bridge;
use super::problem::{Problem, ProblemCode};
use crate::clock;
use crate::environment::Environment;
use crate::fleet::KeyRefusal;
use crate::ofrep::Ticket;
use crate::sdk_key::{KeyKind, PresentedKey, SdkKey, Unusable};

/// A valid server key and the environment it opens.
pub struct ServerKey {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: SdkKey,
}

/// A valid key of either kind and the environment it opens. A client key may stand in the URL, because a browser's `EventSource` cannot
/// send headers; it is public anyway.
pub struct AnyKey {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: SdkKey,
}

impl FromRequestParts<Bridge> for ServerKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, bridge: &Bridge) -> Result<Self, Problem> {
        let presented = in_header(&parts.headers)?.ok_or(Problem::new(ProblemCode::KeyMissing))?;
        let (environment, key) = admit(bridge, &presented)?;
        match key.kind {
            KeyKind::Server => Ok(Self { environment, key }),
            KeyKind::Client => Err(Problem::new(ProblemCode::KeyKind)),
        }
    }
}

impl FromRequestParts<Bridge> for AnyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, bridge: &Bridge) -> Result<Self, Problem> {
        if let Some(presented) = in_header(&parts.headers)? {
            let (environment, key) = admit(bridge, &presented)?;
            return Ok(Self { environment, key });
        }
        let (environment, key) = admit(bridge, &in_url(parts)?)?;
        match key.kind {
            KeyKind::Client => Ok(Self { environment, key }),
            KeyKind::Server => Err(Problem::new(ProblemCode::KeyInUrl)),
        }
    }
}

/// A valid key of either kind in a header, where OFREP's clients put it: `Authorization`, or else `X-API-Key`.
pub struct OfrepKey {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: SdkKey,
}

impl FromRequestParts<Bridge> for OfrepKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, bridge: &Bridge) -> Result<Self, Problem> {
        let presented = match in_header(&parts.headers)? {
            Some(presented) => presented,
            None => in_api_key(&parts.headers)?.ok_or(Problem::new(ProblemCode::KeyMissing))?,
        };
        let (environment, key) = admit(bridge, &presented)?;
        Ok(Self { environment, key })
    }
}

/// A valid key whose ticket stands in the URL.
pub struct TicketKey {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: SdkKey,
}

#[derive(Deserialize)]
struct TicketParameter {
    ticket: String,
}

impl FromRequestParts<Bridge> for TicketKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, bridge: &Bridge) -> Result<Self, Problem> {
        let refused = Problem::new(ProblemCode::TicketInvalid);
        let parameter = Query::<TicketParameter>::try_from_uri(&parts.uri).map_err(|_| refused)?;
        let ticket: Ticket = parameter.0.ticket.parse().map_err(|_| refused)?;
        let (environment, key) =
            bridge.fleet.find_key_by_id(&ticket.key_id()).map_err(|refusal| match refusal {
                KeyRefusal::NotLoaded => Problem::new(ProblemCode::NotLoaded),
                KeyRefusal::Unknown => refused,
            })?;
        if !ticket.is_signed_by(&key) {
            return Err(refused);
        }
        check(bridge, &key)?;
        Ok(Self { environment, key })
    }
}

/// Finds who has the key, and whether it is valid now.
fn admit(bridge: &Bridge, presented: &PresentedKey) -> Result<(Arc<Environment>, SdkKey), Problem> {
    let (environment, key) = bridge.fleet.find_key(presented).map_err(|refusal| {
        Problem::new(match refusal {
            KeyRefusal::NotLoaded => ProblemCode::NotLoaded,
            KeyRefusal::Unknown => ProblemCode::KeyUnknown,
        })
    })?;
    check(bridge, &key)?;
    Ok((environment, key))
}

/// Whether a key that is known may be used now.
fn check(bridge: &Bridge, key: &SdkKey) -> Result<(), Problem> {
    key.check(SystemTime::now()).map_err(|unusable| {
        Problem::new(match unusable {
            Unusable::Revoked => ProblemCode::KeyRevoked,
            Unusable::Expired => ProblemCode::KeyExpired,
        })
    })?;
    bridge.admission.request(&key.id)?;
    bridge.usage.key_used(&key.id, clock::now());
    Ok(())
}

fn in_header(headers: &HeaderMap) -> Result<Option<PresentedKey>, Problem> {
    let mut headers = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = headers.next() else { return Ok(None) };
    match (bearer(header.as_bytes()), headers.next()) {
        (Some(presented), None) => Ok(Some(presented)),
        _ => Err(Problem::new(ProblemCode::KeyMalformed)),
    }
}

fn in_api_key(headers: &HeaderMap) -> Result<Option<PresentedKey>, Problem> {
    let Some(header) = headers.get("x-api-key") else { return Ok(None) };
    let key = header.to_str().ok().and_then(|text| text.trim().parse().ok());
    key.map(Some).ok_or(Problem::new(ProblemCode::KeyMalformed))
}

#[derive(Deserialize)]
struct KeyParameter {
    key: Option<String>,
}

fn in_url(parts: &Parts) -> Result<PresentedKey, Problem> {
    let Ok(Query(KeyParameter { key })) = Query::try_from_uri(&parts.uri) else {
        return Err(Problem::new(ProblemCode::KeyMalformed));
    };
    let key = key.ok_or(Problem::new(ProblemCode::KeyMissing))?;
    key.parse().map_err(|_| Problem::new(ProblemCode::KeyMalformed))
}

fn bearer(header: &[u8]) -> Option<PresentedKey> {
    let (scheme, key) = std::str::from_utf8(header).ok()?.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    key.trim_start().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_with_a_key_is_understood() {
        let key = format!("fauna_sk_{}", "0".repeat(64));
        for good in [format!("Bearer {key}"), format!("bearer  {key} "), format!("BEARER {key}")] {
            assert!(bearer(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            key.clone(),
            format!("Basic {key}"),
            format!("Bearer{key}"),
            "Bearer ".into(),
            format!("Bearer {key} x"),
        ] {
            assert!(bearer(bad.as_bytes()).is_none(), "{bad}");
        }
        assert!(bearer(b"Bearer \xff\xfe").is_none());
    }
}

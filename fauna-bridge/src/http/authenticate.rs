//! Who asks. A handler that takes a [`ServerKey`] cannot be reached without one.

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::Bridge;
use super::problem::{Problem, ProblemCode};
use crate::environment::Environment;
use crate::fleet::KeyRefusal;
use crate::sdk_key::{KeyKind, PresentedKey, SdkKey, Unusable};

/// A valid server key and the environment it opens.
pub struct ServerKey {
    /// The environment.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: SdkKey,
}

impl FromRequestParts<Bridge> for ServerKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, bridge: &Bridge) -> Result<Self, Problem> {
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next().ok_or(Problem::new(ProblemCode::KeyMissing))?;
        if headers.next().is_some() {
            return Err(Problem::new(ProblemCode::KeyMalformed));
        }
        let presented = bearer(header.as_bytes()).ok_or(Problem::new(ProblemCode::KeyMalformed))?;
        let (environment, key) = bridge.fleet.find_key(&presented).map_err(|refusal| {
            Problem::new(match refusal {
                KeyRefusal::NotLoaded => ProblemCode::NotLoaded,
                KeyRefusal::Unknown => ProblemCode::KeyUnknown,
            })
        })?;
        key.check(SystemTime::now()).map_err(|unusable| {
            Problem::new(match unusable {
                Unusable::Revoked => ProblemCode::KeyRevoked,
                Unusable::Expired => ProblemCode::KeyExpired,
            })
        })?;
        match key.kind {
            KeyKind::Server => Ok(Self { environment, key }),
            KeyKind::Client => Err(Problem::new(ProblemCode::KeyKind)),
        }
    }
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

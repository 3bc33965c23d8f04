//! Which web pages may ask. Keys travel in headers or URLs and never in cookies, so a page can do no more than anybody who has the key; still
//! nobody is let in who was not named.

use std::str::FromStr;
use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH, RETRY_AFTER,
};
use axum::http::{Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::STALE;

/// Longer than any browser remembers a preflight: Firefox does for a day, Chrome for two hours.
const PREFLIGHT_AGE: Duration = Duration::from_hours(24);

/// An origin that may ask: `*`, or scheme, host and port as a browser writes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Every page.
    Any,
    /// Pages of this origin.
    Exactly(HeaderValue),
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        // A browser sends neither a path nor a slash, so what has one would never match.
        let is_origin = text.parse::<Uri>().is_ok_and(|uri| {
            uri.scheme().is_some()
                && uri.authority().is_some_and(|authority| text.ends_with(authority.as_str()))
        });
        match HeaderValue::from_str(&text.to_ascii_lowercase()) {
            Ok(value) if is_origin => Ok(Self::Exactly(value)),
            _ => {
                Err("an origin is scheme://host or scheme://host:port, without a slash at the end, or *"
                    .into())
            }
        }
    }
}

/// What answers preflights and marks answers.
pub fn layer(origins: &[Origin]) -> CorsLayer {
    let named: Option<Vec<_>> = origins
        .iter()
        .map(|origin| match origin {
            Origin::Any => None,
            Origin::Exactly(value) => Some(value.clone()),
        })
        .collect();
    let origins = named.map_or_else(AllowOrigin::any, AllowOrigin::list);
    let [api_key, last_event_id] = ["x-api-key", "last-event-id"].map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, IF_NONE_MATCH, api_key, last_event_id])
        .expose_headers([ETAG, RETRY_AFTER, STALE])
        .max_age(PREFLIGHT_AGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        assert_eq!("*".parse(), Ok(Origin::Any));
        for good in
            ["https://example.com", "http://localhost:5173", "HTTPS://Example.com", "capacitor://localhost"]
        {
            let lower = HeaderValue::from_str(&good.to_lowercase()).unwrap();
            assert_eq!(good.parse(), Ok(Origin::Exactly(lower)));
        }
        for bad in
            ["", "example.com", "https://example.com/", "https://", "https://a.b/c", "https://a b", "null"]
        {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }
}

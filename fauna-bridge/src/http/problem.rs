//! Errors as clients see them: RFC 9457 problem documents with a stable `code`. `docs/bridge.md` lists them all.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Bridge;
use crate::admission::Excess;
use crate::observation::Observation;

/// Every way to refuse a request. A client branches on [`ProblemCode::name`], never on words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemCode {
    /// No `Authorization` header.
    KeyMissing,
    /// Not a bearer token, or one that is no SDK key.
    KeyMalformed,
    /// No environment has this key.
    KeyUnknown,
    /// The key was revoked.
    KeyRevoked,
    /// The key expired.
    KeyExpired,
    /// A client key where a server key is needed.
    KeyKind,
    /// A server key in a URL.
    KeyInUrl,
    /// No ticket that a bridge of this database has given, or that of a key that is gone.
    TicketInvalid,
    /// `?since=` is not a position.
    SinceMalformed,
    /// Not what `POST /v1/usage` takes.
    UsageMalformed,
    /// The body broke off, or its encoding did.
    BodyMalformed,
    /// More bytes than are allowed.
    BodyTooLarge,
    /// The key has as many streams as it may have.
    TooManyStreams,
    /// The key makes requests too fast.
    TooManyRequests,
    /// The process has as many connections as it may have.
    TooManyConnections,
    /// The request took too long.
    RequestTimeout,
    /// No JSON in the body, or no base64url of JSON in the URL.
    ContextMalformed,
    /// JSON without an evaluation context that is an object.
    ContextNotAnObject,
    /// More bytes than are allowed.
    ContextTooLarge,
    /// No such endpoint.
    NotFound,
    /// Another method.
    MethodNotAllowed,
    /// PostgreSQL has not been read yet, so nobody can say which keys there are.
    NotLoaded,
    /// The process is about to end.
    Draining,
    /// A defect.
    Internal,
}

impl ProblemCode {
    /// The code in the document, in the log and in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyMissing => "key_missing",
            Self::KeyMalformed => "key_malformed",
            Self::KeyUnknown => "key_unknown",
            Self::KeyRevoked => "key_revoked",
            Self::KeyExpired => "key_expired",
            Self::KeyKind => "key_kind",
            Self::KeyInUrl => "key_in_url",
            Self::TicketInvalid => "ticket_invalid",
            Self::SinceMalformed => "since_malformed",
            Self::UsageMalformed => "usage_malformed",
            Self::BodyMalformed => "body_malformed",
            Self::BodyTooLarge => "body_too_large",
            Self::TooManyStreams => "too_many_streams",
            Self::TooManyRequests => "too_many_requests",
            Self::TooManyConnections => "too_many_connections",
            Self::RequestTimeout => "request_timeout",
            Self::ContextMalformed => "context_malformed",
            Self::ContextNotAnObject => "context_not_an_object",
            Self::ContextTooLarge => "context_too_large",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotLoaded => "not_loaded",
            Self::Draining => "draining",
            Self::Internal => "internal",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::KeyMissing
            | Self::KeyMalformed
            | Self::KeyUnknown
            | Self::KeyRevoked
            | Self::KeyExpired
            | Self::TicketInvalid => StatusCode::UNAUTHORIZED,
            Self::KeyKind | Self::KeyInUrl => StatusCode::FORBIDDEN,
            Self::SinceMalformed
            | Self::UsageMalformed
            | Self::BodyMalformed
            | Self::ContextMalformed
            | Self::ContextNotAnObject => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge | Self::ContextTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooManyStreams | Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotLoaded | Self::Draining | Self::TooManyConnections => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::KeyMissing => "send an SDK key as Authorization: Bearer fauna_sk_… or fauna_ck_…",
            Self::KeyMalformed => "the Authorization header is not Bearer and an SDK key",
            Self::KeyUnknown => "no environment has this SDK key",
            Self::KeyRevoked => "this SDK key was revoked",
            Self::KeyExpired => "this SDK key has expired",
            Self::KeyKind => "this endpoint needs a server key, and this is a client key",
            Self::KeyInUrl => "a server key does not belong into a URL; send it as Authorization: Bearer",
            Self::TicketInvalid => "this is no ticket for an event stream; a bulk evaluation gives one",
            Self::SinceMalformed => "since is written epoch:revision, as in an event's id",
            Self::UsageMalformed => {
                "a report is {\"counts\":[{\"flag\",\"variant\",\"evaluations\",\"hour\"}]} with at most 10 000 counts"
            }
            Self::BodyMalformed => "the body breaks off",
            Self::BodyTooLarge => "the body is larger than this bridge accepts",
            Self::TooManyStreams => "this SDK key has as many open streams as this bridge allows one key",
            Self::TooManyRequests => {
                "this SDK key makes more requests a second than this bridge allows one key"
            }
            Self::TooManyConnections => "this bridge has as many connections as it takes",
            Self::RequestTimeout => "the request took too long to arrive or to be answered",
            Self::ContextMalformed => {
                "the evaluation context is no JSON; a URL has it as base64url in the parameter context"
            }
            Self::ContextNotAnObject => {
                "the evaluation context is not a JSON object; a body is {\"context\":{…}}"
            }
            Self::ContextTooLarge => "the evaluation context is larger than this bridge accepts",
            Self::NotFound => "there is no such endpoint",
            Self::MethodNotAllowed => "this endpoint does not know this method",
            Self::NotLoaded => "the bridge has not reached PostgreSQL yet",
            Self::Draining => "this process is about to end; another connection reaches the next one",
            Self::Internal => "the bridge failed; its log says more",
        }
    }
}

/// A refusal, as a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    code: ProblemCode,
}

impl Problem {
    /// Refuses for this reason.
    pub fn new(code: ProblemCode) -> Self {
        Self { code }
    }
}

impl From<Excess> for Problem {
    fn from(excess: Excess) -> Self {
        Self::new(match excess {
            Excess::Streams => ProblemCode::TooManyStreams,
            Excess::Requests => ProblemCode::TooManyRequests,
        })
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = serde_json::json!({
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "code": self.code.name(),
            "detail": self.code.words(),
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                // Seconds. A bucket has a token again in one; a stream ends when its time has come.
                let after = if self.code == ProblemCode::TooManyStreams { "10" } else { "1" };
                headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
            }
            _ => {}
        }
        // So that `observe` sees which problem it was.
        response.extensions_mut().insert(self.code);
        response
    }
}

/// Middleware: counts answers and refusals in the one place that all of them pass.
pub async fn observe(State(bridge): State<Bridge>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    bridge.streams.observer.observe(&Observation::Answered {
        // What a client asked for in vain is its own words, and there is no end of them.
        endpoint: path.as_ref().map_or("none", MatchedPath::as_str),
        status: response.status().as_u16(),
        took: started.elapsed(),
    });
    if let Some(&code) = response.extensions().get::<ProblemCode>() {
        bridge.streams.observer.observe(&Observation::Refused { code });
    }
    response
}

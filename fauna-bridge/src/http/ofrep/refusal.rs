//! Errors as OFREP's providers understand them. Where the protocol has no body of its own (401, 403, 429, 503), it is a problem document.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use crate::http::context::ContextRefusal;
use crate::http::{Problem, ProblemCode};

/// Why there is no evaluation.
#[derive(Debug)]
pub enum Refusal {
    /// In the protocol's own words.
    Protocol {
        /// 400, 404 or 413.
        status: StatusCode,
        /// The body.
        body: Map<String, Value>,
        /// For the log and the metrics; none for what is no fault.
        code: Option<ProblemCode>,
    },
    /// As everywhere else.
    Problem(Problem),
}

impl Refusal {
    /// There is no such flag, or the key may not know of it.
    pub fn flag_not_found(flag: &str) -> Self {
        let body = body(Some(flag), "FLAG_NOT_FOUND", "flag not found");
        Self::Protocol { status: StatusCode::NOT_FOUND, body, code: None }
    }

    /// There is no usable context; `flag` is the one that was asked for, if it was one.
    pub fn of_context(refusal: ContextRefusal, flag: Option<&str>) -> Self {
        let (status, error, words, code) = match refusal {
            ContextRefusal::Malformed => (
                StatusCode::BAD_REQUEST,
                "PARSE_ERROR",
                "the body is not JSON",
                ProblemCode::ContextMalformed,
            ),
            ContextRefusal::NotAnObject => (
                StatusCode::BAD_REQUEST,
                "INVALID_CONTEXT",
                "the body has no context that is an object",
                ProblemCode::ContextNotAnObject,
            ),
            ContextRefusal::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "INVALID_CONTEXT",
                "the context is larger than this bridge accepts",
                ProblemCode::ContextTooLarge,
            ),
        };
        Self::Protocol { status, body: body(flag, error, words), code: Some(code) }
    }
}

fn body(flag: Option<&str>, error: &str, words: &str) -> Map<String, Value> {
    let members = [("key", flag), ("errorCode", Some(error)), ("errorDetails", Some(words))];
    members.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))).collect()
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Protocol { status, body, code } => {
                let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
                let mut response = (status, headers, Value::Object(body).to_string()).into_response();
                if let Some(code) = code {
                    response.extensions_mut().insert(code);
                }
                response
            }
        }
    }
}

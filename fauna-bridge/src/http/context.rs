//! Evaluation contexts as clients send them: in a body, `{"context":{…}}`, or in a URL, as base64url of the object alone.

use axum::body::Body;
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use super::body::{self, BodyRefusal};
use super::{Problem, ProblemCode};
use crate::evaluation::{ContextJson, EvaluationContext};

/// Why there is no context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContextRefusal {
    /// It cannot be read.
    Malformed,
    /// It is JSON, but no object, or there is none.
    NotAnObject,
    /// It has more bytes than are allowed.
    TooLarge,
}

impl From<ContextRefusal> for Problem {
    fn from(refusal: ContextRefusal) -> Self {
        Self::new(match refusal {
            ContextRefusal::Malformed => ProblemCode::ContextMalformed,
            ContextRefusal::NotAnObject => ProblemCode::ContextNotAnObject,
            ContextRefusal::TooLarge => ProblemCode::ContextTooLarge,
        })
    }
}

/// Programs that write base64 disagree on whether it ends in `=`.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[derive(Deserialize)]
struct Envelope {
    context: Option<ContextJson>,
}

/// Reads a body of at most `limit` bytes.
pub async fn in_body(body: Body, limit: usize) -> Result<EvaluationContext, ContextRefusal> {
    let text = body::read(body, limit).await.map_err(|refusal| match refusal {
        BodyRefusal::Malformed => ContextRefusal::Malformed,
        BodyRefusal::TooLarge => ContextRefusal::TooLarge,
    })?;
    of_body(&text)
}

fn of_body(text: &[u8]) -> Result<EvaluationContext, ContextRefusal> {
    let envelope: Envelope = serde_json::from_slice(text).map_err(|_| ContextRefusal::Malformed)?;
    let context = envelope.context.ok_or(ContextRefusal::NotAnObject)?;
    context.try_into().map_err(|_| ContextRefusal::NotAnObject)
}

/// Reads the parameter of a URL.
pub fn in_url(parameter: &str, limit: usize) -> Result<EvaluationContext, ContextRefusal> {
    let text = BASE64URL.decode(parameter).map_err(|_| ContextRefusal::Malformed)?;
    if text.len() > limit {
        return Err(ContextRefusal::TooLarge);
    }
    let context: ContextJson = serde_json::from_slice(&text).map_err(|_| ContextRefusal::Malformed)?;
    context.try_into().map_err(|_| ContextRefusal::NotAnObject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_an_object_with_an_object_in_it() {
        assert!(of_body(br#"{"context":{"targetingKey":"u"},"other":1}"#).is_ok());
        for malformed in [&b""[..], b"{", b"[]", b"nope", b"{\"context\":{\"a\":1e999}}", b"\xff", b"{} {}"] {
            assert_eq!(of_body(malformed).err(), Some(ContextRefusal::Malformed), "{malformed:?}");
        }
        for other in [r"{}", r#"{"context":null}"#, r#"{"context":[]}"#, r#"{"context":"x"}"#] {
            assert_eq!(of_body(other.as_bytes()).err(), Some(ContextRefusal::NotAnObject), "{other}");
        }
        let deep = format!("{{\"context\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert_eq!(of_body(deep.as_bytes()).err(), Some(ContextRefusal::Malformed));
    }

    #[test]
    fn a_parameter_is_base64url_of_an_object_with_or_without_padding() {
        let plain = in_url("eyJhIjoiw7_Dvz8ifQ", 100).unwrap();
        assert_eq!(in_url("eyJhIjoiw7_Dvz8ifQ==", 100).unwrap(), plain);
        for malformed in ["", "!", "eyJhIjoiw7/Dvz8ifQ", "e30e30e", "eyJ"] {
            assert_eq!(in_url(malformed, 100).err(), Some(ContextRefusal::Malformed), "{malformed}");
        }
        assert_eq!(in_url("W10", 100).err(), Some(ContextRefusal::NotAnObject));
        assert_eq!(in_url("e30", 1).err(), Some(ContextRefusal::TooLarge));
    }
}

//! Server-sent events as bytes.
//!
//! An event is built once and shared by every connection that sends it: [`Bytes`] is a counted reference, and the
//! response of `GET /v1/ruleset` is a slice of the `put` event.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::documents::Payload;
use crate::position::Position;

/// One `put` or `patch`, ready to send.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where a reader stands after it.
    pub position: Position,
    /// The event with its empty line at the end.
    pub bytes: Bytes,
    /// Where the JSON starts in `bytes`; it ends two line feeds before the end.
    data: usize,
}

impl Event {
    /// Writes a payload: a `patch` if it says what it builds on, else a `put`.
    ///
    /// # Errors
    /// None with the document types of this crate; `serde_json` cannot know that.
    pub fn try_new<D: Serialize>(payload: &Payload<'_, D>) -> serde_json::Result<Self> {
        let position = Position { epoch: payload.epoch, revision: payload.revision };
        let name = if payload.from.is_some() { "patch" } else { "put" };
        let mut text = format!("id: {position}\nevent: {name}\ndata: ").into_bytes();
        let data = text.len();
        // JSON from PostgreSQL has its line feeds escaped, but white space between tokens may be anything, and a
        // line feed there would end the field.
        serde_json::to_writer(&mut text, payload)?;
        for byte in &mut text[data..] {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        text.extend_from_slice(b"\n\n");
        Ok(Self { position, bytes: text.into(), data })
    }

    /// The payload alone.
    pub fn json(&self) -> Bytes {
        self.bytes.slice(self.data..self.bytes.len() - 2)
    }
}

/// Tells the client how long to wait before it reconnects.
pub fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

/// A comment: keeps proxies from closing an idle connection and a client's watchdog quiet.
pub fn heartbeat() -> Bytes {
    Bytes::from_static(b": heartbeat\n\n")
}

/// Tells the client whether the bridge is in touch with PostgreSQL. It has no id, so it does not move `Last-Event-ID`.
pub fn status(stale: bool) -> Bytes {
    format!("event: status\ndata: {{\"stale\":{stale}}}\n\n").into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde_json::value::RawValue;
    use uuid::Uuid;

    use super::*;

    fn payload_of(document: &str, from: Option<i64>) -> Event {
        let documents: BTreeMap<Arc<str>, Box<RawValue>> =
            BTreeMap::from([("a".into(), RawValue::from_string(document.into()).unwrap())]);
        let payload = Payload {
            environment: "test",
            epoch: Uuid::nil(),
            from,
            revision: 7,
            flags: &documents,
            audiences: &BTreeMap::new(),
        };
        Event::try_new(&payload).unwrap()
    }

    #[test]
    fn an_event_is_one_id_one_name_and_one_line_of_data() {
        let event = payload_of("{\n\"kind\" :\r\n1}", Some(6));
        let text = std::str::from_utf8(&event.bytes).unwrap();
        let lines: Vec<_> = text.split('\n').collect();
        assert_eq!(lines[0], format!("id: {}:7", Uuid::nil()));
        assert_eq!(lines[1], "event: patch");
        assert!(lines[2].starts_with("data: {"));
        assert_eq!(lines[3..], ["", ""]);
        assert!(!text.contains('\r'));
    }

    #[test]
    fn the_response_body_is_the_data_of_the_event() {
        let event = payload_of("{}", None);
        let json: serde_json::Value = serde_json::from_slice(&event.json()).unwrap();
        assert_eq!(json["revision"], 7);
        assert!(event.bytes.starts_with(format!("id: {}:7\nevent: put\n", Uuid::nil()).as_bytes()));
    }
}

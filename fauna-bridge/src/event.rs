//! Server-sent events as bytes.
//!
//! An event is built once and shared by every connection that sends it: [`Bytes`] is a counted reference, and the
//! response of `GET /v1/ruleset` is a slice of the `put` event.

use std::time::Duration;

use bytes::Bytes;
use fauna_core::Timestamp;
use serde::Serialize;

use crate::documents::Payload;
use crate::evaluation::Catalog;
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

/// A `put` or `patch` of results, while it is being written: it is for one client, so nothing is shared.
#[derive(Debug)]
pub struct Results {
    text: Vec<u8>,
    is_empty: bool,
}

impl Results {
    /// Everything a client is told.
    pub fn put(catalog: &Catalog) -> Self {
        Self::begin("put", catalog)
    }

    /// What a client is told anew.
    pub fn patch(catalog: &Catalog) -> Self {
        Self::begin("patch", catalog)
    }

    fn begin(name: &str, catalog: &Catalog) -> Self {
        let Position { epoch, revision } = catalog.position;
        let environment = serde_json::Value::from(&*catalog.environment);
        let text = format!(
            "id: {epoch}:{revision}\nevent: {name}\ndata: \
             {{\"environment\":{environment},\"epoch\":\"{epoch}\",\"revision\":{revision},\"flags\":{{"
        );
        Self { text: text.into_bytes(), is_empty: true }
    }

    /// Adds a flag: its key as JSON, and the members of its answer; none if there is no such flag for this client.
    pub fn push(&mut self, key: &str, answer: Option<&[u8]>) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.text.push(b',');
        }
        self.text.extend_from_slice(key.as_bytes());
        let Some(answer) = answer else {
            self.text.extend_from_slice(b":null");
            return;
        };
        self.text.extend_from_slice(b":{");
        self.text.extend_from_slice(answer);
        self.text.push(b'}');
    }

    /// Whether no flag was added.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The event.
    pub fn finish(mut self) -> Bytes {
        self.text.extend_from_slice(b"}}\n\n");
        self.text.into()
    }
}

/// Tells the client how long to wait before it reconnects.
pub fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

/// OFREP's event: tells a provider to evaluate again. It is sent under the name that a browser gives to events without one.
pub fn refetch(position: Position, at: Timestamp) -> Bytes {
    let seconds = at.as_micros().div_euclid(1_000_000);
    let data = format!(r#"{{"type":"refetchEvaluation","etag":"\"{position}\"","lastModified":{seconds}}}"#);
    format!("id: {position}\nevent: message\ndata: {data}\n\n").into()
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

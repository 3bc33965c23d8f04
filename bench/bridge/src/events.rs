//! The least that must be read of a stream of server-sent events to know what a client holds.
//!
//! The generator shares two cores with what it measures, so it neither decodes chunks nor parses JSON: it looks for the id of an
//! event and for the revision that a patch builds on. The bridge sends an event as one chunk, so framing only
//! ever stands between events.

use memchr::memmem;

/// What one event says.
#[derive(Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// `epoch:revision`.
    pub id: &'a str,
    /// The revision it leads to.
    pub revision: i64,
    /// The revision it builds on; none for a put, and for events that do not say.
    pub from: Option<i64>,
}

/// Where the last event in `bytes` ends; none if none does.
pub fn end_of_last(bytes: &[u8]) -> Option<usize> {
    memmem::rfind(bytes, b"\n\n").map(|end| end + 2)
}

/// Calls `each` with every event in `bytes` that has an id, and the bytes that carried it.
pub fn for_each<'a>(bytes: &'a [u8], mut each: impl FnMut(Event<'a>, &'a [u8])) {
    let mut start = 0;
    for end in memmem::find_iter(bytes, b"\n\n") {
        let block = &bytes[start..end];
        start = end + 2;
        if let Some(event) = read(block) {
            each(event, block);
        }
    }
}

fn read(block: &[u8]) -> Option<Event<'_>> {
    let id = field(block, b"\nid: ")?;
    let revision = id.rsplit_once(':')?.1.parse().ok()?;
    let from = match field(block, b"\nevent: ")? {
        "patch" => memmem::find(block, b"\"from\":").and_then(|at| number(&block[at + 7..])),
        _ => None,
    };
    Some(Event { id, revision, from })
}

/// The value of a field. The data of an event has no line feeds, so what follows one is a field's name.
fn field<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a str> {
    let value = &block[memmem::find(block, name)? + name.len()..];
    let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).ok()
}

fn number(bytes: &[u8]) -> Option<i64> {
    let end = bytes.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &str = "d\r\nretry: 1843\n\n\r\n60\r\nid: e-1:43\nevent: put\ndata: {\"revision\":43,\"flags\":{\"a\":{\"from\":1}}}\n\n\r\n\
                        c\r\n: heartbeat\n\n\r\n60\r\nid: e-1:44\nevent: patch\ndata: {\"epoch\":\"e-1\",\"from\":43,\"revision\":44}\n\n\r\n";

    #[test]
    fn events_are_found_between_chunks_comments_and_retries() {
        let mut found = Vec::new();
        for_each(WIRE.as_bytes(), |event, _| found.push((event.id.to_owned(), event.revision, event.from)));
        assert_eq!(found, [("e-1:43".into(), 43, None), ("e-1:44".into(), 44, Some(43))]);
        assert_eq!(end_of_last(WIRE.as_bytes()), Some(WIRE.len() - 2));
    }

    #[test]
    fn what_has_not_ended_is_no_event() {
        assert_eq!(end_of_last(b"60\r\nid: e:1\nevent: put\ndata: {}\n"), None);
        for_each(b"60\r\nid: e:1\nevent: put\ndata: {}\n", |event, _| panic!("{event:?}"));
    }
}

//! What the driver and the other processes say to each other, one JSON object a line.

use serde::{Deserialize, Serialize};

/// To the generator, on its standard input. It answers each with one [`Answer`], but for [`Command::Since`].
#[derive(Debug, Serialize, Deserialize)]
pub enum Command {
    /// Connect this many streams; answered once all have sent their request.
    Open(Open),
    /// From now on wait until every stream holds `revision`; answered at once, and with [`Answer::Complete`] when they do.
    Expect { revision: i64 },
    /// What was expected last was sent off at this time; count each stream's delay.
    Since { at: u64 },
    /// Say what was counted.
    Report,
}

/// How to connect.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Open {
    /// On 127.0.0.1.
    pub port: u16,
    /// How many streams.
    pub streams: usize,
    /// Request line and headers, without the empty line; `{stream}` is replaced by the stream's number in six digits.
    pub head: String,
    /// The body, with the same replacement.
    pub body: String,
}

/// What to ask again and again.
#[derive(Debug, Serialize, Deserialize)]
pub struct Ask {
    /// On 127.0.0.1.
    pub port: u16,
    /// At a time.
    pub connections: usize,
    /// For how long, after a second that does not count.
    pub milliseconds: u64,
    /// Request line and headers, without the body's length and the empty line.
    pub head: String,
    /// The body; `{number}` is replaced by numbers in turn.
    pub body: String,
}

/// How it went.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// Answers per second.
    pub per_second: u64,
    /// The median from a request to the end of its answer, in nanoseconds like the others.
    pub p50: u64,
    /// 99 % took at most this.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// From the generator, on its standard output.
#[derive(Debug, Serialize, Deserialize)]
pub enum Answer {
    /// Every stream has sent its request.
    Opened,
    /// A revision is expected.
    Expecting,
    /// Every stream holds the expected revision.
    Complete {
        /// When the last of them did.
        at: u64,
        /// The bytes on the wire that brought it to the first stream, chunk framing included.
        event: String,
    },
    /// What was counted since the last report.
    Report(Report),
}

/// What a generator counted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// How many delays were counted.
    pub delays: u64,
    /// Their median, in nanoseconds like the others.
    pub p50: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// The largest.
    pub max: u64,
    /// Streams that ended or were reset.
    pub ended: u64,
    /// Connections that were refused, and answers other than 200.
    pub refused: u64,
    /// Events that did not build on what the stream held.
    pub gaps: u64,
}

//! A client that takes the stream's format literally: one field a line, an empty line ends an event.

use std::collections::VecDeque;
use std::pin::Pin;

use fauna_tests::{Bridge, DEADLINE};
use futures_util::{Stream, StreamExt as _};
use serde_json::Value;

type Bytes = Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>;

/// One block of lines up to an empty line.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// `id`, `event` and `data`.
    Event { id: Option<String>, name: String, data: Value },
    /// `retry`, in milliseconds.
    Retry(u64),
    /// A comment.
    Comment(String),
}

/// An event that changes what the client holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub id: String,
    pub name: String,
    pub data: Value,
}

/// An open stream.
pub struct Events {
    bytes: Bytes,
    buffer: Vec<u8>,
    blocks: VecDeque<Block>,
    pub headers: reqwest::header::HeaderMap,
}

/// Sends a request for a stream; `after` is sent as `Last-Event-ID`.
pub async fn request(bridge: &Bridge, key: &str, after: Option<&str>) -> reqwest::Response {
    let mut request = reqwest::Client::new().get(format!("{}/v1/stream", bridge.url())).bearer_auth(key);
    if let Some(id) = after {
        request = request.header("last-event-id", id);
    }
    request.send().await.expect("an answer")
}

/// Opens a stream that must be granted.
pub async fn open(bridge: &Bridge, key: &str, after: Option<&str>) -> Events {
    Events::of(request(bridge, key, after).await)
}

/// Opens a stream of results for a context, which must be granted.
pub async fn open_results(bridge: &Bridge, key: &str, context: &Value) -> Events {
    let request = reqwest::Client::new().post(format!("{}/v1/client/stream", bridge.url())).bearer_auth(key);
    let body = serde_json::json!({"context": context}).to_string();
    Events::of(request.body(body).send().await.expect("an answer"))
}

impl Events {
    pub fn of(response: reqwest::Response) -> Self {
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        let bytes = response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()));
        Self { bytes: Box::pin(bytes), buffer: Vec::new(), blocks: VecDeque::new(), headers }
    }

    /// The next block; none when the stream has ended in order.
    pub async fn block(&mut self) -> Option<Block> {
        let waiting = async {
            while self.blocks.is_empty() {
                let chunk = self.bytes.next().await?;
                self.take(&chunk.expect("the stream ends in order"));
            }
            self.blocks.pop_front()
        };
        tokio::time::timeout(DEADLINE, waiting).await.expect("a block in time")
    }

    /// The next put or patch; skips all else.
    pub async fn change(&mut self) -> Change {
        loop {
            match self.block().await.expect("an event before the end") {
                Block::Event { id, name, data } if name != "status" => {
                    return Change { id: id.expect("an id"), name, data };
                }
                _ => {}
            }
        }
    }

    /// The next `status`; fails on any put or patch.
    pub async fn stale(&mut self) -> bool {
        loop {
            match self.block().await.expect("a status before the end") {
                Block::Event { name, data, id } => {
                    assert_eq!((name.as_str(), id), ("status", None), "{data}");
                    return data["stale"].as_bool().expect("a boolean");
                }
                Block::Retry(_) | Block::Comment(_) => {}
            }
        }
    }

    /// What comes until the stream ends.
    pub async fn rest(&mut self) -> Vec<Block> {
        let mut rest = Vec::new();
        while let Some(block) = self.block().await {
            rest.push(block);
        }
        rest
    }

    fn take(&mut self, chunk: &[u8]) {
        // What was there before holds no end, except perhaps the first half of one.
        let mut seen = self.buffer.len().saturating_sub(1);
        self.buffer.extend_from_slice(chunk);
        while let Some(end) = self.buffer[seen..].windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.buffer.drain(..seen + end + 2).collect();
            self.blocks.push_back(parse(std::str::from_utf8(&block).expect("UTF-8").trim_end()));
            seen = 0;
        }
    }
}

fn parse(block: &str) -> Block {
    let (mut id, mut name, mut data) = (None, None, None);
    for line in block.split('\n') {
        let (field, value) = line.split_once(':').expect("a field");
        let value = value.strip_prefix(' ').expect("a space after the colon");
        match field {
            "" => return Block::Comment(value.to_owned()),
            "retry" => return Block::Retry(value.parse().expect("milliseconds")),
            "id" => assert!(id.replace(value.to_owned()).is_none(), "{block}"),
            "event" => assert!(name.replace(value.to_owned()).is_none(), "{block}"),
            "data" => assert!(data.replace(value).is_none(), "{block}"),
            other => panic!("unknown field {other}"),
        }
    }
    let data = serde_json::from_str(data.expect("data")).expect("JSON");
    Block::Event { id, name: name.expect("a name"), data }
}

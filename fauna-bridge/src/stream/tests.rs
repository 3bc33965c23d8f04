use std::pin::Pin;

use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::*;
use crate::database::Database;
use crate::environment::ReplayLimits;
use crate::redacted::Redacted;
use crate::sdk_key::KeyRing;

const OPTIONS: StreamOptions = StreamOptions {
    heartbeat: Duration::from_secs(15),
    max_age: Duration::from_hours(1),
    retry: Duration::from_secs(2),
};

fn payload(epoch: Uuid, from: Option<i64>, revision: i64) -> String {
    let mut payload = json!({"environment": "test", "epoch": epoch, "revision": revision,
                             "flags": {}, "audiences": {}});
    if let Some(from) = from {
        payload["from"] = from.into();
    }
    payload.to_string()
}

fn ring(revoked_at: &str) -> KeyRing {
    let document = format!(r#"{{"kind":"server","hash":"h","expiresAt":null,"revokedAt":{revoked_at}}}"#);
    KeyRing::read([("key", document.as_str())]).0
}

/// A bridge without a database: PostgreSQL's part is played by calling what the follower calls.
struct Stage {
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
}

impl Stage {
    /// At revision 5, in touch.
    fn new() -> Self {
        let database = Database::try_new(
            &Redacted::new("postgresql://u@127.0.0.1:1/d".into()),
            Duration::from_millis(100),
        );
        let context = StreamContext {
            options: OPTIONS,
            resumer: Resumer::try_new(&database.unwrap()).unwrap(),
            readings: Arc::new(Readings::default()),
            health: Arc::new(Health::default()),
            observer: Arc::new(Observer::default()),
        };
        context.health.in_touch();
        let limits = ReplayLimits { events: 2, bytes: usize::MAX };
        let environment = Environment::try_new(&payload(Uuid::nil(), None, 5), ring("null"), limits).unwrap();
        Self { context: Arc::new(context), environment: Arc::new(environment) }
    }

    fn open(&self, position: Option<Position>) -> Client {
        let key = self.environment.key_by_id("key").unwrap();
        let stream = open_documents(Arc::clone(&self.context), Arc::clone(&self.environment), &key, position);
        Client(Box::pin(stream))
    }

    /// A client's stream, for an empty context.
    fn open_results(&self, position: Option<Position>) -> Client {
        let key = self.environment.key_by_id("key").unwrap();
        let context = serde_json::from_str::<crate::evaluation::ContextJson>("{}").unwrap();
        let (streams, environment) = (Arc::clone(&self.context), Arc::clone(&self.environment));
        let stream = open_evaluations(streams, environment, &key, position, context.try_into().unwrap());
        Client(Box::pin(stream))
    }

    fn commit_flags(&self, from: i64, flags: &Value) {
        let mut payload: Value = serde_json::from_str(&payload(Uuid::nil(), Some(from), from + 1)).unwrap();
        payload["flags"] = flags.clone();
        self.environment.apply(&payload.to_string(), ring("null")).unwrap();
    }

    fn commit(&self, from: i64) {
        self.environment.apply(&payload(Uuid::nil(), Some(from), from + 1), ring("null")).unwrap();
    }
}

struct Client(Pin<Box<dyn Stream<Item = Result<Bytes, std::convert::Infallible>> + Send>>);

impl Client {
    /// The next bytes as text; none at the end.
    async fn next(&mut self) -> Option<String> {
        let bytes = self.0.next().await?.unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Name and revision of the next put or patch, which must be the next thing but for the greeting.
    async fn change(&mut self) -> (String, i64) {
        let mut text = self.next().await.unwrap();
        if text.starts_with("retry: ") {
            text = self.next().await.unwrap();
        }
        let mut lines = text.lines().skip(1);
        let name = lines.next().unwrap().strip_prefix("event: ").unwrap().to_owned();
        let data: Value =
            serde_json::from_str(lines.next().unwrap().strip_prefix("data: ").unwrap()).unwrap();
        (name, data["revision"].as_i64().unwrap())
    }

    /// Name and flags of the next put or patch of results.
    async fn results(&mut self) -> (String, Value) {
        let mut text = self.next().await.unwrap();
        if text.starts_with("retry: ") {
            text = self.next().await.unwrap();
        }
        let data: Value =
            serde_json::from_str(text.lines().nth(2).unwrap().strip_prefix("data: ").unwrap()).unwrap();
        let id = format!("id: {}:{}", data["epoch"].as_str().unwrap(), data["revision"]);
        assert_eq!(text.lines().next(), Some(id.as_str()));
        (text.lines().nth(1).unwrap().strip_prefix("event: ").unwrap().to_owned(), data["flags"].clone())
    }

    /// Insists that nothing comes for a while. Time is paused, so this takes none.
    async fn is_silent(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(5), self.next()).await.is_err()
    }
}

fn at(revision: i64) -> Position {
    Position { epoch: Uuid::nil(), revision }
}

#[tokio::test(start_paused = true)]
async fn the_first_word_is_when_to_come_back_and_the_second_the_whole() {
    let mut client = Stage::new().open(None);
    let retry = client.next().await.unwrap();
    let ms: u64 = retry.strip_prefix("retry: ").unwrap().trim_end().parse().unwrap();
    assert!((1000..3000).contains(&ms), "{ms}");
    assert_eq!(client.change().await, ("put".into(), 5));
    assert!(client.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_beats_at_the_interval_and_a_busy_one_does_not() {
    let stage = Stage::new();
    let mut client = stage.open(None);
    client.change().await;
    let start = Instant::now();
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.commit(5);
    assert_eq!(client.change().await, ("patch".into(), 6));
    assert_eq!(client.next().await.unwrap(), ": heartbeat\n\n");
    assert_eq!(start.elapsed().as_secs(), 25);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_fell_behind_memory_is_dropped_and_counted_as_slow() {
    let stage = Stage::new();
    let mut client = stage.open(None);
    client.change().await;
    for revision in 5..9 {
        stage.commit(revision);
    }
    assert!(client.next().await.unwrap().starts_with("retry: "));
    assert_eq!(client.next().await, None);
    drop(client);
    let scrape = crate::observation::Scrape { stale_for: None, read_ago: None, ready: true, broken: vec![] };
    let text = stage.context.observer.metrics().scrape(&scrape).unwrap();
    assert!(text.contains("fauna_streams_closed_total{kind=\"slow\"} 1"), "{text}");
    assert!(text.contains("fauna_streams{environment=\"test\",kind=\"server\"} 0"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_resuming_client_behind_memory_gets_a_put_when_the_log_cannot_be_asked() {
    let stage = Stage::new();
    for revision in 5..9 {
        stage.commit(revision);
    }
    assert_eq!(stage.open(Some(at(5))).change().await, ("put".into(), 9));
    assert_eq!(stage.open(Some(at(7))).change().await, ("patch".into(), 9));
    assert!(!stage.open(Some(at(9))).next().await.unwrap().starts_with("id: "));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_resumes_where_nothing_changed_is_told_so_once() {
    let stage = Stage::new();
    let mut client = stage.open(Some(at(5)));
    assert!(client.next().await.unwrap().starts_with("retry: "));
    assert_eq!(client.next().await.unwrap(), "event: status\ndata: {\"stale\":false}\n\n");
    assert!(client.is_silent().await);
    stage.commit(5);
    assert_eq!(client.change().await, ("patch".into(), 6));
    assert!(client.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_ahead_keeps_its_state_until_a_reading_decides() {
    let stage = Stage::new();
    let mut client = stage.open(Some(at(7)));
    client.next().await;
    // No reading has been made: the bridge may simply lag.
    assert!(client.is_silent().await);
    // The reading brings the bridge past the client.
    for revision in 5..8 {
        stage.commit(revision);
    }
    assert_eq!(client.change().await, ("patch".into(), 8));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_still_elsewhere_after_a_fresh_reading_gets_a_put() {
    let stage = Stage::new();
    for position in [at(7), Position { epoch: Uuid::max(), revision: 5 }] {
        let mut client = stage.open(Some(position));
        client.next().await;
        let waiting = tokio::spawn(async move { client.change().await });
        stage.context.readings.asked().await;
        let readings = &stage.context.readings;
        readings.finish(readings.begin());
        assert_eq!(waiting.await.unwrap(), ("put".into(), 5));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_bridge_never_replaces_what_it_cannot_judge() {
    let stage = Stage::new();
    stage.context.health.lost_touch(Instant::now());
    let mut client = stage.open(Some(Position { epoch: Uuid::max(), revision: 1 }));
    client.next().await;
    assert_eq!(client.next().await.unwrap(), "event: status\ndata: {\"stale\":true}\n\n");
    assert!(client.is_silent().await);
    assert_eq!(client.next().await.unwrap(), ": heartbeat\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_new_epoch_reaches_a_live_stream_as_a_put_without_another_question() {
    let stage = Stage::new();
    let mut client = stage.open(None);
    client.change().await;
    stage.environment.apply(&payload(Uuid::max(), None, 1), ring("null")).unwrap();
    assert_eq!(client.change().await, ("put".into(), 1));
}

#[tokio::test(start_paused = true)]
async fn staleness_is_told_when_it_begins_and_when_it_ends() {
    let stage = Stage::new();
    let mut client = stage.open(None);
    client.change().await;
    stage.context.health.lost_touch(Instant::now());
    assert_eq!(client.next().await.unwrap(), "event: status\ndata: {\"stale\":true}\n\n");
    stage.context.health.in_touch();
    assert_eq!(client.next().await.unwrap(), "event: status\ndata: {\"stale\":false}\n\n");
    assert!(client.is_silent().await);
}

#[tokio::test(start_paused = true)]
async fn a_drain_a_revocation_a_removal_and_old_age_end_a_stream() {
    type Ending = fn(&Stage);
    let endings: [(Ending, u64); 4] = [
        (|stage| stage.context.health.drain(), 0),
        (
            |stage| {
                let payload = payload(Uuid::nil(), Some(5), 6);
                stage.environment.apply(&payload, ring("\"2020-01-01T00:00:00Z\"")).unwrap();
            },
            0,
        ),
        (|stage| stage.environment.remove(), 0),
        (|_| {}, OPTIONS.max_age.as_secs()),
    ];
    let opens: [fn(&Stage) -> Client; 2] = [|stage| stage.open(None), |stage| stage.open_results(None)];
    for ((end, within), open) in endings.into_iter().flat_map(|ending| opens.map(|open| (ending, open))) {
        let stage = Stage::new();
        let mut client = open(&stage);
        client.change().await;
        let start = Instant::now();
        end(&stage);
        let mut last = client.next().await.unwrap();
        while last == ": heartbeat\n\n" {
            last = client.next().await.unwrap();
        }
        assert!(last.starts_with("retry: "), "{last}");
        assert_eq!(client.next().await, None);
        let lived = start.elapsed().as_secs();
        assert!(lived <= within && lived * 5 >= within * 4, "{lived} of {within}");
    }
}

fn switch(value: bool) -> Value {
    json!({"kind": "boolean", "enabled": true, "offVariant": "off", "variants": {"on": true, "off": false},
        "default": {"variant": if value { "on" } else { "off" }}})
}

#[tokio::test(start_paused = true)]
async fn a_client_is_told_what_changed_for_it_and_nothing_else() {
    let stage = Stage::new();
    let mut client = stage.open_results(None);
    assert_eq!(client.results().await, ("put".into(), json!({})));
    stage.commit_flags(5, &json!({"a": switch(true), "b": switch(false)}));
    let on = json!({"value": true, "variant": "on", "reason": "STATIC"});
    let off = json!({"value": false, "variant": "off", "reason": "STATIC"});
    assert_eq!(client.results().await, ("patch".into(), json!({"a": on, "b": off})));
    // Another document, the same result.
    let mut a = switch(true);
    a["tags"] = json!(["x"]);
    stage.commit_flags(6, &json!({"a": a, "b": switch(true)}));
    assert_eq!(client.results().await, ("patch".into(), json!({"b": on})));
    stage.commit_flags(7, &json!({"a": switch(true)}));
    assert!(client.is_silent().await);
    stage.commit_flags(8, &json!({"a": null, "b": null}));
    assert_eq!(client.results().await, ("patch".into(), json!({"a": null, "b": null})));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_too_slow_or_not_there_is_told_the_present() {
    let stage = Stage::new();
    let mut slow = stage.open_results(None);
    slow.results().await;
    stage.commit_flags(5, &json!({"a": switch(true), "b": switch(true)}));
    slow.results().await;
    for revision in 6..12 {
        stage.commit_flags(revision, &json!({"a": switch(revision % 2 == 0)}));
    }
    let off = json!({"value": false, "variant": "off", "reason": "STATIC"});
    assert_eq!(slow.results().await, ("patch".into(), json!({"a": off})));
    let (name, flags) = stage.open_results(Some(at(11))).results().await;
    assert_eq!((name.as_str(), flags.as_object().unwrap().len()), ("put", 2));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_seen_more_than_this_bridge_is_not_taken_back() {
    let stage = Stage::new();
    let mut client = stage.open_results(Some(at(7)));
    client.next().await;
    assert!(client.is_silent().await);
    for revision in 5..8 {
        stage.commit(revision);
    }
    assert_eq!(client.change().await, ("put".into(), 8));
    stage.environment.apply(&payload(Uuid::max(), None, 1), ring("null")).unwrap();
    assert_eq!(client.change().await, ("put".into(), 1));
}

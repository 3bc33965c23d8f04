//! What arrives on an open stream.

use fauna_tests::eventually;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::events::{Block, open};
use crate::shop::{Replica, metric, readiness, shop};

#[tokio::test]
async fn a_stream_begins_with_the_whole_and_goes_on_with_patches() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    assert_eq!(events.headers["content-type"], "text/event-stream");
    assert_eq!(events.headers["cache-control"], "no-cache, no-transform");
    assert_eq!(events.headers["x-accel-buffering"], "no");
    assert!(!events.headers.contains_key("fauna-stale"));

    assert!(matches!(events.block().await, Some(Block::Retry(_))));
    let put = events.change().await;
    assert_eq!((put.name.as_str(), &put.data), ("put", &shop.ruleset().await));
    assert_eq!(put.id, shop.position().await);

    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    let patch = events.change().await;
    assert_eq!(patch.name, "patch");
    assert_eq!(patch.data["from"], put.data["revision"]);
    assert_eq!(patch.data["flags"]["checkout"]["enabled"], true);
    assert_eq!(patch.id, shop.position().await);
}

#[tokio::test]
async fn a_transaction_is_one_event_whatever_it_touches() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let before = events.change().await.data["revision"].as_i64().unwrap();
    shop.run(
        "SELECT fauna.enable('checkout', 'production'); SELECT fauna.create_flag('payments');
         INSERT INTO fauna.audiences (key) VALUES ('beta')",
    )
    .await;
    let patch = events.change().await;
    assert_eq!(patch.data["revision"], before + 1);
    assert_eq!(patch.data["flags"].as_object().unwrap().len(), 2);
    assert_eq!(patch.data["audiences"].as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_changed_document_arrives_without_a_reading_of_everything() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--resync-interval-ms", "600000"]).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let put = events.change().await;
    // What reads everything needs this function, and would fail without it.
    shop.run("ALTER FUNCTION fauna.changes(text, uuid, bigint) RENAME TO changes_elsewhere").await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    let patch = events.change().await;
    assert_eq!(patch.data["from"], put.data["revision"]);
    shop.run("ALTER FUNCTION fauna.changes_elsewhere(text, uuid, bigint) RENAME TO changes").await;
    assert_eq!(metric(&bridge, "fauna_database_errors_total{kind=\"not_installed\"}").await, None);
    let since = put.data["revision"].as_i64().unwrap();
    let epoch = put.data["epoch"].as_str().unwrap();
    let log = shop.text(&format!("SELECT fauna.changes('production', '{epoch}', {since})::text")).await;
    assert_eq!(patch.data, serde_json::from_str::<Value>(&log).unwrap());
}

#[tokio::test]
async fn a_change_rolled_back_is_never_seen() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let before = events.change().await.data["revision"].as_i64().unwrap();
    shop.database.execute("BEGIN; SELECT fauna.create_flag('ghost'); ROLLBACK").await;
    shop.run(
        "SELECT fauna.create_flag('real'); SAVEPOINT s; SELECT fauna.create_flag('ghost'); ROLLBACK TO s",
    )
    .await;
    let patch = events.change().await;
    assert_eq!((&patch.data["from"], &patch.data["revision"]), (&json!(before), &json!(before + 1)));
    assert_eq!(patch.data["flags"].as_object().unwrap().keys().collect::<Vec<_>>(), ["real"]);
}

#[tokio::test]
async fn a_deletion_arrives_as_null() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    shop.run("DELETE FROM fauna.flags WHERE key = 'checkout'").await;
    assert_eq!(events.change().await.data["flags"], json!({"checkout": null}));
}

#[tokio::test]
async fn the_bridge_ends_at_the_databases_documents_after_eight_concurrent_writers() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_flag('f' || n) FROM generate_series(0, 9) AS n").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let mut replica = Replica::default();

    let writers = (0..8_usize).map(|writer| {
        let database = &shop.database;
        async move {
            let client = database.connect().await;
            for turn in 0..25_usize {
                let (one, two) = ((writer * 7 + turn * 3) % 10, (writer + turn * 5) % 10);
                let verb = if turn % 2 == 0 { "enable" } else { "disable" };
                let sql = format!(
                    "BEGIN; SELECT fauna.{verb}('f{one}', 'production');
                     UPDATE fauna.flags SET tags = ARRAY['w{writer}t{turn}'] WHERE key = 'f{two}'; COMMIT"
                );
                // Two writers may meet on the same rows in opposite order; PostgreSQL then asks one to repeat.
                while client.batch_execute(&sql).await.is_err() {
                    client.batch_execute("ROLLBACK").await.unwrap();
                }
            }
        }
    });
    futures_util::future::join_all(writers).await;

    let end = shop.position().await;
    while replica.id != end {
        replica.apply(&events.change().await);
    }
    assert_eq!(replica.ruleset(), shop.ruleset().await);
    let whole: Value = reqwest::Client::new()
        .get(format!("{}/v1/ruleset", bridge.url()))
        .bearer_auth(&shop.key)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(whole, shop.ruleset().await);
}

#[tokio::test]
async fn a_new_epoch_gives_everybody_a_put() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let old = events.change().await;
    shop.run("SELECT fauna.new_epoch()").await;
    let put = events.change().await;
    assert_eq!(put.name, "put");
    assert_ne!(put.data["epoch"], old.data["epoch"]);
    assert_eq!(put.data, shop.ruleset().await);
    // And the stream goes on from there.
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn environments_come_and_go_without_a_restart() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    shop.run("SELECT fauna.create_environment('staging')").await;
    let key = shop.create_key("staging', 'server").await;
    let mut events = eventually("the new environment's key works", || async {
        let response = crate::events::request(&bridge, &key, None).await;
        response.status().is_success().then_some(response)
    })
    .await;
    assert!(events.chunk().await.unwrap().is_some());
    let mut other = open(&bridge, &shop.key, None).await;
    assert_eq!(other.change().await.data["environment"], "production");

    shop.run("DELETE FROM fauna.environments WHERE key = 'staging'").await;
    crate::events::Events::of(events).rest().await;
    assert_eq!(crate::events::request(&bridge, &key, None).await.status(), 401);
    assert_eq!(metric(&bridge, "fauna_streams_closed_total{kind=\"environment\"}").await, Some(1.0));
    // The other environment's stream is not touched.
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(other.change().await.name, "patch");
}

#[tokio::test]
async fn a_silent_stream_beats_and_ends_at_its_age_with_a_word_on_when_to_come_back() {
    let shop = shop().await;
    let bridge =
        shop.bridge(&["--heartbeat-ms", "50", "--stream-max-age-ms", "1000", "--retry-ms", "1000"]).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    let rest = events.rest().await;
    let beats = rest.iter().filter(|block| **block == Block::Comment("heartbeat".into())).count();
    assert!(beats >= 5, "{rest:?}");
    assert!(matches!(rest.last(), Some(Block::Retry(500..=1500))), "{rest:?}");
    assert_eq!(metric(&bridge, "fauna_streams_closed_total{kind=\"age\"}").await, Some(1.0));
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_dropped_and_the_others_are_not() {
    let shop = shop().await;
    // Larger than what the kernel buffers for a socket (4 MB by default).
    shop.run(
        "SELECT fauna.create_flag('large', 'string', variants =>
             json_build_object('a', repeat('x', 6000000), 'b', 'y'))",
    )
    .await;
    let bridge = shop.bridge(&["--write-timeout-ms", "1000"]).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let address = bridge.url().strip_prefix("http://").unwrap().to_owned();
    let lazy = tokio::net::TcpSocket::new_v4().unwrap();
    lazy.set_recv_buffer_size(4096).unwrap();
    let mut lazy = lazy.connect(address.parse().unwrap()).await.unwrap();
    let request =
        format!("GET /v1/stream HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\r\n", shop.key);
    lazy.write_all(request.as_bytes()).await.unwrap();
    events.change().await;
    eventually("both streams are there and the lazy one is gone", || async {
        let open = metric(&bridge, "fauna_streams{environment=\"production\",kind=\"server\"}").await;
        let closed = metric(&bridge, "fauna_streams_closed_total{kind=\"client\"}").await;
        (open == Some(1.0) && closed == Some(1.0)).then_some(())
    })
    .await;
    shop.run("SELECT fauna.create_flag('small')").await;
    assert_eq!(events.change().await.data["flags"].as_object().unwrap().len(), 1);
}

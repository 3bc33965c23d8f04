//! Whether the metrics answer what somebody would ask who is woken at night.

use fauna_tests::{Bridge, eventually};
use serde_json::json;

use crate::events::{Events, open};
use crate::shop::{metric, readiness, shop};

/// Waits until a metric has this value.
async fn becomes(bridge: &Bridge, name: &str, value: f64) {
    eventually(name, || async { (metric(bridge, name).await == Some(value)).then_some(()) }).await;
}

#[tokio::test]
async fn who_is_connected_and_what_they_ask_for_is_counted_by_kind() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_flag('open', client_visible => true)").await;
    let client = shop.create_key("production', 'client").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut server_stream = open(&bridge, &shop.key, None).await;
    server_stream.change().await;
    let response = reqwest::Client::new()
        .post(format!("{}/v1/client/stream", bridge.url()))
        .bearer_auth(&client)
        .body(json!({"context": {"targetingKey": "ann"}}).to_string())
        .send()
        .await
        .unwrap();
    let mut client_stream = Events::of(response);
    client_stream.change().await;
    becomes(&bridge, "fauna_streams{environment=\"production\",kind=\"server\"}", 1.0).await;
    becomes(&bridge, "fauna_streams{environment=\"production\",kind=\"client\"}", 1.0).await;
    // The two streams and the one that asks; what asked before may be on its way out.
    becomes(&bridge, "fauna_connections", 3.0).await;
    for path in ["/v1/ruleset", "/v1/ruleset", "/no/such/path", "/nor/this"] {
        let url = format!("{}{path}", bridge.url());
        reqwest::Client::new().get(url).send().await.unwrap();
    }
    becomes(&bridge, "fauna_requests_total{endpoint=\"/v1/ruleset\",status=\"401\"}", 2.0).await;
    becomes(&bridge, "fauna_requests_total{endpoint=\"none\",status=\"404\"}", 2.0).await;
    becomes(&bridge, "fauna_requests_total{endpoint=\"/v1/stream\",status=\"200\"}", 1.0).await;
    becomes(&bridge, "fauna_request_seconds_count{endpoint=\"/v1/ruleset\"}", 2.0).await;
    becomes(&bridge, "fauna_refusals_total{kind=\"key_missing\"}", 2.0).await;
    drop(client_stream);
    becomes(&bridge, "fauna_streams{environment=\"production\",kind=\"client\"}", 0.0).await;
}

#[tokio::test]
async fn a_commit_evaluates_for_each_client_the_flags_that_it_reaches_and_no_other() {
    let shop = shop().await;
    shop.run(
        "SELECT fauna.create_flag('f' || n, client_visible => true) FROM generate_series(1, 10) AS n;
         UPDATE fauna.flags SET client_visible = true",
    )
    .await;
    let client = shop.create_key("production', 'client").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut streams = Vec::new();
    for name in ["ann", "bob"] {
        let response = reqwest::Client::new()
            .post(format!("{}/v1/client/stream", bridge.url()))
            .bearer_auth(&client)
            .body(json!({"context": {"targetingKey": name}}).to_string())
            .send()
            .await
            .unwrap();
        let mut stream = Events::of(response);
        stream.change().await;
        streams.push(stream);
    }
    let evaluations = "fauna_evaluations_total{environment=\"production\"}";
    becomes(&bridge, evaluations, 22.0).await;
    shop.run("SELECT fauna.enable('f3', 'production')").await;
    for stream in &mut streams {
        assert_eq!(stream.change().await.name, "patch");
    }
    becomes(&bridge, evaluations, 24.0).await;
}

#[tokio::test]
async fn the_age_of_what_is_served_grows_only_while_the_database_cannot_be_read() {
    let cluster = fauna_tests::Cluster::start();
    let shop = crate::shop::Shop::in_cluster(&cluster).await;
    let args = ["--resync-interval-ms", "100", "--reconnect-max-ms", "100"];
    let bridge = shop.bridge(&args).await;
    readiness(&bridge, true).await;
    let age = || async { metric(&bridge, "fauna_reading_age_seconds").await.unwrap() };
    assert!(age().await < 5.0);
    cluster.kill();
    eventually("it grows", || async { (age().await > 1.5).then_some(()) }).await;
    cluster.launch();
    eventually("it is small again", || async { (age().await < 0.5).then_some(()) }).await;
    // What never reached a database has no age.
    let lost = crate::shop::bridge("postgresql://nobody@127.0.0.1:1/nothing", &[]).await;
    assert_eq!(metric(&lost, "fauna_reading_age_seconds").await, Some(f64::INFINITY));
}

//! What a client gets that comes back.

use crate::events::{Events, open};
use crate::shop::{Replica, metric, readiness, shop};

#[tokio::test]
async fn a_client_that_was_away_gets_one_patch() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut replica = Replica::default();
    let mut events = open(&bridge, &shop.key, None).await;
    replica.apply(&events.change().await);
    shop.run("SELECT fauna.create_flag('a')").await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    shop.run("SELECT fauna.delete_flag('a')").await;
    // A second stream that has seen the last change: the bridge holds it in memory.
    let mut other = open(&bridge, &shop.key, None).await;
    let mut live = Replica::default();
    while live.id != shop.position().await {
        live.apply(&other.change().await);
    }

    let mut resumed = open(&bridge, &shop.key, Some(&replica.id)).await;
    let patch = resumed.change().await;
    assert_eq!(patch.name, "patch");
    assert!(patch.data["flags"]["a"].is_null());
    replica.apply(&patch);
    assert_eq!(replica, live);

    let since = format!("{}/v1/stream?since={}", bridge.url(), replica.id);
    let response = reqwest::Client::new().get(since).bearer_auth(&shop.key).send().await.unwrap();
    let mut current = Events::of(response);
    // It was up to date, and knows that now.
    assert!(!current.stale().await);
    shop.run("SELECT fauna.disable('checkout', 'production')").await;
    replica.apply(&current.change().await);
    assert_eq!(replica.ruleset(), shop.ruleset().await);
}

#[tokio::test]
async fn after_a_restart_of_the_bridge_the_databases_log_gives_the_patch() {
    let shop = shop().await;
    let mut replica = Replica::default();
    {
        let bridge = shop.database.bridge().await;
        readiness(&bridge, true).await;
        replica.apply(&open(&bridge, &shop.key, None).await.change().await);
    }
    shop.run("SELECT fauna.create_flag('a')").await;
    shop.run("SELECT fauna.delete_flag('checkout')").await;

    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, Some(&replica.id)).await;
    let patch = events.change().await;
    assert_eq!(patch.name, "patch");
    replica.apply(&patch);
    assert_eq!(replica.ruleset(), shop.ruleset().await);
    assert_eq!(metric(&bridge, "fauna_streams_started_total{kind=\"log\"}").await, Some(1.0));
    // It goes on from there like any other.
    shop.run("SELECT fauna.create_flag('b')").await;
    replica.apply(&events.change().await);
    assert_eq!(replica.ruleset(), shop.ruleset().await);
}

#[tokio::test]
async fn a_position_that_the_database_does_not_know_gets_a_put() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let here = shop.position().await;
    let (epoch, revision) = here.split_once(':').unwrap();
    let future = format!("{epoch}:{}", revision.parse::<i64>().unwrap() + 100);
    for id in ["00000000-0000-0000-0000-000000000000:1", future.as_str(), "no position at all"] {
        let put = open(&bridge, &shop.key, Some(id)).await.change().await;
        assert_eq!((put.name.as_str(), put.id.as_str()), ("put", here.as_str()), "{id}");
    }
}

//! Streams of results: one context, and what changes for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::events::{Block, Events, open, open_results};
use crate::shop::{Shop, client_shop, readiness};

/// The next event's flags, which must be a patch.
async fn patch(events: &mut Events) -> Value {
    let change = events.change().await;
    assert_eq!(change.name, "patch");
    change.data["flags"].clone()
}

#[tokio::test]
async fn two_contexts_see_their_own_results_and_only_what_changes_for_them() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let contexts =
        [json!({"targetingKey": "u1", "country": "CA"}), json!({"targetingKey": "u2", "country": "US"})];
    let mut canadian = open_results(&bridge, &key, &contexts[0]).await;
    let mut american = open_results(&bridge, &key, &contexts[1]).await;
    assert_eq!(canadian.headers["content-type"], "text/event-stream");
    for (events, context) in [(&mut canadian, &contexts[0]), (&mut american, &contexts[1])] {
        assert!(matches!(events.block().await, Some(Block::Retry(_))));
        let put = events.change().await;
        assert_eq!((put.name.as_str(), &put.id), ("put", &shop.position().await));
        let expected = json!({"checkout": shop.result("checkout", context).await, "theme": shop.result("theme", context).await});
        assert_eq!(put.data["flags"], expected);
    }
    assert_eq!(shop.result("theme", &contexts[0]).await["variant"], "dark");

    // An audience, which only the Canadian is in.
    shop.run("UPDATE fauna.conditions SET \"values\" = '[\"MX\"]'").await;
    assert_eq!(patch(&mut canadian).await, json!({"theme": shop.result("theme", &contexts[0]).await}));
    shop.run("SELECT fauna.disable('checkout', 'production')").await;
    let both = json!({"checkout": shop.result("checkout", &contexts[0]).await});
    assert_eq!(both["checkout"]["reason"], "DISABLED");
    assert_eq!(patch(&mut canadian).await, both);
    // The American has not heard of the audience in between.
    assert_eq!(patch(&mut american).await, both);
}

#[tokio::test]
async fn a_flag_that_is_hidden_archived_or_deleted_is_gone_and_one_that_appears_is_there() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open_results(&bridge, &key, &json!({})).await;
    events.change().await;
    for (sql, flag) in [
        ("UPDATE fauna.flags SET client_visible = false WHERE key = 'theme'", "theme"),
        ("UPDATE fauna.flags SET client_visible = true WHERE key = 'hidden'", "hidden"),
        ("UPDATE fauna.flags SET archived_at = now() WHERE key = 'hidden'", "hidden"),
        ("UPDATE fauna.flags SET archived_at = NULL WHERE key = 'hidden'", "hidden"),
        ("DELETE FROM fauna.flags WHERE key = 'hidden'", "hidden"),
    ] {
        shop.run(sql).await;
        let mut expected = shop.result(flag, &json!({})).await;
        if sql.contains("archived_at = now()") {
            expected = Value::Null;
        }
        assert_eq!(patch(&mut events).await, json!({flag: expected}), "{sql}");
    }
}

#[tokio::test]
async fn a_required_flag_takes_those_that_require_it_along() {
    let (shop, key) = client_shop().await;
    shop.run("SELECT fauna.require_flag('checkout', 'hidden', 'on', 'production')").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open_results(&bridge, &key, &json!({})).await;
    assert_eq!(events.change().await.data["flags"]["checkout"]["value"], true);
    shop.run("SELECT fauna.disable('hidden', 'production')").await;
    let off = json!({"checkout": {"value": false, "variant": "off", "reason": "DISABLED"}});
    assert_eq!(patch(&mut events).await, off);
}

#[tokio::test]
async fn windows_and_a_ramp_change_results_without_a_commit() {
    let (shop, key) = client_shop().await;
    shop.run(
        "SELECT fauna.create_flag('banner', client_visible => true);
         SELECT fauna.rollout('banner', 0); SELECT fauna.enable('banner')",
    )
    .await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let context = json!({"targetingKey": "u1", "country": "CA"});
    let mut events = open_results(&bridge, &key, &context).await;
    let mut held = events.change().await.data["flags"].clone();
    let variants = |held: &Value| {
        ["banner", "checkout", "theme"].map(|flag| held[flag]["variant"].as_str().unwrap().to_owned())
    };
    assert_eq!(variants(&held), ["off", "on", "dark"]);
    // One window opens, one closes, and the ramp begins with nobody and passes this user's bucket.
    shop.run(
        "SELECT fauna.schedule(fauna.target('theme', 'canada', 'dark'), now() + interval '2 seconds');
         SELECT fauna.schedule(fauna.target('banner', 'canada', 'on'), NULL, now() + interval '3 seconds');
         SELECT fauna.ramp(fauna.rollout('checkout', 100), now() + interval '4 seconds')",
    )
    .await;
    let position = shop.position().await;
    let first = events.change().await;
    let mut by_time = 0;
    for (flag, result) in first.data["flags"].as_object().unwrap() {
        held[flag] = result.clone();
    }
    assert_eq!(variants(&held), ["on", "off", "light"]);
    while variants(&held) != ["off", "on", "dark"] {
        let change = tokio::time::timeout(fauna_tests::DEADLINE, events.change()).await.expect("in time");
        assert_eq!((change.name.as_str(), &change.id), ("patch", &position));
        by_time += change.data["flags"].as_object().unwrap().len();
        for (flag, result) in change.data["flags"].as_object().unwrap() {
            held[flag] = result.clone();
        }
    }
    assert_eq!(by_time, 3, "each changes once");
    for flag in ["theme", "checkout", "banner"] {
        assert_eq!(held[flag], shop.result(flag, &context).await);
    }
}

#[tokio::test]
async fn an_event_source_brings_context_and_key_in_the_url() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let context = json!({"targetingKey": "ü?>", "country": "CA"});
    let encoded = URL_SAFE_NO_PAD.encode(context.to_string());
    let url = format!("{}/v1/client/stream?context={encoded}&key={key}", bridge.url());
    let mut events = Events::of(reqwest::get(url).await.unwrap());
    let mut posted = open_results(&bridge, &key, &context).await;
    assert_eq!(events.change().await, posted.change().await);
}

#[tokio::test]
async fn a_stream_of_results_ends_with_its_key_and_says_that_the_bridge_is_stale() {
    let cluster = fauna_tests::Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let key = shop.create_key("production', 'client").await;
    let other = shop.create_key("production', 'client").await;
    let bridge = shop.bridge(&["--database-timeout-ms", "500"]).await;
    readiness(&bridge, true).await;
    let mut revoked = open_results(&bridge, &key, &json!({})).await;
    let mut kept = open_results(&bridge, &other, &json!({})).await;
    revoked.change().await;
    kept.change().await;
    shop.run(&format!("SELECT fauna.revoke_sdk_key('{key}')")).await;
    let rest = revoked.rest().await;
    assert!(rest.iter().all(|block| !matches!(block, Block::Event { .. })), "{rest:?}");
    cluster.kill();
    assert!(kept.stale().await);
    bridge.signal("TERM");
    kept.rest().await;
}

#[tokio::test]
async fn a_server_key_sees_every_flag_and_how_the_result_came_about() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let context = json!({"targetingKey": "u1", "country": "CA"});
    let put = open_results(&bridge, &shop.key, &context).await.change().await;
    let rule =
        shop.text("SELECT id::text FROM fauna.rules WHERE flag_key = 'theme' AND NOT is_default").await;
    assert_eq!(put.data["flags"]["theme"]["ruleId"], rule);
    assert_eq!(put.data["flags"]["hidden"]["value"], true);
    let client = open_results(&bridge, &key, &context).await.change().await;
    assert!(!client.data.to_string().contains(&rule));
    assert!(open(&bridge, &shop.key, None).await.change().await.data.to_string().contains(&rule));
}

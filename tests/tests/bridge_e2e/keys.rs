//! Who gets in, and who is thrown out.

use fauna_tests::{Bridge, BridgeOptions, eventually, wall_clock_off_by};
use serde_json::Value;

use crate::events::{Block, open, request};
use crate::shop::{metric, readiness, shop};

async fn refusal(bridge: &fauna_tests::Bridge, path: &str, authorization: Option<&str>) -> (u16, String) {
    let mut request = reqwest::Client::new().get(format!("{}{path}", bridge.url()));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers().contains_key("www-authenticate"), status == 401);
    assert_eq!(response.headers().contains_key("retry-after"), status == 503);
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    assert!(!problem["detail"].as_str().unwrap().is_empty());
    (status, problem["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_revoked_key_loses_its_streams_at_once_and_the_others_keep_theirs() {
    let shop = shop().await;
    let other = shop.create_key("production', 'server").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut revoked = open(&bridge, &shop.key, None).await;
    let mut kept = open(&bridge, &other, None).await;
    revoked.change().await;
    kept.change().await;

    shop.run(&format!("SELECT fauna.revoke_sdk_key('{}')", shop.key)).await;
    let rest = revoked.rest().await;
    assert!(rest.iter().all(|block| !matches!(block, Block::Event { .. })), "{rest:?}");
    assert_eq!(metric(&bridge, "fauna_streams_closed_total{kind=\"key\"}").await, Some(1.0));
    let bearer = format!("Bearer {}", shop.key);
    for path in ["/v1/stream", "/v1/ruleset"] {
        assert_eq!(refusal(&bridge, path, Some(&bearer)).await, (401, "key_revoked".into()));
    }
    // The revocation is a revision of its own, with no documents in it.
    let patch = kept.change().await;
    assert_eq!(patch.data["flags"], serde_json::json!({}));
    assert_eq!(patch.id, shop.position().await);
}

#[tokio::test]
async fn a_key_revoked_together_with_a_flag_change_is_refused_and_the_change_arrives() {
    let shop = shop().await;
    let other = shop.create_key("production', 'server").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut revoked = open(&bridge, &shop.key, None).await;
    let mut kept = open(&bridge, &other, None).await;
    revoked.change().await;
    kept.change().await;

    shop.run(&format!(
        "BEGIN; SELECT fauna.create_flag('together'); SELECT fauna.revoke_sdk_key('{}'); COMMIT",
        shop.key
    ))
    .await;
    assert!(kept.change().await.data["flags"]["together"].is_object());
    let rest = revoked.rest().await;
    assert!(rest.iter().all(|block| !matches!(block, Block::Event { .. })), "{rest:?}");
    let bearer = format!("Bearer {}", shop.key);
    assert_eq!(refusal(&bridge, "/v1/stream", Some(&bearer)).await, (401, "key_revoked".into()));
}

#[tokio::test]
async fn a_key_whose_time_passes_loses_its_streams_without_any_change() {
    let shop = shop().await;
    let key = shop
        .text("SELECT fauna.create_sdk_key('production', expires_at => now() + interval '2 seconds')")
        .await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &key, None).await;
    events.change().await;
    events.rest().await;
    assert_eq!(
        refusal(&bridge, "/v1/ruleset", Some(&format!("Bearer {key}"))).await,
        (401, "key_expired".into())
    );
}

/// A key expires by the clock of the bridge's machine, which may be wrong, and may be set while streams are open.
#[tokio::test]
async fn a_clock_that_is_set_forward_ends_what_has_expired_by_it_and_set_back_lets_it_in_again() {
    let shop = shop().await;
    let key = shop
        .text("SELECT fauna.create_sdk_key('production', expires_at => now() + interval '30 minutes')")
        .await;
    let folder = tempfile::tempdir().unwrap();
    let offset = folder.path().join("offset");
    // Renamed into place, so that nobody reads half of it.
    let set = |text: &str| {
        let next = folder.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &offset).unwrap();
    };
    set("+0");
    let mut variables = wall_clock_off_by("+0");
    variables.retain(|(name, _)| *name != "FAKETIME");
    variables.push(("FAKETIME_TIMESTAMP_FILE", offset.to_str().unwrap().to_owned()));
    variables.push(("FAKETIME_NO_CACHE", "1".to_owned()));
    let args = ["--heartbeat-ms", "200"].map(str::to_owned).to_vec();
    let options = BridgeOptions { args, variables, ..BridgeOptions::default() };
    let bridge = Bridge::start(&shop.database.conninfo(), options).await;
    readiness(&bridge, true).await;
    let bearer = format!("Bearer {key}");
    let mut expiring = open(&bridge, &key, None).await;
    let mut kept = open(&bridge, &shop.key, None).await;
    expiring.change().await;
    kept.change().await;

    set("+3600");
    expiring.rest().await;
    assert_eq!(refusal(&bridge, "/v1/ruleset", Some(&bearer)).await, (401, "key_expired".into()));
    set("-3600");
    let mut again = open(&bridge, &key, None).await;
    again.change().await;
    // Whoever had nothing to do with it noticed nothing.
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(kept.change().await.name, "patch");
    assert_eq!(again.change().await.name, "patch");
}

#[tokio::test]
async fn only_a_valid_server_key_opens_a_server_endpoint() {
    let shop = shop().await;
    let client = format!("Bearer {}", shop.create_key("production', 'client").await);
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let unknown = format!("Bearer fauna_sk_{}", "0".repeat(64));
    let basic = format!("Basic {}", shop.key);
    for path in ["/v1/stream", "/v1/ruleset"] {
        for (authorization, status, code) in [
            (None, 401, "key_missing"),
            (Some(""), 401, "key_malformed"),
            (Some("Bearer"), 401, "key_malformed"),
            (Some("Bearer x"), 401, "key_malformed"),
            (Some(basic.as_str()), 401, "key_malformed"),
            (Some(unknown.as_str()), 401, "key_unknown"),
            (Some(client.as_str()), 403, "key_kind"),
        ] {
            assert_eq!(
                refusal(&bridge, path, authorization).await,
                (status, code.into()),
                "{path} {authorization:?}"
            );
        }
        // A server key does not belong into a URL, so it is not looked for there.
        let with_key = format!("{path}?key={}", shop.key);
        assert_eq!(refusal(&bridge, &with_key, None).await, (401, "key_missing".into()));
    }
    assert!(bridge.log().iter().all(|line| !line.contains("fauna_sk_") && !line.contains("fauna_ck_")));
}

#[tokio::test]
async fn a_key_opens_its_own_environment_only() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_environment('staging')").await;
    let staging = shop.create_key("staging', 'server").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &staging, None).await;
    assert_eq!(events.change().await.data["environment"], "staging");
    // A change elsewhere does not reach it; its own does.
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    shop.run("SELECT fauna.enable('checkout', 'staging')").await;
    assert_eq!(events.change().await.data["environment"], "staging");
}

#[tokio::test]
async fn a_new_key_works_without_a_restart() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let key = shop.create_key("production', 'server").await;
    eventually("the new key works", || async {
        request(&bridge, &key, None).await.status().is_success().then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_is_called_unknown_while_the_keys_cannot_be_known() {
    let shop = shop().await;
    let nowhere = "postgresql://nobody:hunter2@127.0.0.1:1/nothing";
    let bridge = crate::shop::bridge(nowhere, &[]).await;
    let bearer = format!("Bearer {}", shop.key);
    for path in ["/v1/stream", "/v1/ruleset"] {
        assert_eq!(refusal(&bridge, path, Some(&bearer)).await, (503, "not_loaded".into()));
    }
    assert_eq!(readiness(&bridge, false).await["loaded"], false);
    assert_eq!(reqwest::get(format!("{}/healthz", bridge.url())).await.unwrap().status(), 200);
    assert!(bridge.log().iter().all(|line| !line.contains("hunter2")));
}

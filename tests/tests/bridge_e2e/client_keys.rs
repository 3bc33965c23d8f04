//! What a client key opens, and what it never shows: tested on the bytes, because a parser sees only what it looks for.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::shop::{metric, readiness, shop};

/// Words that stand for everything a client must not learn. Each is part of the configuration.
const SECRETS: [&str; 10] = [
    "secret-flag",
    "secret-audience",
    "secret-nested",
    "secret-attribute",
    "secret-value",
    "secret-variant",
    "secret-tag",
    "secret-operator",
    "secret-elsewhere",
    "ruleId",
];

#[tokio::test]
async fn nothing_but_evaluated_visible_flags_leaves_the_bridge_for_a_client_key() {
    let shop = shop().await;
    shop.run(
        r#"SELECT fauna.create_flag('secret-flag');
           SELECT fauna.create_flag('open', 'string', '{"shown": "yes", "secret-variant": "secret-value"}',
               client_visible => true, tags => '{secret-tag}', off_variant => 'shown');
           SELECT fauna.create_attribute('secret-attribute');
           SELECT fauna.create_audience('secret-audience'); SELECT fauna.create_audience('secret-nested');
           SELECT fauna.add_condition('secret-nested', 'secret-attribute', 'eq', '{secret-value}');
           SELECT fauna.nest_audience('secret-audience', 'secret-nested');
           SELECT fauna.target('open', 'secret-audience', 'secret-variant');
           SELECT fauna.require_flag('open', 'secret-flag', 'on', 'production');
           SELECT fauna.create_environment('secret-elsewhere');
           UPDATE fauna.flag_settings SET enabled = true"#,
    )
    .await;
    // An audience that does not compile, of which an error could tell.
    shop.run(
        r#"UPDATE fauna.documents SET doc = jsonb_set(doc, '{conditions,0,operator}', '"secret-operator"')
           WHERE kind = 'audience' AND key = 'secret-nested'"#,
    )
    .await;
    let rules = shop.text("SELECT string_agg(id::text, ' ') FROM fauna.rules").await;
    let key = shop.create_key("production', 'client").await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;

    let url = format!("{}/v1/client/stream", bridge.url());
    let request =
        reqwest::Client::new().post(&url).bearer_auth(&key).body(r#"{"context":{"targetingKey":"u"}}"#);
    let response = request.send().await.unwrap();
    let mut bytes: Vec<u8> = format!("{:?}", response.headers()).into_bytes();
    let mut body = response.bytes_stream();
    // Changes of every kind pass by, the last of which shows.
    for sql in [
        "SELECT fauna.disable('secret-flag', 'production')",
        "UPDATE fauna.conditions SET negate = true WHERE attribute_key IS NOT NULL",
        "SELECT fauna.enable('secret-flag', 'production')",
        "SELECT fauna.new_epoch()",
        "SELECT fauna.create_flag('last-one', client_visible => true)",
    ] {
        shop.run(sql).await;
    }
    while !bytes.windows(8).any(|window| window == b"last-one") {
        let chunk = tokio::time::timeout(fauna_tests::DEADLINE, body.next()).await.expect("in time");
        bytes.extend_from_slice(&chunk.unwrap().unwrap());
    }
    let seen = String::from_utf8(bytes).unwrap();
    for secret in SECRETS.into_iter().chain(rules.split(' ')) {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
    for shown in [r#""open":{"value":"yes""#, "PARSE_ERROR", "DISABLED", "DEFAULT"] {
        assert!(seen.contains(shown), "{shown} not in {seen}");
    }
}

#[tokio::test]
async fn keys_and_contexts_that_cannot_be_used_are_refused_in_words() {
    let shop = shop().await;
    let key = shop.create_key("production', 'client").await;
    let bridge = shop.bridge(&["--max-context-bytes", "200"]).await;
    readiness(&bridge, true).await;
    let url = format!("{}/v1/client/stream", bridge.url());
    let client = reqwest::Client::new();
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let refusal = async |request: reqwest::RequestBuilder| {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned())
    };
    let large = json!({"context": {"a": "x".repeat(200)}}).to_string();
    for (body, status, code) in [
        ("", 400, "context_malformed"),
        ("nope", 400, "context_malformed"),
        ("{}", 400, "context_not_an_object"),
        (r#"{"context":[]}"#, 400, "context_not_an_object"),
        (large.as_str(), 413, "context_too_large"),
    ] {
        let request = client.post(&url).bearer_auth(&key).body(body.to_owned());
        assert_eq!(refusal(request).await, (status, code.into()), "{body}");
    }
    for (parameters, status, code) in [
        (format!("key={key}"), 400, "context_malformed"),
        (format!("key={key}&context=%ff"), 400, "context_malformed"),
        (format!("key={key}&context=!"), 400, "context_malformed"),
        (format!("key={key}&context={}", encode("[]")), 400, "context_not_an_object"),
        (format!("key={key}&context={}", encode(&large)), 413, "context_too_large"),
        (format!("context={}", encode("{}")), 401, "key_missing"),
        (format!("key=x&context={}", encode("{}")), 401, "key_malformed"),
        (format!("key={}&context={}", shop.key, encode("{}")), 403, "key_in_url"),
        (format!("key=fauna_ck_{}&context=e30", "0".repeat(64)), 401, "key_unknown"),
    ] {
        assert_eq!(
            refusal(client.get(format!("{url}?{parameters}"))).await,
            (status, code.into()),
            "{parameters}"
        );
    }
    assert_eq!(metric(&bridge, "fauna_refusals_total{kind=\"context_too_large\"}").await, Some(2.0));
    // A client key opens nothing that shows documents.
    for path in ["/v1/stream", "/v1/ruleset"] {
        let url = format!("{}{path}", bridge.url());
        assert_eq!(refusal(client.get(&url).bearer_auth(&key)).await, (403, "key_kind".into()));
        assert_eq!(refusal(client.get(format!("{url}?key={key}"))).await, (401, "key_missing".into()));
    }
    assert!(bridge.log().iter().all(|line| !line.contains(&key)));
}

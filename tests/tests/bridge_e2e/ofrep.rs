//! OFREP on the wire. What the official providers make of it is tested with them, in `sdk-node/test/e2e`.

use fauna_tests::{Bridge, eventually};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};

use crate::events::{Block, Events};
use crate::shop::{client_shop, readiness};

const FLAGS: &str = "/ofrep/v1/evaluate/flags";

async fn ask(bridge: &Bridge, key: &str, path: &str, context: &Value, tag: Option<&str>) -> Response {
    let request = Client::new().post(format!("{}{path}", bridge.url())).bearer_auth(key);
    let request = tag.into_iter().fold(request, |request, tag| request.header("if-none-match", tag));
    request.json(&json!({"context": context})).send().await.unwrap()
}

fn tag_of(response: &Response) -> String {
    response.headers()["etag"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn one_flag_is_what_the_database_says_it_is() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    for context in [json!({"targetingKey": "u", "country": "CA"}), json!({"targetingKey": "u"}), json!({})] {
        for flag in ["checkout", "theme"] {
            let response = ask(&bridge, &key, &format!("{FLAGS}/{flag}"), &context, None).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "application/json");
            assert_eq!(response.headers()["cache-control"], "no-store");
            let mut expected = shop.result(flag, &context).await;
            expected["key"] = flag.into();
            expected["metadata"] = json!({"flagSetId": "production", "version": shop.position().await});
            assert_eq!(response.json::<Value>().await.unwrap(), expected);
        }
    }
    let rule =
        shop.text("SELECT id::text FROM fauna.rules WHERE flag_key = 'theme' AND NOT is_default").await;
    let context = json!({"country": "CA"});
    for (key, shown) in [(&shop.key, Value::from(rule)), (&key, Value::Null)] {
        let answer: Value =
            ask(&bridge, key, &format!("{FLAGS}/theme"), &context, None).await.json().await.unwrap();
        assert_eq!(answer["metadata"]["ruleId"], shown);
    }
}

#[tokio::test]
async fn all_flags_come_with_a_tag_that_holds_for_this_context_key_and_revision() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let context = json!({"targetingKey": "u", "country": "CA"});
    let response = ask(&bridge, &key, FLAGS, &context, None).await;
    let tag = tag_of(&response);
    let body: Value = response.json().await.unwrap();
    let mut flags: Vec<_> = body["flags"].as_array().unwrap().clone();
    flags.sort_by_key(|flag| flag["key"].to_string());
    let keys: Vec<_> = flags.iter().map(|flag| flag["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["checkout", "theme"]);
    for flag in &mut flags {
        let key = flag["key"].as_str().unwrap().to_owned();
        flag.as_object_mut().unwrap().remove("key");
        assert_eq!(*flag, shop.result(&key, &context).await);
    }
    assert_eq!(body["metadata"], json!({"flagSetId": "production", "version": shop.position().await}));

    // The same question, with the context written in another order.
    let same = ask(&bridge, &key, FLAGS, &json!({"country": "CA", "targetingKey": "u"}), Some(&tag)).await;
    assert_eq!((same.status().as_u16(), tag_of(&same)), (304, tag.clone()));
    assert_eq!(same.bytes().await.unwrap().len(), 0);
    // Another user's values are never confirmed, nor those of another key's view.
    let other = json!({"targetingKey": "u", "country": "US"});
    assert_eq!(ask(&bridge, &key, FLAGS, &other, Some(&tag)).await.status(), 200);
    assert_eq!(ask(&bridge, &shop.key, FLAGS, &context, Some(&tag)).await.status(), 200);
    // Another bridge of the same database says the same.
    let second = shop.database.bridge().await;
    readiness(&second, true).await;
    assert_eq!(ask(&second, &key, FLAGS, &context, Some(&tag)).await.status(), 304);

    shop.run("SELECT fauna.disable('checkout', 'production')").await;
    eventually("the change is served", || async {
        (ask(&bridge, &key, FLAGS, &context, Some(&tag)).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tag_does_not_hold_beyond_the_instant_at_which_time_changes_a_result() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    shop.run("SELECT fauna.schedule(fauna.target('theme', 'canada', 'dark'), now() + interval '2 seconds')")
        .await;
    let context = json!({"country": "CA"});
    let position = shop.position().await;
    let tag = eventually("the change is served", || async {
        let response = ask(&bridge, &key, FLAGS, &context, None).await;
        Some(tag_of(&response)).filter(|tag| tag.contains(&position))
    })
    .await;
    eventually("the window opens", || async {
        let response = ask(&bridge, &key, FLAGS, &context, Some(&tag)).await;
        (response.status() == 200).then_some(response)
    })
    .await;
    // The American's values do not depend on it.
    let american = json!({"country": "US"});
    let tag = tag_of(&ask(&bridge, &key, FLAGS, &american, None).await);
    assert_eq!(ask(&bridge, &key, FLAGS, &american, Some(&tag)).await.status(), 304);
}

#[tokio::test]
async fn errors_are_the_protocols() {
    let (shop, key) = client_shop().await;
    shop.run(
        r#"UPDATE fauna.documents SET doc = jsonb_set(doc, '{conditions,0,operator}', '"like"') WHERE kind = 'audience'"#,
    )
    .await;
    let bridge = shop.bridge(&["--max-context-bytes", "100"]).await;
    readiness(&bridge, true).await;
    let url = |path: &str| format!("{}{path}", bridge.url());
    let post =
        |path: &str, body: &str| Client::new().post(url(path)).bearer_auth(&key).body(body.to_owned()).send();
    let large = json!({"context": {"a": "x".repeat(100)}}).to_string();
    for (path, key) in [(FLAGS.to_owned(), None), (format!("{FLAGS}/theme"), Some("theme"))] {
        for (body, status, code) in [
            ("", 400, "PARSE_ERROR"),
            ("{", 400, "PARSE_ERROR"),
            ("{}", 400, "INVALID_CONTEXT"),
            (r#"{"context":[]}"#, 400, "INVALID_CONTEXT"),
            (large.as_str(), 413, "INVALID_CONTEXT"),
        ] {
            let response = post(&path, body).await.unwrap();
            assert_eq!(
                (response.status().as_u16(), &response.headers()["content-type"]),
                (status, &"application/json".parse().unwrap())
            );
            let error: Value = response.json().await.unwrap();
            assert_eq!(
                (error["errorCode"].as_str(), error.get("key").and_then(Value::as_str)),
                (Some(code), key),
                "{body}"
            );
        }
    }
    // Unknown and hidden are the same.
    let mut bodies = Vec::new();
    for flag in ["nowhere", "hidden"] {
        let response = ask(&bridge, &key, &format!("{FLAGS}/{flag}"), &json!({}), None).await;
        assert_eq!(response.status(), 404);
        let body = response.text().await.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["errorCode"], "FLAG_NOT_FOUND");
        bodies.push(body.replace(flag, ""));
    }
    assert_eq!(bodies[0], bodies[1]);
    // A flag that cannot be evaluated is an error of its own, and a client does not learn whose fault it is.
    let context = json!({"country": "CA"});
    let response = ask(&bridge, &key, &format!("{FLAGS}/theme"), &context, None).await;
    assert_eq!(response.status(), 400);
    let error = response.text().await.unwrap();
    assert!(error.contains("PARSE_ERROR") && !error.contains("canada"), "{error}");
    let all: Value = ask(&bridge, &key, FLAGS, &context, None).await.json().await.unwrap();
    let theme = all["flags"].as_array().unwrap().iter().find(|flag| flag["key"] == "theme").unwrap();
    assert_eq!(theme["errorCode"], "PARSE_ERROR");
    let server =
        ask(&bridge, &shop.key, &format!("{FLAGS}/theme"), &context, None).await.text().await.unwrap();
    assert!(server.contains("canada"), "{server}");
}

#[tokio::test]
async fn a_key_is_taken_from_either_header_and_never_from_the_url() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    let limited = shop.bridge(&["--max-requests-per-second", "1"]).await;
    readiness(&bridge, true).await;
    readiness(&limited, true).await;
    let url = format!("{}{FLAGS}", bridge.url());
    let body = json!({"context": {}}).to_string();
    let status = async |request: reqwest::RequestBuilder| {
        request.body(body.clone()).send().await.unwrap().status().as_u16()
    };
    let client = Client::new();
    assert_eq!(status(client.post(&url).header("x-api-key", &key)).await, 200);
    assert_eq!(status(client.post(&url).bearer_auth(&key).header("x-api-key", "other")).await, 200);
    for refused in [
        client.post(&url),
        client.post(&url).header("x-api-key", "x"),
        client.post(format!("{url}?key={key}")),
    ] {
        assert_eq!(status(refused).await, 401);
    }
    let url = format!("{}{FLAGS}", limited.url());
    let mut last = client.post(&url).header("x-api-key", &key).body(body.clone()).send().await.unwrap();
    for _ in 0..20 {
        last = client.post(&url).header("x-api-key", &key).body(body.clone()).send().await.unwrap();
        if last.status() == 429 {
            break;
        }
    }
    assert_eq!(last.status(), 429);
    assert!(last.headers().contains_key("retry-after"));
}

/// Opens the event stream that a bulk evaluation names.
async fn event_stream(bridge: &Bridge, uri: &str, after: Option<&str>) -> Events {
    let request = Client::new().get(format!("{}{uri}", bridge.url()));
    let request = after.into_iter().fold(request, |request, id| request.header("last-event-id", id));
    Events::of(request.send().await.unwrap())
}

async fn stream_uri(bridge: &Bridge, key: &str, context: &Value) -> String {
    let body: Value = ask(bridge, key, FLAGS, context, None).await.json().await.unwrap();
    let stream = &body["eventStreams"][0];
    assert_eq!((&stream["type"], &stream["inactivityDelaySec"]), (&json!("sse"), &json!(120)));
    stream["endpoint"]["requestUri"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_event_stream_says_when_to_ask_again() {
    let (shop, key) = client_shop().await;
    let bridge = shop.database.bridge().await;
    let second = shop.database.bridge().await;
    readiness(&bridge, true).await;
    readiness(&second, true).await;
    let uri = stream_uri(&bridge, &key, &json!({"targetingKey": "u"})).await;
    assert!(!uri.contains(&key) && uri.len() < 200, "{uri}");
    // Any bridge takes the ticket, and any time the same one is given.
    let mut events = event_stream(&second, &uri, None).await;
    assert_eq!(stream_uri(&second, &key, &json!({"targetingKey": "u"})).await, uri);
    let first = events.change().await;
    assert_eq!(
        (first.name.as_str(), &first.id, &first.data["type"]),
        ("message", &shop.position().await, &json!("refetchEvaluation"))
    );
    assert!(first.data["lastModified"].as_i64().unwrap() > 1_700_000_000);

    // What no client can see is no reason; the next event is the other commit's.
    shop.run("SELECT fauna.disable('hidden', 'production')").await;
    shop.run("SELECT fauna.disable('checkout', 'production')").await;
    let event = events.change().await;
    let position = shop.position().await;
    assert_eq!(
        (&event.id, event.data["etag"].as_str().unwrap()),
        (&position, format!("\"{position}\"").as_str())
    );
    // Who comes back and has missed nothing is not told to ask; who has missed something is.
    let mut back = event_stream(&second, &uri, Some(&position)).await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(back.change().await.id, shop.position().await);
    assert_eq!(event_stream(&second, &uri, Some(&position)).await.change().await.id, shop.position().await);

    // Asked because of an event, a bridge answers with nothing older.
    let asked = ask(
        &bridge,
        &key,
        &format!("{FLAGS}?flagConfigEtag=%22{}%22", shop.position().await),
        &json!({}),
        None,
    )
    .await;
    assert!(tag_of(&asked).contains(&shop.position().await));

    shop.run(&format!("SELECT fauna.revoke_sdk_key('{key}')")).await;
    let rest = events.rest().await;
    assert!(matches!(rest.last(), Some(Block::Retry(_))), "{rest:?}");
    for refused in [
        uri.clone(),
        format!("{}A", &uri[..uri.len() - 1]),
        "/ofrep/v1/events".into(),
        "/ofrep/v1/events?ticket=x".into(),
    ] {
        let response = reqwest::get(format!("{}{refused}", second.url())).await.unwrap();
        assert_eq!(response.status(), 401, "{refused}");
    }
    assert!(second.log().iter().all(|line| !line.contains("ticket=")));
}

#[tokio::test]
async fn a_client_key_does_not_learn_when_a_hidden_flag_is_scheduled() {
    let (shop, key) = client_shop().await;
    shop.run("SELECT fauna.schedule(fauna.target('hidden', 'canada', 'off'), now() + interval '1 hour')")
        .await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let context = json!({"targetingKey": "u"});
    let position = shop.position().await;
    let (client, server) = (
        tag_of(&ask(&bridge, &key, FLAGS, &context, None).await),
        tag_of(&ask(&bridge, &shop.key, FLAGS, &context, None).await),
    );
    // A server's tag covers the results that time changes, in a part of its own.
    assert!(client.ends_with("-c\"") && server.contains("-s-"), "{client} {server}");
    let mut of_client =
        event_stream(&bridge, &stream_uri(&bridge, &key, &context).await, Some(&position)).await;
    let mut of_server =
        event_stream(&bridge, &stream_uri(&bridge, &shop.key, &context).await, Some(&position)).await;
    // A window may have opened while it was away, so a server is told to ask again.
    assert_eq!(of_server.change().await.id, position);
    shop.run("SELECT fauna.disable('checkout', 'production')").await;
    assert_eq!(of_client.change().await.id, shop.position().await);
    // It learns as soon as the schedule decides what it sees.
    shop.run("SELECT fauna.require_flag('theme', 'hidden', 'on', 'production')").await;
    let position = shop.position().await;
    assert_eq!(of_client.change().await.id, position);
    let tag = tag_of(&ask(&bridge, &key, FLAGS, &context, None).await);
    assert!(tag.contains(&position) && tag.contains("-c-"), "{tag}");
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_ask_and_see_the_tag() {
    let (shop, key) = client_shop().await;
    let bridge = shop.bridge(&["--cors-origins", "https://a.example,https://b.example"]).await;
    let open = shop.bridge(&["--cors-origins", "*"]).await;
    let closed = shop.database.bridge().await;
    for bridge in [&bridge, &open, &closed] {
        readiness(bridge, true).await;
    }
    let preflight = async |bridge: &Bridge, path: &str, origin: &str| {
        let request = Client::new().request(Method::OPTIONS, format!("{}{path}", bridge.url()));
        let asks = request.header("origin", origin).header("access-control-request-method", "POST");
        let asks = asks.header("access-control-request-headers", "authorization,content-type,if-none-match");
        let response = asks.send().await.unwrap();
        let header =
            |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase());
        (header("access-control-allow-origin"), header("access-control-allow-headers"))
    };
    for path in [FLAGS, "/ofrep/v1/evaluate/flags/checkout", "/v1/client/stream", "/v1/usage"] {
        let (origin, headers) = preflight(&bridge, path, "https://b.example").await;
        assert_eq!(origin.as_deref(), Some("https://b.example"), "{path}");
        let headers = headers.unwrap();
        for header in ["authorization", "content-type", "if-none-match", "x-api-key", "last-event-id"] {
            assert!(headers.contains(header), "{header} in {headers}");
        }
        assert_eq!(preflight(&bridge, path, "https://c.example").await.0, None);
        assert_eq!(preflight(&closed, path, "https://a.example").await.0, None);
        assert_eq!(preflight(&open, path, "https://c.example").await.0.as_deref(), Some("*"));
    }
    assert_eq!(preflight(&open, "/v1/ruleset", "https://c.example").await.0, None);
    for key in [key.as_str(), "nonsense"] {
        let request = Client::new()
            .post(format!("{}{FLAGS}", bridge.url()))
            .bearer_auth(key)
            .header("origin", "https://a.example");
        let response = request.body(r#"{"context":{}}"#).send().await.unwrap();
        assert_eq!(response.headers()["access-control-allow-origin"], "https://a.example");
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_lowercase();
        assert!(exposed.contains("etag") && exposed.contains("retry-after"), "{exposed}");
    }
}

//! One response at a time: the ruleset, and requests that nobody should send.

use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::shop::{readiness, shop};

#[tokio::test]
async fn the_ruleset_is_sent_again_only_if_it_changed() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let get = |tag: Option<String>| {
        let request =
            reqwest::Client::new().get(format!("{}/v1/ruleset", bridge.url())).bearer_auth(&shop.key);
        tag.into_iter().fold(request, |request, tag| request.header(IF_NONE_MATCH, tag)).send()
    };
    let whole = get(None).await.unwrap();
    let tag = whole.headers()[ETAG].to_str().unwrap().to_owned();
    assert_eq!(tag, format!("\"{}\"", shop.position().await));
    assert_eq!(whole.headers()[CACHE_CONTROL], "no-cache");
    assert!(!whole.headers().contains_key("fauna-stale"));
    assert_eq!(whole.json::<Value>().await.unwrap(), shop.ruleset().await);

    for held in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".into()] {
        let same = get(Some(held.clone())).await.unwrap();
        assert_eq!(same.status(), 304, "{held}");
        assert_eq!(same.headers()[ETAG], tag);
        assert_eq!(same.bytes().await.unwrap().len(), 0);
    }
    assert_eq!(get(Some("\"other\"".into())).await.unwrap().status(), 200);

    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    let fresh = fauna_tests::eventually("the change is served", || async {
        let response = get(Some(tag.clone())).await.unwrap();
        (response.status() == 200).then_some(response)
    })
    .await;
    assert_eq!(fresh.json::<Value>().await.unwrap(), shop.ruleset().await);
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_words() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let client = reqwest::Client::new();
    let code = async |method: Method, path: &str| {
        let url = format!("{}{path}", bridge.url());
        let response = client.request(method, url).bearer_auth(&shop.key).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap()["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(code(Method::GET, "/v1/nothing").await, (404, "not_found".into()));
    assert_eq!(code(Method::GET, "/v1/ruleset/..%2f..%2fetc").await, (404, "not_found".into()));
    assert_eq!(code(Method::POST, "/v1/ruleset").await, (405, "method_not_allowed".into()));
    assert_eq!(code(Method::DELETE, "/v1/stream").await, (405, "method_not_allowed".into()));
    for (method, path) in [
        (Method::GET, "/v1/usage"),
        (Method::PUT, "/v1/client/stream"),
        (Method::POST, "/metrics"),
        (Method::from_bytes(b"NONSENSE").unwrap(), "/readyz"),
    ] {
        assert_eq!(code(method, path).await, (405, "method_not_allowed".into()), "{path}");
    }
    for since in ["", "1", "x:y", "00000000-0000-0000-0000-000000000000:-1", "%00", "%ff%fe", "a&since=b"] {
        assert_eq!(
            code(Method::GET, &format!("/v1/stream?since={since}")).await,
            (400, "since_malformed".into()),
            "{since}"
        );
    }
}

#[tokio::test]
async fn bytes_that_are_no_request_get_a_4xx_or_the_door_and_harm_nobody() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let address = bridge.url().strip_prefix("http://").unwrap().to_owned();
    let long = format!("GET /v1/ruleset HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(1_000));
    for bytes in [
        &b"\r\n\r\n\x00\x00"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /v1/stream HTTP/1.1\r\nauthorization: Bearer \xff\xff\r\n\r\n",
        b"POST /v1/ruleset HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"GET /v1/\x00 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET /readyz HTTP/1.1\r\nhost: x\r\nx: \x00\r\n\r\n",
        b"GET /readyz HTTP/1.1\nhost: x\n: no name\n\n",
        b"GET\x20\x20/readyz HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /v1/usage HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/usage HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n",
        b"POST /v1/usage HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcde",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        // The bridge may close before it has read all of it.
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(fauna_tests::DEADLINE, socket.read_to_end(&mut answer))
            .await
            .expect("an end");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert_eq!(readiness(&bridge, true).await["stale"], false);
}

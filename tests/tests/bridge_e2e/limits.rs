//! What is too much, and how that is said.

use fauna_tests::{Bridge, eventually};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::events::{Block, open, request};
use crate::shop::{metric, readiness, shop};

async fn problem(response: reqwest::Response) -> (u16, String, Option<u64>) {
    let status = response.status().as_u16();
    let retry_after =
        response.headers().get("retry-after").map(|after| after.to_str().unwrap().parse().unwrap());
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["status"], status);
    (status, problem["code"].as_str().unwrap().to_owned(), retry_after)
}

async fn connect(bridge: &Bridge) -> TcpStream {
    TcpStream::connect(bridge.url().strip_prefix("http://").unwrap()).await.unwrap()
}

/// What comes until the other side closes.
async fn answer(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    tokio::time::timeout(fauna_tests::DEADLINE, socket.read_to_end(&mut bytes))
        .await
        .expect("an end")
        .unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_key_has_so_many_streams_and_another_key_its_own() {
    let shop = shop().await;
    let other = shop.create_key("production', 'server").await;
    let bridge = shop.bridge(&["--max-streams-per-key", "2"]).await;
    readiness(&bridge, true).await;
    let mut first = open(&bridge, &shop.key, None).await;
    first.change().await;
    let _second = open(&bridge, &shop.key, None).await;
    let refused = problem(request(&bridge, &shop.key, None).await).await;
    assert_eq!(refused, (429, "too_many_streams".into(), Some(10)));
    assert_eq!(request(&bridge, &other, None).await.status(), 200);
    drop(first);
    eventually("a place is free again", || async {
        request(&bridge, &shop.key, None).await.status().is_success().then_some(())
    })
    .await;
    let refusals = metric(&bridge, "fauna_refusals_total{kind=\"too_many_streams\"}").await;
    assert!(refusals >= Some(1.0), "{refusals:?}");
}

#[tokio::test]
async fn a_key_that_asks_too_often_is_told_when_to_ask_again() {
    let shop = shop().await;
    let other = shop.create_key("production', 'server").await;
    let bridge = shop.bridge(&["--max-requests-per-second", "3"]).await;
    readiness(&bridge, true).await;
    let ask = async |key: &str| {
        let url = format!("{}/v1/ruleset", bridge.url());
        reqwest::Client::new().get(url).bearer_auth(key).send().await.unwrap()
    };
    let refused = eventually("too often", || async {
        let response = ask(&shop.key).await;
        (!response.status().is_success()).then_some(response)
    })
    .await;
    assert_eq!(problem(refused).await, (429, "too_many_requests".into(), Some(1)));
    assert_eq!(ask(&other).await.status(), 200);
    eventually("later it may again", || async { ask(&shop.key).await.status().is_success().then_some(()) })
        .await;
    // Probes have no key and are never refused.
    for _ in 0..10 {
        readiness(&bridge, true).await;
    }
}

#[tokio::test]
async fn connections_beyond_the_maximum_are_told_so_and_the_others_stay() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--max-connections", "2"]).await;
    readiness(&bridge, true).await;
    let mut stream = open(&bridge, &shop.key, None).await;
    stream.change().await;
    let _silent = connect(&bridge).await;
    let mut refused = connect(&bridge).await;
    refused.write_all(b"GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let answer = answer(&mut refused).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(
        answer.contains("\r\nretry-after: 1\r\n") && answer.contains("\"too_many_connections\""),
        "{answer}"
    );
    eventually("a warning", || async {
        let warns = |line: &String| line.contains("WARN") && line.contains("--max-connections");
        bridge.log().iter().any(warns).then_some(())
    })
    .await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(stream.change().await.name, "patch");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_answered_with_408() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--request-timeout-ms", "300", "--heartbeat-ms", "400"]).await;
    readiness(&bridge, true).await;
    let mut socket = connect(&bridge).await;
    let head = format!(
        "POST /v1/usage HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\n{{",
        shop.key
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut socket).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("\"request_timeout\""), "{answer}");
    // A stream is open for longer than a request may take.
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    while events.block().await != Some(Block::Comment("heartbeat".into())) {}
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn a_page_of_a_named_origin_can_read_that_it_was_too_slow_or_one_too_many() {
    let shop = shop().await;
    let args =
        ["--cors-origins", "https://a.example", "--request-timeout-ms", "300", "--max-connections", "1"];
    let bridge = shop.bridge(&args).await;
    readiness(&bridge, true).await;
    let head = "POST /v1/usage HTTP/1.1\r\nhost: x\r\norigin: https://a.example\r\ncontent-length: 9\r\n";
    let request = format!("{head}authorization: Bearer {}\r\n\r\n{{", shop.key);
    let mut slow = eventually("there is room", || async {
        let mut socket = connect(&bridge).await;
        socket.write_all(request.as_bytes()).await.unwrap();
        // Who is one too many is told so at once.
        let early = tokio::time::timeout(std::time::Duration::from_millis(100), socket.readable()).await;
        early.is_err().then_some(socket)
    })
    .await;
    let mut many = connect(&bridge).await;
    many.write_all(request.as_bytes()).await.unwrap();
    for (socket, status) in [(&mut many, 503), (&mut slow, 408)] {
        let answer = answer(socket).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("\r\naccess-control-allow-origin: https://a.example\r\n"), "{answer}");
        assert!(answer.contains("\r\naccess-control-expose-headers: etag,retry-after"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off_and_harms_nobody() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--idle-timeout-ms", "500"]).await;
    readiness(&bridge, true).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut socket = connect(&bridge).await;
        socket.write_all(b"GET /v1/stream HTTP/1.1\r\nhost: x\r\nx-slow:").await.unwrap();
        slow.push(socket);
    }
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    for mut socket in slow {
        // Each further byte comes before the last has timed out, which does not help.
        let answer = async {
            let (mut read, mut write) = socket.split();
            let trickle = async {
                while write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                std::future::pending::<()>().await;
            };
            let mut bytes = Vec::new();
            tokio::select! {
                // A reset is an end as well.
                _ = read.read_to_end(&mut bytes) => bytes,
                () = trickle => unreachable!(),
            }
        };
        let bytes = tokio::time::timeout(fauna_tests::DEADLINE, answer).await.expect("an end");
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn a_head_of_more_than_eight_kibibytes_is_refused_with_431() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut socket = connect(&bridge).await;
    // Exactly what is too much and not a byte that nobody would read: closing on unread bytes resets the connection.
    let head = format!("GET /readyz HTTP/1.1\r\nhost: x\r\nx: {}", "y".repeat(8192));
    socket.write_all(&head.as_bytes()[..8192]).await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 431 "));
    let mut socket = connect(&bridge).await;
    let head =
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n", "y".repeat(8000));
    socket.write_all(head.as_bytes()).await.unwrap();
    assert!(answer(&mut socket).await.starts_with("HTTP/1.1 200 "));
}

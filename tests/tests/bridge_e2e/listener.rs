//! TLS and HTTP/2 on the bridge's own socket.

use std::fs;
use std::path::PathBuf;

use fauna_tests::{Authority, Bridge, eventually};
use reqwest::{Certificate, Client, ClientBuilder, Response, Version};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::events::{Block, Events};
use crate::shop::{Replica, Shop, shop};

/// A folder with a certificate for the loopback address.
struct Files {
    _folder: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (folder.path().join("bridge.crt"), folder.path().join("bridge.key"));
        let files = Self { _folder: folder, certificate, key, authority: Authority::new() };
        files.write(&files.authority);
        files
    }

    fn write(&self, authority: &Authority) {
        let certified = authority.certify("127.0.0.1");
        fs::write(&self.certificate, certified.certificate).expect("writing the certificate");
        fs::write(&self.key, certified.key).expect("writing the key");
    }

    async fn bridge(&self, shop: &Shop<'_>) -> Bridge {
        self.bridge_with(shop, &[]).await
    }

    async fn bridge_with(&self, shop: &Shop<'_>, args: &[&str]) -> Bridge {
        let (certificate, key) = (self.certificate.to_str().unwrap(), self.key.to_str().unwrap());
        let bridge = shop.bridge(&[&["--tls-cert", certificate, "--tls-key", key], args].concat()).await;
        let client = client(&self.authority).build().unwrap();
        eventually("readiness", || async {
            let answer = client.get(format!("{}/readyz", bridge.url())).send().await.expect("an answer");
            answer.status().is_success().then_some(())
        })
        .await;
        bridge
    }
}

fn client(authority: &Authority) -> ClientBuilder {
    let root = Certificate::from_pem(authority.certificate().as_bytes()).expect("a certificate");
    Client::builder().add_root_certificate(root)
}

async fn open(client: &Client, bridge: &Bridge, shop: &Shop<'_>, version: Version) -> Events {
    Events::of(request(client, bridge, &shop.key, version).await)
}

/// Opens a stream of which nothing is read yet.
async fn request(client: &Client, bridge: &Bridge, key: &str, version: Version) -> Response {
    let request = client.get(format!("{}/v1/stream", bridge.url())).bearer_auth(key);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.version(), version);
    response
}

#[tokio::test]
async fn streams_over_both_versions_of_http_get_a_change_and_end_in_order() {
    let (shop, files) = (shop().await, Files::new());
    let mut bridge = files.bridge(&shop).await;
    let (one, two) =
        (client(&files.authority).http1_only().build().unwrap(), client(&files.authority).build().unwrap());
    // The second and third share a connection, as a browser's do.
    let mut streams = [
        open(&one, &bridge, &shop, Version::HTTP_11).await,
        open(&two, &bridge, &shop, Version::HTTP_2).await,
        open(&two, &bridge, &shop, Version::HTTP_2).await,
    ];
    let mut replicas = [Replica::default(), Replica::default(), Replica::default()];
    for (replica, events) in replicas.iter_mut().zip(&mut streams) {
        replica.apply(&events.change().await);
    }
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    for (replica, events) in replicas.iter_mut().zip(&mut streams) {
        replica.apply(&events.change().await);
        assert_eq!(replica.ruleset(), shop.ruleset().await);
    }
    bridge.signal("TERM");
    for events in &mut streams {
        assert!(matches!(events.rest().await[..], [Block::Retry(_)]));
    }
    assert_eq!(bridge.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_new_certificate_is_taken_on_sighup_and_open_streams_stay() {
    let (shop, files) = (shop().await, Files::new());
    let bridge = files.bridge(&shop).await;
    let old = client(&files.authority).build().unwrap();
    let mut events = open(&old, &bridge, &shop, Version::HTTP_2).await;
    events.change().await;

    // One that cannot be used changes nothing.
    fs::write(&files.key, "nonsense").unwrap();
    bridge.signal("HUP");
    let logged = |words: &'static str| {
        let bridge = &bridge;
        eventually(words, move || async move { bridge.log().into_iter().find(|line| line.contains(words)) })
    };
    assert!(logged("get the old certificate").await.contains("--tls-key"));
    let another = client(&files.authority).build().unwrap();
    open(&another, &bridge, &shop, Version::HTTP_2).await.change().await;

    let authority = Authority::new();
    files.write(&authority);
    bridge.signal("HUP");
    logged("get the new certificate").await;
    let new = client(&authority).build().unwrap();
    open(&new, &bridge, &shop, Version::HTTP_2).await.change().await;
    let url = format!("{}/healthz", bridge.url());
    assert!(client(&files.authority).build().unwrap().get(&url).send().await.is_err(), "the old one is gone");
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_not_answered_and_harms_nobody() {
    let (shop, files) = (shop().await, Files::new());
    let bridge = files.bridge(&shop).await;
    let address = bridge.url().strip_prefix("https://").unwrap().to_owned();
    for bytes in [&b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"[..], b"\x16\x03\x01\xff\xff", b"\0\0\0\0"] {
        let mut socket = TcpStream::connect(&address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // An alert of TLS at most, or a reset.
        let _ = socket.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    }
    let client = client(&files.authority).build().unwrap();
    open(&client, &bridge, &shop, Version::HTTP_2).await.change().await;
}

#[tokio::test]
async fn a_stream_of_http2_that_is_not_read_ends_and_the_others_of_its_connection_stay() {
    let (shop, files) = (shop().await, Files::new());
    // More than the stream's window, so that a part of the first event waits for room.
    shop.run("SELECT fauna.create_flag('large', 'string', json_build_object('a', repeat('x', 200000)))")
        .await;
    let revoked = shop.create_key("production', 'server").await;
    let bridge = files.bridge_with(&shop, &["--write-timeout-ms", "500", "--heartbeat-ms", "200"]).await;
    let client = client(&files.authority).http2_initial_stream_window_size(65_535).build().unwrap();
    let mut read = open(&client, &bridge, &shop, Version::HTTP_2).await;
    let unread = request(&client, &bridge, &revoked, Version::HTTP_2).await;
    read.change().await;
    shop.run(&format!("SELECT fauna.revoke_sdk_key('{revoked}')")).await;
    assert_eq!(read.change().await.name, "patch");
    eventually("the stream is gone", || async {
        let metrics =
            client.get(format!("{}/metrics", bridge.url())).send().await.unwrap().text().await.unwrap();
        assert!(metrics.contains("fauna_connections 1\n"), "{metrics}");
        metrics.contains("fauna_streams{environment=\"production\",kind=\"server\"} 1\n").then_some(())
    })
    .await;
    let error = unread.bytes().await.expect_err("it was reset");
    assert!(!error.is_timeout(), "{error:?}");
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(read.change().await.name, "patch");
}

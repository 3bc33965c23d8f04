//! The network between bridge and PostgreSQL is cut, stalls, or is slow; servers are restarted; several bridges must agree.

use std::time::{Duration, Instant};

use fauna_tests::random::Dice;
use fauna_tests::{Bridge, Cluster, Pooler, Proxy, cluster, eventually};
use serde_json::Value;

use crate::events::{Block, Change, Events, open};
use crate::shop::{Replica, Shop, bridge, readiness, shop};

/// Impatient, so that a test need not be patient.
const IMPATIENT: &[&str] = &[
    "--database-timeout-ms",
    "1000",
    "--resync-interval-ms",
    "500",
    "--reconnect-max-ms",
    "500",
    "--poll-interval-ms",
    "100",
];

/// A client that follows a stream and hears whether it is stale.
struct Follower {
    replica: Replica,
    events: Events,
    is_stale: bool,
}

impl Follower {
    async fn start(bridge: &Bridge, shop: &Shop<'_>) -> Self {
        let mut events = open(bridge, &shop.key, None).await;
        let mut replica = Replica::default();
        replica.apply(&events.change().await);
        Self { replica, events, is_stale: false }
    }

    async fn step(&mut self) {
        match self.events.block().await.expect("the stream goes on") {
            Block::Event { id: None, data, .. } => {
                self.is_stale = data["stale"].as_bool().expect("a boolean");
            }
            Block::Event { id: Some(id), name, data } => self.replica.apply(&Change { id, name, data }),
            Block::Retry(_) | Block::Comment(_) => {}
        }
    }

    /// Until it holds what the database says and knows that it does.
    async fn agree(&mut self, shop: &Shop<'_>) {
        while self.is_stale || self.replica.id != shop.position().await {
            self.step().await;
        }
        assert_eq!(self.replica.ruleset(), shop.ruleset().await);
    }
}

async fn ruleset(bridge: &Bridge, shop: &Shop<'_>) -> Value {
    let request = reqwest::Client::new().get(format!("{}/v1/ruleset", bridge.url())).bearer_auth(&shop.key);
    request.send().await.expect("an answer").json().await.expect("JSON")
}

#[tokio::test]
async fn when_the_network_comes_back_clients_hold_the_exact_state_within_ten_seconds() {
    let shop = shop().await;
    let proxy = Proxy::start(shop.database.cluster().port()).await;
    let bridge = bridge(&proxy.conninfo(&shop.database), IMPATIENT).await;
    readiness(&bridge, true).await;
    let mut clients = [Follower::start(&bridge, &shop).await, Follower::start(&bridge, &shop).await];
    for fail in [Proxy::cut, Proxy::stall, Proxy::cut] {
        fail(&proxy);
        for client in &mut clients {
            while !client.is_stale {
                client.step().await;
            }
        }
        shop.run("SELECT fauna.create_flag('f' || md5(random()::text))").await;
        assert_ne!(clients[0].replica.id, shop.position().await);
        assert_eq!(readiness(&bridge, true).await["stale"], true);

        proxy.pass();
        let restored = Instant::now();
        for client in &mut clients {
            client.agree(&shop).await;
        }
        assert!(restored.elapsed() < Duration::from_secs(10), "{:?}", restored.elapsed());
    }
}

#[tokio::test]
async fn a_slow_network_delays_changes_and_makes_nothing_stale() {
    let shop = shop().await;
    let proxy = Proxy::start(shop.database.cluster().port()).await;
    let bridge = bridge(&proxy.conninfo(&shop.database), IMPATIENT).await;
    readiness(&bridge, true).await;
    let mut client = Follower::start(&bridge, &shop).await;
    proxy.delay(Duration::from_millis(150));
    for change in ["SELECT fauna.enable('checkout', 'production')", "SELECT fauna.create_flag('slow')"] {
        shop.run(change).await;
        while client.replica.id != shop.position().await {
            client.step().await;
            assert!(!client.is_stale);
        }
    }
    assert_eq!(client.replica.ruleset(), shop.ruleset().await);
    // A session that begins over it comes about, too.
    let late = crate::shop::bridge(&proxy.conninfo(&shop.database), &["--database-timeout-ms", "5000"]).await;
    readiness(&late, true).await;
    assert_eq!(ruleset(&late, &shop).await, shop.ruleset().await);
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_does_not_use_up_the_time_of_the_next() {
    let shop = shop().await;
    let port = shop.database.cluster().port();
    let proxy = Proxy::start(port).await;
    proxy.stall();
    let both =
        format!("postgresql://postgres@127.0.0.1:{},127.0.0.1:{port}/{}", proxy.port(), shop.database.name());
    let bridge = bridge(&both, IMPATIENT).await;
    readiness(&bridge, true).await;
    let mut client = Follower::start(&bridge, &shop).await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    client.agree(&shop).await;
}

#[tokio::test]
async fn a_server_that_is_restarted_in_order_is_followed_as_before() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let bridge = bridge(&shop.database.conninfo(), IMPATIENT).await;
    readiness(&bridge, true).await;
    let mut client = Follower::start(&bridge, &shop).await;
    let epoch = client.replica.id.split(':').next().unwrap().to_owned();
    for _ in 0..2 {
        cluster.stop();
        cluster.launch();
        let restarted = Instant::now();
        shop.run("SELECT fauna.create_flag('f' || md5(random()::text))").await;
        client.agree(&shop).await;
        assert!(restarted.elapsed() < Duration::from_secs(10), "{:?}", restarted.elapsed());
        assert!(client.replica.id.starts_with(&epoch), "the same log");
    }
}

/// Changes that leave `production`, and the server key that everybody uses, alone.
const CHANGES: &[&str] = &[
    "SELECT fauna.create_flag('{flag}')",
    "SELECT fauna.delete_flag('{flag}')",
    "SELECT fauna.enable('{flag}', 'production')",
    "SELECT fauna.disable('{flag}', 'production')",
    "SELECT fauna.rollout('{flag}', {number}0, environment => 'production')",
    "SELECT fauna.archive_flag('{flag}')",
    "SELECT fauna.create_audience('{audience}')",
    "SELECT fauna.delete_audience('{audience}')",
    "SELECT fauna.create_sdk_key('production', 'client')",
    "SELECT fauna.new_epoch()",
];

#[tokio::test]
async fn three_bridges_on_one_database_agree_after_random_changes_whatever_stands_before_it() {
    let shop = shop().await;
    let proxy = Proxy::start(shop.database.cluster().port()).await;
    let pooler = Pooler::start(cluster(), &[]);
    let bridges = [
        bridge(&shop.database.conninfo(), IMPATIENT).await,
        bridge(&proxy.conninfo(&shop.database), IMPATIENT).await,
        bridge(&pooler.conninfo(&shop.database), IMPATIENT).await,
    ];
    let mut clients = Vec::new();
    for bridge in &bridges {
        readiness(bridge, true).await;
        clients.push(Follower::start(bridge, &shop).await);
    }
    let mut dice = Dice(20);
    let mut applied = 0;
    for round in 0..120 {
        let sql = dice.fill(CHANGES);
        // Some are refused, depending on what went before.
        applied += u32::from(shop.database.connect().await.batch_execute(&sql).await.is_ok());
        match round % 40 {
            10 => proxy.cut(),
            20 => proxy.delay(Duration::from_millis(20)),
            30 => proxy.stall(),
            39 => proxy.pass(),
            _ => {}
        }
    }
    assert!(applied > 40, "{applied} changes");
    for client in &mut clients {
        client.agree(&shop).await;
    }
    let expected = shop.ruleset().await;
    for bridge in &bridges {
        eventually("every bridge agrees", || async {
            (ruleset(bridge, &shop).await == expected).then_some(())
        })
        .await;
    }
}

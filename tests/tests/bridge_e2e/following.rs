//! Where LISTEN cannot work, and where the database moves to another server.

use std::time::{Duration, Instant};

use fauna_tests::{Bridge, Pooler, cluster, eventually};

use crate::events::{Block, Change, Events, open, request};
use crate::pair::Pair;
use crate::shop::{Replica, Shop, bridge, metric, readiness, shop};

const POLL: &[&str] = &["--poll-interval-ms", "100"];

fn logged(bridge: &Bridge, words: &str) -> usize {
    bridge.log().iter().filter(|line| line.contains(words)).count()
}

/// Takes what the stream brings until the client holds what the database says.
async fn agree(replica: &mut Replica, events: &mut Events, shop: &Shop<'_>) {
    while replica.id != shop.position().await {
        replica.apply(&events.change().await);
    }
    assert_eq!(replica.ruleset(), shop.ruleset().await);
}

async fn follow(bridge: &Bridge, shop: &Shop<'_>) -> (Replica, Events) {
    let (mut replica, mut events) = (Replica::default(), open(bridge, &shop.key, None).await);
    replica.apply(&events.change().await);
    (replica, events)
}

#[tokio::test]
async fn on_a_standby_the_bridge_polls_and_says_so_once_and_listens_when_it_is_promoted() {
    let pair = Pair::start().await;
    let (primary, standby) = (pair.shop(), pair.standby_shop());
    pair.replicated().await;

    let bridge = bridge(&standby.database.conninfo(), POLL).await;
    readiness(&bridge, true).await;
    let (mut replica, mut events) = follow(&bridge, &standby).await;
    for change in ["SELECT fauna.enable('checkout', 'production')", "SELECT fauna.create_flag('new')"] {
        primary.run(change).await;
        pair.replicated().await;
        let before = replica.id.clone();
        agree(&mut replica, &mut events, &standby).await;
        assert_ne!(replica.id, before);
    }
    assert_eq!(metric(&bridge, "fauna_database_polling").await, Some(1.0));
    // A lost connection is no news about the server.
    standby
        .database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fauna-bridge'",
        )
        .await;
    primary.run("SELECT fauna.disable('checkout', 'production')").await;
    pair.replicated().await;
    agree(&mut replica, &mut events, &standby).await;
    assert_eq!(logged(&bridge, "hot standby"), 1);

    pair.primary.kill();
    pair.standby.promote();
    eventually("the bridge listens", || async {
        (logged(&bridge, "listening for changes") == 1).then_some(())
    })
    .await;
    assert_eq!(metric(&bridge, "fauna_database_polling").await, Some(0.0));
    standby.run("SELECT fauna.enable('checkout', 'production')").await;
    let old = replica.id.clone();
    agree(&mut replica, &mut events, &standby).await;
    assert_ne!(old.split(':').next(), replica.id.split(':').next(), "a new epoch");
    assert_eq!(logged(&bridge, "hot standby"), 1);
}

#[tokio::test]
async fn behind_a_transaction_pooler_the_bridge_polls_and_leaves_nothing_in_the_sessions_it_borrows() {
    let shop = shop().await;
    let pooler = Pooler::start(cluster(), &[]);
    let bridge = bridge(&pooler.conninfo(&shop.database), POLL).await;
    readiness(&bridge, true).await;
    let (mut replica, mut events) = follow(&bridge, &shop).await;
    let first = replica.id.clone();
    for change in ["SELECT fauna.enable('checkout', 'production')", "SELECT fauna.create_flag('new')"] {
        shop.run(change).await;
        agree(&mut replica, &mut events, &shop).await;
    }
    // Another bridge, whose memory is empty, has to ask the log.
    let other = crate::shop::bridge(&pooler.conninfo(&shop.database), POLL).await;
    readiness(&other, true).await;
    let patch: Change = open(&other, &shop.key, Some(&first)).await.change().await;
    assert_eq!(patch.name, "patch");
    assert_eq!(metric(&other, "fauna_streams_started_total{kind=\"log\"}").await, Some(1.0));

    for bridge in [&bridge, &other] {
        assert_eq!(logged(bridge, "transaction pooler"), 1);
        assert_eq!(logged(bridge, "no connection"), 0);
    }
    // The pool is one session: this is the one that both have borrowed.
    let borrower = pooler.connect(&shop.database).await;
    let row = borrower
        .query_typed_one(
            "SELECT (SELECT count(*) FROM pg_prepared_statements), (SELECT count(*) FROM pg_listening_channels()),
                (SELECT count(*) FROM pg_settings WHERE source = 'session'
                  AND name NOT IN ('application_name', 'client_encoding', 'transaction_isolation', 'transaction_read_only',
                                   'transaction_deferrable'))",
            &[],
        )
        .await
        .expect("what is left");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (0, 0, 0));
}

#[tokio::test]
async fn a_pooler_is_recognised_whichever_session_it_lends_next_unless_it_pools_sessions() {
    let shop = shop().await;
    for (settings, polls) in [
        ("default_pool_size = 5", 1.0),
        ("default_pool_size = 2\nmin_pool_size = 2\nserver_round_robin = 1", 1.0),
        ("default_pool_size = 5\nmin_pool_size = 5\nserver_round_robin = 1", 1.0),
        ("default_pool_size = 5\npool_mode = session", 0.0),
    ] {
        let pooler = Pooler::start_with(cluster(), &[], settings);
        let bridge = bridge(&pooler.conninfo(&shop.database), POLL).await;
        readiness(&bridge, true).await;
        let (mut replica, mut events) = follow(&bridge, &shop).await;
        shop.run("SELECT fauna.create_flag('f' || md5(random()::text))").await;
        agree(&mut replica, &mut events, &shop).await;
        assert_eq!(metric(&bridge, "fauna_database_polling").await, Some(polls), "{settings}");
    }
}

/// Kills the primary, promotes the standby, and measures until every client holds what the new primary says.
async fn fail_over(parameters: &str) {
    let pair = Pair::start().await;
    let (primary, standby) = (pair.shop(), pair.standby_shop());
    let bridge = bridge(&pair.conninfo(parameters), POLL).await;
    readiness(&bridge, true).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(follow(&bridge, &primary).await);
    }
    primary.run("SELECT fauna.enable('checkout', 'production')").await;
    for (replica, events) in &mut clients {
        agree(replica, events, &primary).await;
    }
    let old = clients[0].0.id.clone();
    pair.replicated().await;

    pair.primary.kill();
    pair.standby.promote();
    let recovered = Instant::now();
    standby.run("SELECT fauna.create_flag('after')").await;
    for (replica, events) in &mut clients {
        agree(replica, events, &standby).await;
        assert_ne!(old.split(':').next(), replica.id.split(':').next(), "a new epoch");
    }
    assert!(recovered.elapsed() < Duration::from_secs(10), "{:?}", recovered.elapsed());
    // And from there on it is told.
    eventually("the bridge listens", || async {
        (metric(&bridge, "fauna_database_polling").await == Some(0.0)).then_some(())
    })
    .await;
    standby.run("SELECT fauna.delete_flag('after')").await;
    for (replica, events) in &mut clients {
        agree(replica, events, &standby).await;
    }
    assert_eq!(readiness(&bridge, true).await["stale"], false);
}

#[tokio::test]
async fn when_the_primary_dies_clients_hold_what_the_promoted_standby_says_within_ten_seconds() {
    fail_over("?target_session_attrs=read-write").await;
}

#[tokio::test]
async fn a_bridge_that_takes_any_server_goes_on_at_the_standby_and_follows_its_promotion() {
    fail_over("").await;
}

#[tokio::test]
async fn a_standby_that_lags_does_not_take_clients_back() {
    let pair = Pair::start().await;
    let (primary, standby) = (pair.shop(), pair.standby_shop());
    pair.replicated().await;
    pair.pause().await;
    let bridge = bridge(&pair.conninfo(""), POLL).await;
    readiness(&bridge, true).await;
    let (mut replica, mut events) = follow(&bridge, &primary).await;
    // What the standby does not know: a revision, an epoch, an environment.
    primary.run("SELECT fauna.enable('checkout', 'production')").await;
    agree(&mut replica, &mut events, &primary).await;
    primary.run("SELECT fauna.new_epoch(); SELECT fauna.create_environment('later')").await;
    agree(&mut replica, &mut events, &primary).await;
    let later = primary.create_key("later', 'server").await;
    eventually("the key works", || async {
        (request(&bridge, &later, None).await.status() == 200).then_some(())
    })
    .await;
    let mut later_events = open(&bridge, &later, None).await;
    let in_later = later_events.change().await;
    let (ahead, ruleset) = (replica.id.clone(), primary.ruleset().await);
    pair.received().await;

    pair.primary.kill();
    eventually("the bridge reads the standby", || async {
        (metric(&bridge, "fauna_database_polling").await == Some(1.0)).then_some(())
    })
    .await;
    assert_ne!(standby.position().await, ahead);
    let again = open(&bridge, &primary.key, None).await.change().await;
    assert_eq!((&again.id, &again.data), (&ahead, &ruleset));
    assert_eq!(open(&bridge, &later, None).await.change().await, in_later);
    pair.resume().await;
    eventually("the standby is there, too", || async { (standby.position().await == ahead).then_some(()) })
        .await;
    pair.standby.promote();
    standby.run("SELECT fauna.disable('checkout', 'production')").await;
    agree(&mut replica, &mut events, &standby).await;
    standby.run("SELECT fauna.delete_environment('later')").await;
    later_events.rest().await;
}

#[tokio::test]
async fn a_client_that_is_ahead_of_a_standby_keeps_its_state_until_the_standby_is_there() {
    let pair = Pair::start().await;
    let (primary, standby) = (pair.shop(), pair.standby_shop());
    pair.replicated().await;
    pair.pause().await;
    primary.run("SELECT fauna.enable('checkout', 'production')").await;
    let ahead = primary.position().await;
    // A bridge that knows the standby only, and a client that has been told by another.
    let bridge =
        bridge(&standby.database.conninfo(), &["--poll-interval-ms", "100", "--heartbeat-ms", "500"]).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &primary.key, Some(&ahead)).await;
    let mut beats = 0;
    while beats < 2 {
        match events.block().await.expect("the stream goes on") {
            Block::Comment(_) => beats += 1,
            block => assert!(matches!(block, Block::Retry(_)), "{block:?}"),
        }
    }
    pair.resume().await;
    primary.run("SELECT fauna.disable('checkout', 'production')").await;
    let patch = events.change().await;
    assert_eq!((patch.name.as_str(), &patch.id), ("patch", &primary.position().await));
    assert_eq!(patch.data["from"].to_string(), ahead.split(':').nth(1).unwrap());
}

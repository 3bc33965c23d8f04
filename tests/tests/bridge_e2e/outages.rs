//! PostgreSQL goes and comes, is not what it should be, or is another one; and the bridge itself is told to go.

use fauna_tests::{Cluster, Database, eventually};
use serde_json::Value;

use crate::events::{Block, Change, open, request};
use crate::shop::{Replica, Shop, bridge, metric, readiness, shop};

#[tokio::test]
async fn after_kill_9_of_postgres_the_stream_stays_and_a_change_made_meanwhile_arrives() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut replica = Replica::default();
    let mut events = open(&bridge, &shop.key, None).await;
    replica.apply(&events.change().await);

    cluster.kill();
    assert!(events.stale().await);
    let answer = readiness(&bridge, true).await;
    assert_eq!(answer["stale"], true);
    let response = reqwest::Client::new()
        .get(format!("{}/v1/ruleset", bridge.url()))
        .bearer_auth(&shop.key)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["fauna-stale"]),
        (200, &"true".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap(), replica.ruleset());
    // Who comes now gets the last known state, and is told; a wrong key is still a wrong key.
    let mut late = open(&bridge, &shop.key, None).await;
    assert_eq!(late.headers["fauna-stale"], "true");
    assert!(late.stale().await);
    assert_eq!(late.change().await.data, replica.ruleset());
    let unknown = request(&bridge, &format!("fauna_sk_{}", "0".repeat(64)), None).await;
    assert_eq!(unknown.status(), 401);
    assert!(metric(&bridge, "fauna_stale_seconds").await.unwrap() > 0.0);

    cluster.launch();
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    for stream in [&mut events, &mut late] {
        // Told that all is well, and of the change, in whichever order they came about.
        let mut own = Replica::default();
        own.apply(&Change { name: "put".into(), id: replica.id.clone(), data: replica.ruleset() });
        let mut stale = true;
        while stale || own.id != shop.position().await {
            match stream.block().await.unwrap() {
                Block::Event { id: None, data, .. } => stale = data["stale"].as_bool().unwrap(),
                Block::Event { id: Some(id), name, data } => {
                    own.apply(&Change { id, name, data });
                }
                _ => {}
            }
        }
        assert_eq!(own.ruleset(), shop.ruleset().await);
    }
    assert_eq!(readiness(&bridge, true).await["stale"], false);
}

#[tokio::test]
async fn a_database_server_that_comes_late_is_found() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    cluster.kill();
    let bridge = shop.database.bridge().await;
    assert_eq!(request(&bridge, &shop.key, None).await.status(), 503);
    cluster.launch();
    readiness(&bridge, true).await;
    assert_eq!(open(&bridge, &shop.key, None).await.change().await.data, shop.ruleset().await);
}

#[tokio::test]
async fn a_lost_connection_alone_is_repaired_without_a_word_to_clients() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    shop.database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE application_name = 'fauna-bridge' AND datname = current_database()",
        )
        .await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    // `block`, not `change`: nothing may come before the patch.
    assert!(matches!(events.block().await, Some(Block::Event { name, .. }) if name == "patch"));
}

#[tokio::test]
async fn a_second_loss_after_a_repair_is_logged_again() {
    let shop = shop().await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    for losses in 1..=2 {
        shop.database
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE application_name = 'fauna-bridge' AND datname = current_database()",
            )
            .await;
        let logged = |words: &str| bridge.log().iter().filter(|line| line.contains(words)).count();
        eventually("a warning and its end", || async {
            // Twice within seconds counts as an outage, which has its own end.
            let repaired = logged("connected to PostgreSQL again") + logged("in touch with PostgreSQL") - 1;
            (logged("no connection to PostgreSQL") >= losses && repaired >= losses).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_commit_that_was_not_announced_is_found_by_the_safety_net() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--resync-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let before = events.change().await;
    // What a trigger that was lost would leave behind: a new revision and no notification.
    shop.run(
        "UPDATE fauna.heads SET revision = revision + 1 WHERE environment_key = 'production';
         UPDATE fauna.documents SET doc = jsonb_set(doc, '{salt}', '\"other\"'),
                revision = (SELECT revision FROM fauna.heads WHERE environment_key = 'production')
          WHERE environment_key = 'production' AND kind = 'flag'",
    )
    .await;
    let patch = events.change().await;
    assert_eq!(patch.data["from"], before.data["revision"]);
    assert_eq!(patch.data["flags"]["checkout"]["salt"], "other");
}

#[tokio::test]
async fn without_the_extension_the_bridge_says_so_and_waits_for_it() {
    let database = Database::create_empty(fauna_tests::cluster()).await;
    let bridge = bridge(&database.conninfo(), &["--reconnect-max-ms", "200"]).await;
    eventually("a clear word", || async {
        bridge
            .log()
            .iter()
            .any(|line| line.contains("CREATE EXTENSION fauna") && line.contains("WARN"))
            .then_some(())
    })
    .await;
    assert_eq!(readiness(&bridge, false).await["loaded"], false);
    database.execute("CREATE EXTENSION fauna; SELECT fauna.create_environment('production')").await;
    readiness(&bridge, true).await;
}

#[tokio::test]
async fn without_privileges_the_bridge_says_which_grant_it_needs_and_needs_no_other() {
    let shop = shop().await;
    let role = format!("bridge_{}", shop.database.name());
    shop.database.execute(&format!("CREATE ROLE {role} LOGIN")).await;
    let conninfo = shop.database.cluster().conninfo_as(&role, shop.database.name());
    let bridge = bridge(&conninfo, &["--reconnect-max-ms", "200"]).await;
    eventually("a clear word", || async {
        bridge.log().iter().any(|line| line.contains("fauna.grant(") && line.contains("WARN")).then_some(())
    })
    .await;
    assert_eq!(readiness(&bridge, false).await["loaded"], false);
    shop.database.execute(&format!("SELECT fauna.grant('{role}', 'bridge')")).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let put = events.change().await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    events.change().await;
    // The log, too, is open to this role.
    drop(bridge);
    let bridge = crate::shop::bridge(&conninfo, &[]).await;
    readiness(&bridge, true).await;
    assert_eq!(open(&bridge, &shop.key, Some(&put.id)).await.change().await.name, "patch");
}

#[tokio::test]
async fn a_restored_database_under_the_same_name_carries_on_in_its_own_epoch() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let bridge = shop.database.bridge().await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    let old = events.change().await;

    let name = shop.database.name();
    let dump = cluster.folder().join("dump");
    let dump = dump.to_str().unwrap();
    cluster.run("pg_dump", &["--format=custom", "--file", dump, &shop.database.conninfo()]);
    let admin = Database::existing(&cluster, "postgres");
    admin.execute(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
    admin.execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    cluster.run("pg_restore", &["--single-transaction", "--dbname", &shop.database.conninfo(), dump]);

    let put = loop {
        let change = events.change().await;
        if change.id == shop.position().await {
            break change;
        }
    };
    assert_eq!(put.name, "put");
    assert_ne!(put.data["epoch"], old.data["epoch"]);
    assert_eq!(put.data["flags"], old.data["flags"]);
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn on_sigterm_readiness_goes_streams_end_in_order_and_the_process_ends_well() {
    let shop = shop().await;
    let mut bridge = shop.bridge(&["--drain-delay-ms", "2000", "--retry-ms", "1000"]).await;
    readiness(&bridge, true).await;
    let mut streams = [open(&bridge, &shop.key, None).await, open(&bridge, &shop.key, None).await];
    for stream in &mut streams {
        stream.change().await;
    }
    bridge.signal("TERM");
    for stream in &mut streams {
        assert!(matches!(stream.rest().await[..], [Block::Retry(500..=1500)]));
    }
    let answer = readiness(&bridge, false).await;
    assert_eq!((&answer["draining"], &answer["loaded"]), (&true.into(), &true.into()));
    let late = request(&bridge, &shop.key, None).await;
    assert_eq!((late.status().as_u16(), late.headers().contains_key("retry-after")), (503, true));
    assert_eq!(bridge.exit_code().await, Some(0));
}

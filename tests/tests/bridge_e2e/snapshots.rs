//! A bridge that starts while PostgreSQL is away, and what it kept for that.

use std::fs;
use std::path::{Path, PathBuf};

use fauna_tests::{Bridge, Cluster, eventually};

use crate::events::{Events, open, request};
use crate::pair::Pair;
use crate::shop::{Replica, Shop, bridge, metric, readiness, shop};

/// A folder for snapshots, and the arguments that name it.
fn folder() -> (tempfile::TempDir, [String; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("snapshots").to_str().expect("UTF-8").to_owned();
    (folder, ["--snapshot-dir".into(), path])
}

async fn start(conninfo: &str, kept: &[String; 2]) -> Bridge {
    bridge(conninfo, &[&kept[0], &kept[1], "--reconnect-max-ms", "200"]).await
}

fn file(kept: &[String; 2]) -> PathBuf {
    Path::new(&kept[1]).join("production.snapshot")
}

/// Waits until the file has this position's revision.
async fn saved(kept: &[String; 2], position: &str) {
    let (epoch, revision) = position.split_once(':').expect("a position");
    let (epoch, revision) = (format!("\"{epoch}\""), format!("\"revision\":{revision},"));
    eventually("the snapshot is written", || async {
        let text = fs::read_to_string(file(kept)).unwrap_or_default();
        (text.contains(&epoch) && text.contains(&revision)).then_some(())
    })
    .await;
}

fn warned(bridge: &Bridge, words: &str) -> usize {
    bridge.log().iter().filter(|line| line.contains("WARN") && line.contains(words)).count()
}

async fn refused(bridge: &Bridge, key: &str) -> (u16, String) {
    let response = request(bridge, key, None).await;
    let status = response.status().as_u16();
    let problem: serde_json::Value = response.json().await.expect("a problem");
    (status, problem["code"].as_str().expect("a code").to_owned())
}

async fn first(bridge: &Bridge, key: &str) -> (Replica, Events) {
    let (mut replica, mut events) = (Replica::default(), open(bridge, key, None).await);
    assert_eq!(events.headers["fauna-stale"], "true");
    assert!(events.stale().await);
    replica.apply(&events.change().await);
    (replica, events)
}

#[tokio::test]
async fn a_bridge_that_starts_without_postgres_serves_what_was_last_known_and_says_so() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let revoked = shop.create_key("production', 'server").await;
    let (_folder, kept) = folder();
    let before = start(&shop.database.conninfo(), &kept).await;
    readiness(&before, true).await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    shop.run(&format!("SELECT fauna.revoke_sdk_key('{revoked}')")).await;
    let (position, ruleset) = (shop.position().await, shop.ruleset().await);
    saved(&kept, &position).await;
    assert!(!fs::read_to_string(file(&kept)).unwrap().contains(&shop.key));
    drop(before);
    cluster.kill();

    let bridge = start(&shop.database.conninfo(), &kept).await;
    let answer = readiness(&bridge, true).await;
    assert_eq!(
        (&answer["stale"], &answer["environments"]["production"]),
        (&true.into(), &position.as_str().into())
    );
    let (mut replica, mut events) = first(&bridge, &shop.key).await;
    assert_eq!((&replica.id, &replica.ruleset()), (&position, &ruleset));
    assert_eq!(refused(&bridge, &revoked).await, (401, "key_revoked".into()));
    // It may have been made since.
    let unknown = format!("fauna_sk_{}", "0".repeat(64));
    assert_eq!(refused(&bridge, &unknown).await, (503, "not_loaded".into()));
    assert_eq!(warned(&bridge, "serving a snapshot"), 1);

    cluster.launch();
    shop.run("SELECT fauna.create_flag('after')").await;
    while replica.id != shop.position().await {
        let change = events.change().await;
        assert_eq!(change.name, "patch");
        replica.apply(&change);
    }
    assert_eq!(replica.ruleset(), shop.ruleset().await);
    assert_eq!(readiness(&bridge, true).await["stale"], false);
    assert_eq!(refused(&bridge, &unknown).await, (401, "key_unknown".into()));
}

#[tokio::test]
async fn a_snapshot_is_not_served_while_postgres_answers() {
    let shop = shop().await;
    let (_folder, kept) = folder();
    let before = start(&shop.database.conninfo(), &kept).await;
    readiness(&before, true).await;
    saved(&kept, &shop.position().await).await;
    drop(before);
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    let bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    assert_eq!(open(&bridge, &shop.key, None).await.change().await.id, shop.position().await);
    assert_eq!(warned(&bridge, "snapshot"), 0);
    // An environment that is gone is gone from the folder, too.
    shop.run("SELECT fauna.delete_environment('production')").await;
    eventually("the file is removed", || async { (!file(&kept).exists()).then_some(()) }).await;
}

#[tokio::test]
async fn what_is_marked_when_the_process_is_told_to_end_is_written_before_it_does() {
    let shop = shop().await;
    let (_folder, kept) = folder();
    let mut bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    for _ in 0..3 {
        shop.run("SELECT fauna.create_flag('f' || md5(random()::text))").await;
        events.change().await;
    }
    bridge.signal("TERM");
    assert_eq!(bridge.exit_code().await, Some(0));
    let text = fs::read_to_string(file(&kept)).unwrap();
    let revision = shop.position().await.split(':').nth(1).unwrap().to_owned();
    assert!(text.contains(&format!("\"revision\":{revision},")));
}

#[tokio::test]
async fn a_disk_that_hangs_does_not_keep_a_process_that_is_told_to_end() {
    let shop = shop().await;
    let (_folder, kept) = folder();
    let mut bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    let position = shop.position().await;
    saved(&kept, &position).await;
    // Whoever writes here waits for the lock, and in vain.
    let lock = fs::File::open(Path::new(&kept[1]).join(".lock")).unwrap();
    lock.lock().unwrap();
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
    bridge.signal("TERM");
    assert_eq!(bridge.exit_code().await, Some(0));
    eventually("a warning", || async { (warned(&bridge, "waiting for the disk") == 1).then_some(()) }).await;
    saved(&kept, &position).await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_a_warning_and_the_bridge_waits_for_the_database() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let (_folder, kept) = folder();
    let before = start(&shop.database.conninfo(), &kept).await;
    readiness(&before, true).await;
    saved(&kept, &shop.position().await).await;
    drop(before);
    cluster.kill();
    let whole = fs::read_to_string(file(&kept)).unwrap();
    let elsewhere = shop.database.conninfo().replace("/test_", "/prod_");
    for (contents, conninfo, words) in [
        (whole[..whole.len() / 2].to_owned(), shop.database.conninfo(), "damaged"),
        (whole.replace("checkout", "chekcout"), shop.database.conninfo(), "checksum"),
        (whole.replacen("fauna-snapshot 1", "fauna-snapshot 2", 1), shop.database.conninfo(), "format 2"),
        (String::new(), shop.database.conninfo(), "damaged"),
        (whole.clone(), elsewhere, "another database"),
    ] {
        fs::write(file(&kept), contents).unwrap();
        let bridge = start(&conninfo, &kept).await;
        eventually("a warning", || async { (warned(&bridge, words) == 1).then_some(()) }).await;
        assert_eq!(readiness(&bridge, false).await["loaded"], false);
        assert_eq!(refused(&bridge, &shop.key).await, (503, "not_loaded".into()));
        assert_eq!(metric(&bridge, "fauna_snapshot_errors_total").await, Some(1.0));
    }
    // And is replaced when the database is there.
    fs::write(file(&kept), "nonsense").unwrap();
    cluster.launch();
    let bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    saved(&kept, &shop.position().await).await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_costs_a_warning_and_nothing_else() {
    let shop = shop().await;
    let kept = ["--snapshot-dir".to_owned(), "/dev/null/snapshots".to_owned()];
    let bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    let mut events = open(&bridge, &shop.key, None).await;
    events.change().await;
    eventually("a warning", || async { (warned(&bridge, "no snapshot written") == 1).then_some(()) }).await;
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    assert_eq!(events.change().await.name, "patch");
}

#[tokio::test]
async fn bridges_that_share_a_folder_keep_the_newest_and_each_can_start_from_it() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let (_folder, kept) = folder();
    let conninfo = shop.database.conninfo();
    let bridges =
        [start(&conninfo, &kept).await, start(&conninfo, &kept).await, start(&conninfo, &kept).await];
    for bridge in &bridges {
        readiness(bridge, true).await;
    }
    for _ in 0..5 {
        shop.run("SELECT fauna.create_flag('f' || md5(random()::text))").await;
    }
    let (position, ruleset) = (shop.position().await, shop.ruleset().await);
    saved(&kept, &position).await;
    drop(bridges);
    cluster.kill();
    for bridge in [start(&conninfo, &kept).await, start(&conninfo, &kept).await] {
        readiness(&bridge, true).await;
        let (replica, _) = first(&bridge, &shop.key).await;
        assert_eq!((&replica.id, replica.ruleset()), (&position, ruleset.clone()));
    }
}

#[tokio::test]
async fn an_environment_deleted_while_no_bridge_ran_does_not_come_back_from_its_file() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_environment('staging')").await;
    let (_folder, kept) = folder();
    let staging = Path::new(&kept[1]).join("staging.snapshot");
    let before = start(&shop.database.conninfo(), &kept).await;
    readiness(&before, true).await;
    saved(&kept, &shop.position().await).await;
    eventually("staging is saved", || async { staging.exists().then_some(()) }).await;
    drop(before);
    shop.run("DELETE FROM fauna.environments WHERE key = 'staging'").await;

    let bridge = start(&shop.database.conninfo(), &kept).await;
    readiness(&bridge, true).await;
    eventually("the file is gone", || async { (!staging.exists()).then_some(()) }).await;
    assert!(file(&kept).exists());
}

#[tokio::test]
async fn a_standby_that_lags_does_not_take_back_what_was_kept_before_a_restart() {
    let pair = Pair::start().await;
    let primary = pair.shop();
    pair.pause().await;
    let (_folder, kept) = folder();
    let before = start(&pair.conninfo(""), &kept).await;
    readiness(&before, true).await;
    // Of what the standby does not know, nothing says which is newer but the place in the log: an epoch, an environment that is gone.
    primary.run("SELECT fauna.create_environment('staging'); SELECT fauna.new_epoch()").await;
    primary.run("SELECT fauna.enable('checkout', 'production')").await;
    let (position, ruleset) = (primary.position().await, primary.ruleset().await);
    saved(&kept, &position).await;
    pair.received().await;
    drop(before);
    pair.primary.kill();

    let standby = pair.standby_shop();
    assert_ne!(standby.position().await, position);
    let bridge = start(&pair.conninfo(""), &kept).await;
    let answer = readiness(&bridge, true).await;
    assert_eq!(answer["stale"], true);
    let (mut replica, mut events) = first(&bridge, &primary.key).await;
    assert_eq!((&replica.id, &replica.ruleset()), (&position, &ruleset));
    eventually("it polls the standby", || async {
        (metric(&bridge, "fauna_database_polling").await == Some(1.0)).then_some(())
    })
    .await;
    assert_eq!(warned(&bridge, "newer than what the standby has replayed"), 1);
    let unknown = format!("fauna_sk_{}", "0".repeat(64));
    assert_eq!(refused(&bridge, &unknown).await, (503, "not_loaded".into()));
    assert!(Path::new(&kept[1]).join("staging.snapshot").exists(), "its file is nobody's to remove");

    pair.resume().await;
    assert!(!events.stale().await);
    assert_eq!(readiness(&bridge, true).await["stale"], false);
    assert_eq!(refused(&bridge, &unknown).await, (401, "key_unknown".into()));
    pair.standby.promote();
    standby.run("SELECT fauna.disable('checkout', 'production')").await;
    while replica.id != standby.position().await {
        replica.apply(&events.change().await);
    }
    assert_eq!(replica.ruleset(), standby.ruleset().await);
}

#[tokio::test]
async fn an_environment_that_was_deleted_does_not_come_back_from_a_standby_that_has_not_heard_of_it() {
    let pair = Pair::start().await;
    let primary = pair.shop();
    primary.run("SELECT fauna.create_environment('staging')").await;
    let staging = primary.create_key("staging', 'server").await;
    pair.replicated().await;
    let (_folder, kept) = folder();
    let before = start(&pair.conninfo(""), &kept).await;
    readiness(&before, true).await;
    let staging_file = Path::new(&kept[1]).join("staging.snapshot");
    eventually("staging is saved", || async { staging_file.exists().then_some(()) }).await;
    saved(&kept, &primary.position().await).await;
    let first_place = fs::read_to_string(file(&kept)).unwrap();
    pair.pause().await;
    primary.run("SELECT fauna.delete_environment('staging')").await;
    eventually("the file is gone, and the other says when", || async {
        let is_newer = fs::read_to_string(file(&kept)).unwrap() != first_place;
        (is_newer && !staging_file.exists()).then_some(())
    })
    .await;
    drop(before);
    pair.primary.kill();

    let bridge = start(&pair.conninfo(""), &kept).await;
    assert_eq!(readiness(&bridge, true).await["stale"], true);
    assert_eq!(refused(&bridge, &staging).await, (503, "not_loaded".into()));
}

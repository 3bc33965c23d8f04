//! Hot standbys: they evaluate and serve the log, follow the primary's commits, and write nothing.

use std::sync::OnceLock;

use fauna_tests::{Cluster, Database, eventually};

use crate::answers::{ask, is_on, refusal, run};
use crate::everything::{database_in, everything};
use crate::shop::{TOGGLE, changes, epoch, json as read, shop_in, text};

/// A primary and its standby, which these tests share.
fn clusters() -> &'static (Cluster, Cluster) {
    static SHARED: OnceLock<(Cluster, Cluster)> = OnceLock::new();
    SHARED.get_or_init(|| {
        let primary = Cluster::start();
        let standby = primary.standby();
        (primary, standby)
    })
}

/// Waits until the standby has replayed what the primary has written up to now.
pub async fn caught_up(primary: &Database<'_>, standby: &Database<'_>) {
    let written = text(&primary.connect().await, "SELECT pg_current_wal_flush_lsn()").await;
    // Its own database may be among what has not arrived yet.
    let client = Database::existing(standby.cluster(), "postgres").connect().await;
    eventually("the standby has caught up", || async {
        let replayed =
            text(&client, &format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{written}', false)")).await;
        (replayed == "true").then_some(())
    })
    .await;
}

#[tokio::test]
async fn sessions_of_a_standby_follow_the_primary_and_take_no_transaction_id() {
    let (here, there) = clusters();
    let primary = database_in(here).await;
    let standby = Database::existing(there, primary.name());
    caught_up(&primary, &standby).await;
    let writer = primary.connect().await;

    // One session between transactions, one inside one, one with plans that it keeps.
    let (session, inside, prepared) =
        (standby.connect().await, standby.connect().await, standby.connect().await);
    run(&inside, "BEGIN").await;
    run(&prepared, "SET plan_cache_mode = force_generic_plan").await;
    run(&prepared, "PREPARE question AS SELECT fauna.variant('x', '{\"plan\": \"gold\"}')").await;
    let mut seen = Vec::new();
    for (change, variant) in [
        ("SELECT fauna.disable('x')", "off"),
        ("SELECT fauna.enable('x')", "on"),
        ("SELECT fauna.target('x', 'gold', 'off')", "off"),
        ("SELECT fauna.remove_rule(id) FROM fauna.rules WHERE NOT is_default", "off"),
        ("SELECT fauna.rollout('x', 100)", "on"),
    ] {
        run(&writer, change).await;
        caught_up(&primary, &standby).await;
        let expected = everything(&writer).await;
        for client in [&session, &inside, &standby.connect().await] {
            assert_eq!(everything(client).await, expected, "after {change}");
        }
        assert_eq!(ask(&prepared, "EXECUTE question").await, variant, "after {change}");
        seen.push(expected);
    }
    seen.dedup();
    assert!(seen.len() > 3, "the changes change answers: {seen:#?}");
    assert_eq!(ask(&inside, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "t");
    run(&inside, "COMMIT").await;

    let refused = refusal(&session, "SELECT fauna.disable('x')").await;
    assert!(refused.starts_with("25006: "), "{refused}");
}

#[tokio::test]
async fn a_standby_serves_the_log_and_a_reader_ahead_of_it_waits() {
    let (here, there) = clusters();
    let primary = shop_in(here).await;
    let standby = Database::existing(there, primary.name());
    primary.execute(TOGGLE).await;
    caught_up(&primary, &standby).await;

    let (writer, reader) = (primary.connect().await, standby.connect().await);
    let put = read(&writer, "SELECT fauna.ruleset('production')").await;
    assert_eq!(read(&reader, "SELECT fauna.ruleset('production')").await, put);
    let epoch = epoch(&reader, "production").await;
    let patch = changes(&reader, "production", Some(&epoch), 1).await.expect("a patch");
    assert_eq!((&patch["from"], &patch["revision"]), (&1.into(), &2.into()));
    assert_eq!(changes(&reader, "production", Some(&epoch), 2).await, None);
    assert_eq!(changes(&reader, "production", Some(&epoch), 3).await, None, "it waits");
    assert_eq!(
        text(&reader, "SELECT fauna.compile_document('production', 'flag', 'checkout') ->> 'enabled'").await,
        "true"
    );
    assert_eq!(text(&reader, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "true");
}

#[tokio::test]
async fn a_standby_that_lags_answers_as_of_what_it_has_replayed() {
    // Its own clusters: a commit elsewhere that waits for the standby would hold the lock of NOTIFY, and the standby waits for us.
    let primary_cluster = Cluster::start();
    let primary = database_in(&primary_cluster).await;
    let standby_cluster = primary_cluster.standby();
    let standby = Database::existing(&standby_cluster, primary.name());
    caught_up(&primary, &standby).await;
    let session = standby.connect().await;
    let before = everything(&session).await;

    run(&session, "SELECT pg_wal_replay_pause()").await;
    eventually("replay is paused", || async {
        (ask(&session, "SELECT pg_get_wal_replay_pause_state()").await == "paused").then_some(())
    })
    .await;
    primary.execute("SELECT fauna.disable('x')").await;
    assert_eq!(everything(&session).await, before);
    run(&session, "SELECT pg_wal_replay_resume()").await;
    caught_up(&primary, &standby).await;
    assert!(!is_on(&session).await);
    assert_eq!(everything(&session).await, everything(&primary.connect().await).await);
}

#[tokio::test]
async fn a_change_committed_with_remote_apply_is_in_force_on_the_standby_when_commit_returns() {
    let (here, there) = clusters();
    let primary = database_in(here).await;
    let standby = Database::existing(there, primary.name());
    caught_up(&primary, &standby).await;
    let (writer, session) = (primary.connect().await, standby.connect().await);
    run(&writer, "ALTER SYSTEM SET synchronous_standby_names = '*'").await;
    run(&writer, "SELECT pg_reload_conf()").await;
    eventually("the standby is synchronous", || async {
        let is_synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        (ask(&writer, is_synchronous).await == "1").then_some(())
    })
    .await;
    for round in 0..20 {
        let is_on = round % 2 == 0;
        let change = if is_on { "SELECT fauna.rollout('x', 100)" } else { "SELECT fauna.rollout('x', 0)" };
        run(&writer, &format!("BEGIN; SET LOCAL synchronous_commit = remote_apply; {change}; COMMIT")).await;
        assert_eq!(self::is_on(&session).await, is_on, "round {round}");
    }
}

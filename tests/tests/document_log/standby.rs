//! A hot standby reads the log and writes nothing; promoted, it begins epochs of its own.

use fauna_tests::{Cluster, Database, eventually};

use crate::invariants::assert_consistent;
use crate::reads::changes;
use crate::shop::{TOGGLE, epoch, heads, json as read, shop_in, text};

/// Waits until the standby has replayed what the primary has written up to now.
async fn caught_up(primary: &Database<'_>, standby: &Database<'_>) {
    let written = text(&primary.connect().await, "SELECT pg_current_wal_insert_lsn()").await;
    let client = standby.connect().await;
    eventually("the standby has caught up", || async {
        let replayed =
            text(&client, &format!("SELECT coalesce(pg_last_wal_replay_lsn() >= '{written}', false)")).await;
        (replayed == "true").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_standby_serves_the_log_without_a_transaction_id_and_begins_a_new_epoch_once_promoted() {
    let cluster = Cluster::start();
    let primary = shop_in(&cluster).await;
    let standby_cluster = cluster.standby();
    let standby = Database::existing(&standby_cluster, primary.name());
    primary.execute(TOGGLE).await;
    caught_up(&primary, &standby).await;

    let (writer, reader) = (primary.connect().await, standby.connect().await);
    let put = read(&writer, "SELECT fauna.ruleset('production')").await;
    assert_eq!(read(&reader, "SELECT fauna.ruleset('production')").await, put);
    let old = epoch(&reader, "production").await;
    let patch = changes(&reader, "production", Some(&old), 1).await.expect("a patch");
    assert_eq!((&patch["from"], &patch["revision"]), (&1.into(), &2.into()));
    assert_eq!(
        changes(&reader, "production", Some(&old), 3).await,
        None,
        "a reader ahead of a standby waits for it"
    );
    assert_eq!(
        text(&reader, "SELECT fauna.compile_document('production', 'flag', 'checkout') ->> 'enabled'").await,
        "true"
    );
    assert_eq!(text(&reader, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "true");

    cluster.stop();
    standby_cluster.promote();
    let promoted = standby.connect().await;
    assert_eq!(epoch(&promoted, "production").await, old, "nothing was written yet");
    let put = changes(&promoted, "production", Some(&old), 3).await.expect("ahead of a primary: a put");
    assert_eq!(put["revision"], 2);
    promoted.batch_execute(TOGGLE).await.expect("toggling");
    assert_ne!(epoch(&promoted, "production").await, old);
    assert_eq!(heads(&promoted).await, ["production:1", "staging:1"]);
    assert_consistent(&standby).await;
}

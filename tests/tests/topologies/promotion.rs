//! Promotion: a standby that becomes a primary begins an epoch of its own at the first commit in each environment, and those
//! who are connected to it, or follow it, notice.

use fauna_tests::{Cluster, Database, eventually};

use crate::answers::{ask, is_on, run};
use crate::everything::{database_in, everything};
use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, changes, epoch, heads, shop_in};
use crate::standby::caught_up;

#[tokio::test]
async fn a_promoted_standby_begins_a_new_epoch_at_its_first_commit_and_not_before() {
    let cluster = Cluster::start();
    let primary = shop_in(&cluster).await;
    let standby_cluster = cluster.standby();
    let standby = Database::existing(&standby_cluster, primary.name());
    primary.execute(TOGGLE).await;
    caught_up(&primary, &standby).await;
    let last = primary.connect().await;
    let (old, old_staging) = (epoch(&last, "production").await, epoch(&last, "staging").await);

    cluster.stop();
    standby_cluster.promote();
    let promoted = standby.connect().await;
    assert_eq!(epoch(&promoted, "production").await, old, "nothing was written yet");
    assert_eq!(heads(&promoted).await, ["production:2", "staging:1"]);
    let put = changes(&promoted, "production", Some(&old), 3).await.expect("ahead of a primary: a put");
    assert_eq!(put["revision"], 2);

    let mut notifications = standby.listen("fauna").await;
    promoted.batch_execute(TOGGLE).await.expect("toggling");
    let new = epoch(&promoted, "production").await;
    assert_ne!(new, old);
    assert_eq!(heads(&promoted).await, ["production:1", "staging:1"]);
    assert_eq!(epoch(&promoted, "staging").await, old_staging, "nothing was written there yet");
    let announced = format!(r#"{{"environment":"production","epoch":"{new}","revision":1}}"#);
    assert_eq!(notifications.drain().await, [announced]);
    // Whoever has read the lost primary further than the standby had got is set right.
    let put = changes(&promoted, "production", Some(&old), 7).await.expect("another epoch: a put");
    assert_eq!((put.get("from"), &put["epoch"]), (None, &new.as_str().into()));
    assert_consistent(&standby).await;
}

#[tokio::test]
async fn sessions_survive_the_promotion_and_follow_the_new_primary_on_the_next_standby_too() {
    let primary_cluster = Cluster::start();
    let primary = database_in(&primary_cluster).await;
    let (middle_cluster, leaf_cluster) = (primary_cluster.standby(), primary_cluster.standby());
    let middle = Database::existing(&middle_cluster, primary.name());
    let leaf = Database::existing(&leaf_cluster, primary.name());
    // The leaf follows the middle, as cascading replication does.
    let upstream = format!("ALTER SYSTEM SET primary_conninfo = '{}'", middle_cluster.conninfo("postgres"));
    let (session, leaf_session) = (middle.connect().await, leaf.connect().await);
    run(&leaf_session, &upstream).await;
    run(&leaf_session, "SELECT pg_reload_conf()").await;
    eventually("the leaf follows the middle", || async {
        (ask(&session, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'").await == "1")
            .then_some(())
    })
    .await;
    primary.execute("SELECT fauna.rollout('x', 100)").await;
    for (database, client) in [(&middle, &session), (&leaf, &leaf_session)] {
        caught_up(&primary, database).await;
        assert!(is_on(client).await);
    }

    primary_cluster.stop();
    middle_cluster.promote();
    assert!(is_on(&session).await, "what was known goes on");
    let writer = middle.connect().await;
    for change in ["SELECT fauna.disable('x')", "SELECT fauna.enable('x'), fauna.rollout('x', 20)"] {
        run(&writer, change).await;
        let expected = everything(&writer).await;
        assert_eq!(everything(&session).await, expected, "after {change}");
        caught_up(&middle, &leaf).await;
        assert_eq!(everything(&leaf_session).await, expected, "on the leaf, after {change}");
    }
    // A session that was connected before is as good a writer as any.
    run(&session, "BEGIN; SELECT fauna.disable('x')").await;
    assert!(!is_on(&session).await);
    run(&session, "ROLLBACK").await;
    assert_eq!(everything(&session).await, everything(&writer).await);
}

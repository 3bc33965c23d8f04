//! Evaluation on a hot standby.

use fauna_tests::{Cluster, Database, eventually};

use super::answers::{ask, ask_all, is_on, run};

#[tokio::test]
async fn a_standby_evaluates_follows_the_primary_and_writes_nothing() {
    let primary_cluster = Cluster::start();
    let primary = Database::create(&primary_cluster).await;
    primary.execute("SELECT fauna.create_environment('production'), fauna.create_flag('x')").await;
    let standby_cluster = primary_cluster.standby();
    let standby = Database::existing(&standby_cluster, primary.name());

    // One session that keeps what it has compiled, one that compiles anew.
    let session = standby.connect().await;
    assert_eq!(ask(&session, "SELECT pg_is_in_recovery()").await, "t");
    assert!(!is_on(&session).await);
    primary.execute("SELECT fauna.enable('x')").await;
    eventually("the change reaches the standby", || async { is_on(&session).await.then_some(()) }).await;
    assert!(is_on(&standby.connect().await).await);
    assert_eq!(ask_all(&session, "SELECT flag FROM fauna.evaluate_all('{}')").await, ["x"]);
    assert_eq!(ask(&session, "SELECT fauna.in_audience('none', '{}')").await, "f");

    // In a transaction that only evaluates, too.
    run(&session, "BEGIN").await;
    assert!(is_on(&session).await);
    primary.execute("SELECT fauna.disable('x')").await;
    eventually("the second change reaches the standby", || async { (!is_on(&session).await).then_some(()) })
        .await;
    run(&session, "COMMIT").await;
}

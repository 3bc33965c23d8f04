//! A bridge at a logical subscriber, which may have a part of the log at first.

use fauna_tests::{Cluster, Database, eventually};

use crate::events::{open, request};
use crate::shop::{Replica, Shop, bridge, metric, readiness, shop};

/// A subscriber that has the heads and not one document.
async fn heads_alone<'c>(shop: &Shop<'_>, cluster: &'c Cluster) -> Shop<'c> {
    shop.database.execute("CREATE PUBLICATION fauna FOR TABLE fauna.heads").await;
    let database = Database::create(cluster).await;
    database
        .execute(&format!(
            "CREATE SUBSCRIPTION fauna CONNECTION '{}' PUBLICATION fauna WITH (slot_name = bridge_{})",
            shop.database.conninfo(),
            shop.database.name()
        ))
        .await;
    let subscriber = Shop { database, key: shop.key.clone() };
    ready(&subscriber, 1).await;
    subscriber
}

/// Waits until this many tables are copied.
async fn ready(subscriber: &Shop<'_>, tables: u32) {
    let copied = "SELECT (count(*) FILTER (WHERE srsubstate = 'r'))::text FROM pg_subscription_rel";
    eventually("the tables are copied", || async {
        (subscriber.text(copied).await == tables.to_string()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_subscriber_is_served_when_both_tables_are_copied_and_not_before() {
    let shop = shop().await;
    let cluster = Cluster::start();
    let subscriber = heads_alone(&shop, &cluster).await;
    assert_eq!(subscriber.position().await, shop.position().await, "the head is there");

    let args = ["--resync-interval-ms", "200", "--reconnect-max-ms", "200"];
    let bridge = bridge(&subscriber.database.conninfo(), &args).await;
    eventually("a clear word", || async {
        bridge
            .log()
            .iter()
            .any(|line| line.contains("pg_subscription_rel") && line.contains("WARN"))
            .then_some(())
    })
    .await;
    assert_eq!(readiness(&bridge, false).await["loaded"], false);
    assert_eq!(request(&bridge, &shop.key, None).await.status(), 503);

    shop.database.execute("ALTER PUBLICATION fauna ADD TABLE fauna.documents").await;
    subscriber.database.execute("ALTER SUBSCRIPTION fauna REFRESH PUBLICATION").await;
    readiness(&bridge, true).await;
    ready(&subscriber, 2).await;
    let (mut replica, mut events) = (Replica::default(), open(&bridge, &shop.key, None).await);
    replica.apply(&events.change().await);
    assert_eq!(replica.ruleset(), shop.ruleset().await);
    shop.run("SELECT fauna.enable('checkout', 'production')").await;
    shop.run("SELECT fauna.create_flag('new')").await;
    while replica.id != shop.position().await {
        replica.apply(&events.change().await);
    }
    assert_eq!(replica.ruleset(), shop.ruleset().await);
    assert_ne!(metric(&bridge, "fauna_database_polling").await, Some(1.0), "it is told");

    // A part again: what was known goes on, though the head moves without its documents.
    shop.database.execute("ALTER PUBLICATION fauna DROP TABLE fauna.documents").await;
    subscriber.database.execute("ALTER SUBSCRIPTION fauna REFRESH PUBLICATION").await;
    shop.run("SELECT fauna.delete_flag('new')").await;
    eventually("the head alone moves", || async {
        (subscriber.position().await == shop.position().await).then_some(())
    })
    .await;
    assert!(events.stale().await);
    let kept = open(&bridge, &shop.key, None).await.change().await;
    assert_eq!((&kept.id, &kept.data), (&replica.id, &replica.ruleset()));
}

//! A logical subscriber receives `heads` and `documents` and nothing else: it announces what arrives, serves it, and
//! refuses to write, until it is made independent.

use fauna_tests::{Cluster, Database, eventually};

use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, epoch, heads, json as read, listener, refusal, shop_in, text};

/// A subscriber of `publisher`, with both tables synchronised.
async fn subscribe<'c>(publisher: &Database<'_>, cluster: &'c Cluster) -> Database<'c> {
    publisher.execute("CREATE PUBLICATION fauna FOR TABLE fauna.heads, fauna.documents").await;
    let subscriber = Database::create(cluster).await;
    subscriber
        .execute(&format!(
            "CREATE SUBSCRIPTION fauna CONNECTION '{}' PUBLICATION fauna",
            publisher.conninfo()
        ))
        .await;
    let client = subscriber.connect().await;
    eventually("both tables are synchronised", || async {
        let ready =
            text(&client, "SELECT count(*) FILTER (WHERE srsubstate = 'r') FROM pg_subscription_rel").await;
        (ready == "2").then_some(())
    })
    .await;
    subscriber
}

#[tokio::test]
async fn a_subscriber_announces_each_revision_once_serves_it_and_refuses_to_write() {
    let (here, there) = (Cluster::start(), Cluster::start());
    let publisher = shop_in(&here).await;
    let subscriber = subscribe(&publisher, &there).await;
    let (source, client) = (publisher.connect().await, subscriber.connect().await);
    let ruleset = "SELECT fauna.ruleset('production')";
    assert_eq!(read(&client, ruleset).await, read(&source, ruleset).await);

    let mut notifications = listener(&subscriber).await;
    publisher.execute(&format!("BEGIN; {TOGGLE}; UPDATE fauna.flags SET tags = '{{web}}'; COMMIT")).await;
    let (production, staging) = (epoch(&source, "production").await, epoch(&source, "staging").await);
    let announced = [notifications.next().await, notifications.next().await];
    assert_eq!(
        announced,
        [
            format!(r#"{{"environment":"production","epoch":"{production}","revision":2}}"#),
            format!(r#"{{"environment":"staging","epoch":"{staging}","revision":2}}"#),
        ]
    );
    assert_eq!(read(&client, ruleset).await, read(&source, ruleset).await);

    publisher.execute("DELETE FROM fauna.environments WHERE key = 'staging'").await;
    assert_eq!(
        notifications.next().await,
        format!(r#"{{"environment":"staging","epoch":"{staging}","revision":3}}"#)
    );
    assert_eq!(heads(&client).await, ["production:2"]);
    assert!(notifications.drain().await.is_empty());

    let refused = refusal(&client, "INSERT INTO fauna.environments (key) VALUES ('mine')").await;
    assert_eq!(
        refused,
        "55000: flags cannot be changed on a logical subscriber\n\
         DETAIL: A subscription of this database writes fauna.heads and fauna.documents.\n\
         HINT: Change flags on the publisher, or drop the subscription to make this database independent."
    );

    client.batch_execute("DROP SUBSCRIPTION fauna").await.expect("independence");
    client
        .batch_execute("INSERT INTO fauna.environments (key) VALUES ('mine'); SELECT fauna.rebuild()")
        .await
        .expect("writing");
    assert_eq!(heads(&client).await, ["mine:1"], "what was only replicated has no source and is closed");
    assert_consistent(&subscriber).await;
}

//! A logical subscriber receives `heads` and `documents` and nothing else: it announces what arrives, serves and evaluates
//! it, and refuses to write, until it is made independent.

use std::sync::OnceLock;

use fauna_tests::{Cluster, Database, eventually};

use crate::answers::{ask, is_on, run};
use crate::everything::{database_in, everything};
use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, changes, epoch, heads, json as read, listener, refusal, shop_in, text};

/// Two clusters that all these tests share: where flags are changed, and where they arrive.
fn clusters() -> &'static (Cluster, Cluster) {
    static SHARED: OnceLock<(Cluster, Cluster)> = OnceLock::new();
    // Each subscription takes a worker and a slot, and while it begins, one more for each table.
    let settings = "max_worker_processes = 64\nmax_logical_replication_workers = 48\nmax_replication_slots = 48\n\
        max_wal_senders = 48\nwal_retrieve_retry_interval = 100ms";
    SHARED.get_or_init(|| (Cluster::start_with(settings), Cluster::start_with(settings)))
}

/// A subscriber of `publisher` to the whole log.
async fn subscribe<'c>(publisher: &Database<'_>, cluster: &'c Cluster) -> Database<'c> {
    subscribe_to("FOR TABLE fauna.heads, fauna.documents", publisher, cluster).await
}

/// A subscriber of `publisher` to a part of the log, with its tables synchronised.
async fn subscribe_to<'c>(part: &str, publisher: &Database<'_>, cluster: &'c Cluster) -> Database<'c> {
    publisher.execute(&format!("CREATE PUBLICATION fauna {part}")).await;
    let subscriber = Database::create(cluster).await;
    // A slot belongs to the whole cluster, so each needs a name of its own.
    let slot = subscriber.name();
    subscriber
        .execute(&format!(
            "CREATE SUBSCRIPTION fauna CONNECTION '{}' PUBLICATION fauna WITH (slot_name = {slot})",
            publisher.conninfo()
        ))
        .await;
    synchronised(&subscriber).await;
    subscriber
}

async fn synchronised(subscriber: &Database<'_>) {
    let client = subscriber.connect().await;
    let is_ready = "SELECT coalesce(bool_and(srsubstate = 'r'), false) FROM pg_subscription_rel";
    eventually("all tables are synchronised", || async {
        (text(&client, is_ready).await == "true").then_some(())
    })
    .await;
}

/// Waits until the subscriber has applied what the publisher has committed up to now, and told its other sessions.
async fn caught_up(publisher: &Database<'_>, subscriber: &Database<'_>) {
    let client = publisher.connect().await;
    let written = text(&client, "SELECT pg_current_wal_flush_lsn()").await;
    let applied = format!(
        "SELECT coalesce((SELECT r.replay_lsn >= '{written}' FROM pg_stat_replication AS r JOIN pg_replication_slots AS s
            ON s.active_pid = r.pid AND s.slot_name = '{}'), false)",
        subscriber.name()
    );
    eventually("the subscriber has caught up", || async {
        (text(&client, &applied).await == "true").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_subscriber_announces_each_revision_once_serves_it_and_refuses_to_write() {
    let (here, there) = clusters();
    let publisher = shop_in(here).await;
    let subscriber = subscribe(&publisher, there).await;
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
    let patch = changes(&client, "production", Some(&production), 1).await.expect("a patch");
    assert_eq!((&patch["from"], &patch["revision"]), (&1.into(), &2.into()));

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
    let refused = refusal(&client, "SELECT fauna.record_usage('{}')").await;
    assert!(refused.starts_with("55000: usage cannot be recorded on a logical subscriber\n"), "{refused}");

    client.batch_execute("DROP SUBSCRIPTION fauna").await.expect("independence");
    client
        .batch_execute("INSERT INTO fauna.environments (key) VALUES ('mine'); SELECT fauna.rebuild()")
        .await
        .expect("writing");
    assert_eq!(heads(&client).await, ["mine:1"], "what was only replicated has no source and is closed");
    assert_consistent(&subscriber).await;
}

#[tokio::test]
async fn sessions_of_a_subscriber_that_have_evaluated_follow_every_revision_without_a_source_row() {
    let (here, there) = clusters();
    let publisher = database_in(here).await;
    let subscriber = subscribe(&publisher, there).await;
    let writer = publisher.connect().await;
    let (session, inside, prepared) =
        (subscriber.connect().await, subscriber.connect().await, subscriber.connect().await);
    run(&inside, "BEGIN").await;
    run(&prepared, "SET plan_cache_mode = force_generic_plan").await;
    run(&prepared, "PREPARE question AS SELECT fauna.variant('x', '{\"plan\": \"gold\"}')").await;
    for client in [&session, &inside] {
        assert_eq!(everything(client).await, everything(&writer).await);
    }
    assert_eq!(ask(&prepared, "EXECUTE question").await, "on");
    for (change, variant) in [
        ("SELECT fauna.disable('x')", "off"),
        ("SELECT fauna.enable('x')", "on"),
        ("SELECT fauna.add_condition('gold', 'plan', 'eq', '{iron}')", "off"),
        ("UPDATE fauna.audiences SET match = 'any'", "on"),
        ("SELECT fauna.delete_flag('word')", "on"),
        ("SELECT fauna.new_epoch()", "on"),
        ("SELECT fauna.rollout('x', 0)", "on"),
        ("SELECT fauna.remove_rule(id) FROM fauna.rules WHERE flag_key = 'x' AND NOT is_default", "off"),
    ] {
        run(&writer, change).await;
        caught_up(&publisher, &subscriber).await;
        let expected = everything(&writer).await;
        for client in [&session, &inside] {
            assert_eq!(everything(client).await, expected, "after {change}");
        }
        assert_eq!(ask(&prepared, "EXECUTE question").await, variant, "after {change}");
    }
    assert_eq!(ask(&inside, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "t");
    let sources = "SELECT (SELECT count(*) FROM fauna.flags) + (SELECT count(*) FROM fauna.audiences)
        + (SELECT count(*) FROM fauna.environments) + (SELECT count(*) FROM fauna.history)";
    assert_eq!(ask(&session, sources).await, "0");
}

#[tokio::test]
async fn a_head_that_arrives_after_its_documents_reaches_sessions_that_have_evaluated() {
    let (here, there) = clusters();
    let publisher = database_in(here).await;
    publisher.execute("SELECT fauna.rollout('x', 100)").await;
    // Tables are synchronised one by one; which of the two comes first is chance.
    let subscriber = subscribe_to("FOR TABLE fauna.documents", &publisher, there).await;
    let session = subscriber.connect().await;
    assert!(!is_on(&session).await, "documents without a head are no configuration");
    publisher.execute("ALTER PUBLICATION fauna ADD TABLE fauna.heads").await;
    run(&session, "ALTER SUBSCRIPTION fauna REFRESH PUBLICATION").await;
    synchronised(&subscriber).await;
    assert!(is_on(&session).await);
    assert_eq!(everything(&session).await, everything(&publisher.connect().await).await);
}

#[tokio::test]
async fn a_subscriber_of_one_environment_gets_no_other_and_no_keys_if_it_is_told_so() {
    let (here, there) = clusters();
    let publisher = shop_in(here).await;
    let part = "FOR TABLE fauna.heads WHERE (environment_key = 'staging'),
        fauna.documents WHERE (environment_key = 'staging' AND kind <> 'sdk_key')";
    let subscriber = subscribe_to(part, &publisher, there).await;
    publisher
        .execute(
            "BEGIN; UPDATE fauna.flag_settings SET enabled = true; DELETE FROM fauna.flags WHERE key = 'banner';
            INSERT INTO fauna.sdk_keys (environment_key, kind, hash, prefix)
                VALUES ('staging', 'server', repeat('b', 64), 'fauna_sk_bbbbbbbb'); COMMIT",
        )
        .await;
    caught_up(&publisher, &subscriber).await;
    let (source, client) = (publisher.connect().await, subscriber.connect().await);
    assert_eq!(heads(&client).await, ["staging:2"]);
    assert_eq!(
        text(&client, "SELECT string_agg(DISTINCT kind, ' ' ORDER BY kind) FROM fauna.documents").await,
        "audience flag"
    );
    let ruleset = "SELECT fauna.ruleset('staging')";
    assert_eq!(read(&client, ruleset).await, read(&source, ruleset).await);
}

#[tokio::test]
async fn a_subscriber_that_is_cut_off_serves_what_it_has_and_catches_up_later() {
    let (here, there) = clusters();
    let publisher = database_in(here).await;
    let subscriber = subscribe(&publisher, there).await;
    let session = subscriber.connect().await;
    let before = everything(&session).await;
    run(&session, "ALTER SUBSCRIPTION fauna DISABLE").await;
    publisher.execute("SELECT fauna.disable('x')").await;
    publisher.execute("SELECT fauna.delete_flag('number')").await;
    assert_eq!(everything(&session).await, before);
    let mut notifications = listener(&subscriber).await;
    run(&session, "ALTER SUBSCRIPTION fauna ENABLE").await;
    caught_up(&publisher, &subscriber).await;
    assert_eq!(everything(&session).await, everything(&publisher.connect().await).await);
    assert_eq!(notifications.drain().await.len(), 2, "one for each revision");
}

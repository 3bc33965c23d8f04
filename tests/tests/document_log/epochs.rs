//! Epochs: an unbroken run of revisions has a name of its own, and a database that is no longer the one
//! that began it begins another.

use fauna_tests::{Cluster, Database, cluster, database};
use serde_json::json;

use crate::invariants::assert_consistent;
use crate::shop::{
    SHOP, TOGGLE, changes, epoch, heads, json as read, listener, refusal, shop, shop_in, text,
};

/// The number of documents in the first revision of the present epoch, beside how many there are.
const WHOLENESS: &str = "SELECT jsonb_build_array(
    (SELECT count(*) FROM fauna.history h JOIN fauna.heads USING (environment_key, epoch) WHERE h.revision = 1 AND doc IS NOT NULL),
    (SELECT count(*) FROM fauna.documents), (SELECT count(*) FROM fauna.documents WHERE doc IS NULL))";

#[tokio::test]
async fn a_new_epoch_starts_at_one_with_every_document_and_readers_load_anew() {
    let database = shop().await;
    let client = database.connect().await;
    client
        .batch_execute(&format!("{TOGGLE}; DELETE FROM fauna.flags WHERE key = 'banner'"))
        .await
        .expect("two changes");
    let old = epoch(&client, "production").await;
    let mut notifications = listener(&database).await;
    client.batch_execute("SELECT fauna.new_epoch()").await.expect("a new epoch");
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert_ne!(epoch(&client, "production").await, old);
    assert_eq!(notifications.drain().await.len(), 2);
    assert_eq!(read(&client, WHOLENESS).await, json!([7, 7, 0]));
    let put = changes(&client, "production", Some(&old), 3).await.expect("a put");
    assert_eq!((put.get("from"), &put["revision"]), (None, &json!(1)));
    assert_consistent(&database).await;
}

#[tokio::test]
async fn one_environment_can_begin_an_epoch_alone() {
    let client = shop().await.connect().await;
    let (production, staging) = (epoch(&client, "production").await, epoch(&client, "staging").await);
    client.batch_execute("SELECT fauna.new_epoch('staging')").await.expect("a new epoch");
    assert_eq!(epoch(&client, "production").await, production);
    assert_ne!(epoch(&client, "staging").await, staging);
    let refused = refusal(&client, "SELECT fauna.new_epoch('stagnant')").await;
    assert!(refused.starts_with("UF003: "), "{refused}");
}

#[tokio::test]
async fn a_new_epoch_does_not_wait_for_other_writers_before_commit() {
    let database = shop().await;
    let (a, b) = (database.connect().await, database.connect().await);
    a.batch_execute("SET lock_timeout = 1; BEGIN; SELECT fauna.new_epoch()")
        .await
        .expect("a begins an epoch");
    b.batch_execute(&format!("SET lock_timeout = 1; BEGIN; {TOGGLE}; COMMIT")).await.expect("b commits");
    a.batch_execute("COMMIT").await.expect("a commits");
    assert_eq!(heads(&a).await, ["production:1", "staging:1"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_copy_of_the_database_begins_a_new_epoch_at_its_first_commit() {
    let original = shop().await;
    let source = epoch(&original.connect().await, "production").await;
    let name = format!("{}_copy", original.name());
    let admin = Database::existing(cluster(), "postgres");
    // CREATE DATABASE wants nobody else connected to its template; a session of above may still be leaving.
    fauna_tests::eventually("a copy", || async {
        let client = admin.connect().await;
        client.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", original.name())).await.ok()
    })
    .await;
    let copy = Database::existing(cluster(), &name);
    let client = copy.connect().await;
    assert_eq!(epoch(&client, "production").await, source);
    client.batch_execute(TOGGLE).await.expect("toggling");
    assert_ne!(epoch(&client, "production").await, source);
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert_eq!(text(&client, "SELECT count(*) FROM fauna.history WHERE epoch = (SELECT epoch FROM fauna.heads WHERE environment_key = 'production')").await, "5");
    assert_consistent(&copy).await;
}

#[tokio::test]
async fn a_load_with_triggers_off_is_made_whole_by_rebuild() {
    let database = database().await;
    let client = database.connect().await;
    let load = SHOP.replace(
        "(rule_id, variant_key) SELECT id, 'on'",
        "(rule_id, flag_key, variant_key) SELECT id, flag_key, 'on'",
    );
    client
        .batch_execute(&format!(
            "SET session_replication_role = replica; {load}; RESET session_replication_role"
        ))
        .await
        .expect("loading");
    assert_eq!(heads(&client).await, [] as [&str; 0]);
    assert_eq!(text(&client, "SELECT fauna.rebuild()").await, "9");
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert_eq!(text(&client, "SELECT fauna.rebuild()").await, "0");
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn the_first_change_after_a_load_with_triggers_off_makes_its_environment_whole() {
    let database = database().await;
    let client = database.connect().await;
    let load = SHOP.replace(
        "(rule_id, variant_key) SELECT id, 'on'",
        "(rule_id, flag_key, variant_key) SELECT id, flag_key, 'on'",
    );
    client
        .batch_execute(&format!(
            "SET session_replication_role = replica; {load}; RESET session_replication_role"
        ))
        .await
        .expect("loading");
    client.batch_execute(TOGGLE).await.expect("toggling");
    assert_eq!(heads(&client).await, ["production:1"]);
    let put = read(&client, "SELECT fauna.ruleset('production')").await;
    assert_eq!(put["flags"].as_object().expect("an object").len(), 2);
    assert_eq!(put["audiences"].as_object().expect("an object").len(), 2);
    client.batch_execute("SELECT fauna.rebuild()").await.expect("rebuilding");
    assert_consistent(&database).await;
}

#[tokio::test]
async fn rebuild_mends_documents_that_were_lost_or_tampered_with() {
    let database = shop().await;
    let client = database.connect().await;
    client
        .batch_execute("DELETE FROM fauna.documents WHERE key = 'checkout'; UPDATE fauna.documents SET doc = '{}' WHERE key = 'beta'")
        .await
        .expect("damage");
    assert_eq!(text(&client, "SELECT fauna.rebuild()").await, "4");
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_revision_that_was_seen_survives_a_crash_although_commits_are_asynchronous() {
    let cluster = Cluster::start_with("synchronous_commit = off\nwal_writer_delay = 10s\n");
    let database = shop_in(&cluster).await;
    database.execute(TOGGLE).await;
    let seen = heads(&database.connect().await).await;
    cluster.kill();
    cluster.launch();
    assert_eq!(heads(&database.connect().await).await, seen);
    assert_consistent(&database).await;
}

//! Two sessions that touch the same document through different rows. Neither sees the other's change
//! when it makes its own; the log must show both, or one of them must be told to try again.

use std::time::Duration;

use fauna_tests::{Database, error_of, eventually};
use tokio_postgres::{Client, error::SqlState};

use crate::invariants::assert_consistent;
use crate::shop::{shop, text};

/// The statements of the two sessions.
const SCENARIOS: [(&str, &str); 9] = [
    // Attribute type and new condition.
    (
        "UPDATE fauna.attributes SET type = 'string' WHERE key = 'spend'",
        "INSERT INTO fauna.conditions (audience_key, attribute_key, operator) VALUES ('staff', 'spend', 'exists')",
    ),
    // Attribute type and deleted condition.
    (
        "UPDATE fauna.attributes SET type = 'version' WHERE key = 'plan'",
        "DELETE FROM fauna.conditions WHERE attribute_key = 'plan'",
    ),
    // New environment and new audience.
    (
        "INSERT INTO fauna.environments (key) VALUES ('qa')",
        "INSERT INTO fauna.audiences (key) VALUES ('new')",
    ),
    // New environment and deleted audience.
    (
        "INSERT INTO fauna.environments (key) VALUES ('qa')",
        "DELETE FROM fauna.audiences WHERE key = 'staff'",
    ),
    // New variant and new setting.
    (
        "INSERT INTO fauna.variants (flag_key, key, value) VALUES ('bare', 'third', 'true')",
        "INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) VALUES ('bare', 'production', 'off')",
    ),
    // Archived flag and new setting.
    (
        "UPDATE fauna.flags SET archived_at = now() WHERE key = 'bare'",
        "INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) VALUES ('bare', 'production', 'off')",
    ),
    // Setting and tags of one flag.
    (
        "UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = 'checkout'",
        "UPDATE fauna.flags SET tags = '{web}' WHERE key = 'checkout'",
    ),
    // Two rules of one flag.
    (
        "INSERT INTO fauna.rules (id, flag_key, environment_key, position) VALUES ('00000000-0000-4000-8000-00000000000a', 'checkout', 'production', 1);
         INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ('00000000-0000-4000-8000-00000000000a', 'on')",
        "INSERT INTO fauna.rules (id, flag_key, environment_key, position) VALUES ('00000000-0000-4000-8000-00000000000b', 'checkout', 'production', 2);
         INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ('00000000-0000-4000-8000-00000000000b', 'off')",
    ),
    // Deleted environment and variant.
    (
        "DELETE FROM fauna.environments WHERE key = 'staging'",
        "UPDATE fauna.variants SET value = 'false' WHERE flag_key = 'checkout' AND key = 'on'",
    ),
];

/// What some scenarios need beside the shop.
const BESIDE: &str = "
    INSERT INTO fauna.attributes (key, type) VALUES ('plan', 'string');
    INSERT INTO fauna.conditions (audience_key, attribute_key, operator) VALUES ('beta', 'plan', 'exists');
    INSERT INTO fauna.flags (key) VALUES ('bare');
    INSERT INTO fauna.variants (flag_key, key, value) VALUES ('bare', 'on', 'true'), ('bare', 'off', 'false')";

/// Begins a transaction whose snapshot is taken now: above READ COMMITTED it cannot see what commits later.
async fn begin(client: &Client, level: &str) {
    client
        .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SELECT FROM fauna.flags"))
        .await
        .expect("BEGIN");
}

/// Runs both sessions so that the first commits while the second is open, and returns whether the second had to
/// try again.
async fn interleave(database: &Database<'_>, level: &str, first: &str, second: &str) -> bool {
    let (a, b) = (database.connect().await, database.connect().await);
    let pid: i32 = b.query_one("SELECT pg_backend_pid()", &[]).await.expect("a pid").get(0);
    begin(&a, level).await;
    begin(&b, level).await;
    a.batch_execute(first).await.expect(first);
    let statement = second.to_owned();
    let task = tokio::spawn(async move {
        let outcome = b.batch_execute(&statement).await;
        (b, outcome)
    });
    let observer = database.connect().await;
    eventually("the second session is done with its statement, or waits for the first", || async {
        let waits = text(&observer, &format!("SELECT cardinality(pg_blocking_pids({pid})) > 0")).await;
        (task.is_finished() || waits == "true").then_some(())
    })
    .await;
    a.batch_execute("COMMIT").await.expect("the first commits");
    let (b, outcome) = tokio::time::timeout(Duration::from_secs(30), task)
        .await
        .expect("no deadlock")
        .expect("the second session");
    let outcome = match outcome {
        Ok(()) => b.batch_execute("COMMIT").await,
        error => error,
    };
    let Err(error) = outcome else { return false };
    assert!(
        matches!(error.code(), Some(&SqlState::T_R_SERIALIZATION_FAILURE)) && level != "READ COMMITTED",
        "{level}: {first} || {second}: {}",
        error_of(&error)
    );
    b.batch_execute("ROLLBACK").await.expect("ROLLBACK");
    b.batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; {second}; COMMIT"))
        .await
        .expect("the second try");
    true
}

/// Every scenario at one level, with either session committing first.
async fn all_scenarios(level: &str) {
    for (one, other) in SCENARIOS {
        for (first, second) in [(one, other), (other, one)] {
            let database = shop().await;
            database.execute(&format!("BEGIN; {BESIDE}; COMMIT")).await;
            interleave(&database, level, first, second).await;
            assert_consistent(&database).await;
        }
    }
}

#[tokio::test]
async fn in_read_committed_whoever_commits_second_keeps_the_change_of_the_first() {
    all_scenarios("READ COMMITTED").await;
}

#[tokio::test]
async fn in_repeatable_read_whoever_commits_second_keeps_the_change_of_the_first() {
    all_scenarios("REPEATABLE READ").await;
}

#[tokio::test]
async fn in_serializable_whoever_commits_second_keeps_the_change_of_the_first() {
    all_scenarios("SERIALIZABLE").await;
}

#[tokio::test]
async fn an_old_snapshot_is_told_to_try_again_and_never_keeps_a_stale_document() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let database = shop().await;
        let retried = interleave(
            &database,
            level,
            "UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = 'checkout'",
            "UPDATE fauna.flags SET tags = '{web}' WHERE key = 'checkout'",
        )
        .await;
        assert!(retried, "{level}");
        assert_consistent(&database).await;
    }
}

#[tokio::test]
async fn read_committed_never_has_to_try_again() {
    let database = shop().await;
    let retried = interleave(
        &database,
        "READ COMMITTED",
        "UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = 'checkout'",
        "UPDATE fauna.flags SET tags = '{web}' WHERE key = 'checkout'",
    )
    .await;
    assert!(!retried);
    let client = database.connect().await;
    let both = "SELECT doc ->> 'enabled' || (doc ->> 'tags') FROM fauna.documents
        WHERE environment_key = 'production' AND kind = 'flag' AND key = 'checkout'";
    assert_eq!(text(&client, both).await, r#"true["web"]"#);
}

//! Two sessions, each of them right on its own, do not make together what one of them would be refused.

use fauna_tests::{Database, eventually};
use tokio_postgres::Client;

use crate::refusal::refusal;
use crate::shop;

const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// Two open transactions that have both looked at the database.
async fn two_transactions(database: &Database<'_>, level: &str) -> (Client, Client) {
    let (first, second) = (database.connect().await, database.connect().await);
    for client in [&first, &second] {
        client
            .batch_execute(&format!("BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM fauna.flags"))
            .await
            .unwrap();
    }
    (first, second)
}

/// What the second of two commits is refused with: the rule that is broken if it can see the first one's change, or a
/// serialization failure, after which the application tries again and is told.
fn assert_refused(level: &str, words: &str, code: &str) {
    let expected = if level == "READ COMMITTED" { code } else { "40001" };
    assert!(words.starts_with(expected), "{level}: expected {expected}, got {words}");
}

#[tokio::test]
async fn two_halves_of_an_audience_cycle_do_not_meet() {
    for level in LEVELS {
        let database = shop().await;
        database.execute("SELECT fauna.create_audience('a'), fauna.create_audience('b')").await;
        let (first, second) = two_transactions(&database, level).await;
        first.batch_execute("SELECT fauna.nest_audience('a', 'b')").await.unwrap();
        second.batch_execute("SELECT fauna.nest_audience('b', 'a')").await.unwrap();
        first.batch_execute("COMMIT").await.unwrap();
        assert_refused(level, &refusal(&second, "COMMIT").await, "UF020");
    }
}

#[tokio::test]
async fn two_halves_of_a_prerequisite_cycle_do_not_meet() {
    for level in LEVELS {
        let database = shop().await;
        let (first, second) = two_transactions(&database, level).await;
        first.batch_execute("SELECT fauna.require_flag('checkout', 'payments')").await.unwrap();
        second.batch_execute("SELECT fauna.require_flag('payments', 'checkout')").await.unwrap();
        first.batch_execute("COMMIT").await.unwrap();
        assert_refused(level, &refusal(&second, "COMMIT").await, "UF020");
    }
}

#[tokio::test]
async fn two_parts_of_more_than_a_hundred_percent_do_not_meet() {
    for level in LEVELS {
        let database = shop().await;
        database
            .execute("SELECT fauna.set_variant('checkout', 'maybe', 'true'); SELECT fauna.split('checkout', '{\"on\": 20}')")
            .await;
        let (first, second) = two_transactions(&database, level).await;
        for (client, variant) in [(&first, "off"), (&second, "maybe")] {
            client
                .batch_execute(&format!(
                    "INSERT INTO fauna.allocations (rule_id, variant_key, weight)
                     SELECT id, '{variant}', 60000 FROM fauna.rules WHERE flag_key = 'checkout'"
                ))
                .await
                .unwrap();
        }
        first.batch_execute("COMMIT").await.unwrap();
        assert_refused(level, &refusal(&second, "COMMIT").await, "23514");
    }
}

#[tokio::test]
async fn a_condition_waits_for_a_change_of_its_attributes_type_and_is_checked_against_it() {
    for level in LEVELS {
        let database = shop().await;
        let (first, second) = two_transactions(&database, level).await;
        first
            .batch_execute("UPDATE fauna.attributes SET type = 'number' WHERE key = 'country'")
            .await
            .unwrap();
        let condition = tokio::spawn(async move {
            refusal(&second, "SELECT fauna.add_condition('adults', 'country', 'eq', '{CA}')").await
        });
        until_somebody_waits(&database).await;
        first.batch_execute("COMMIT").await.unwrap();
        assert_refused(level, &condition.await.unwrap(), "22023");
    }
}

#[tokio::test]
async fn a_change_of_type_waits_for_an_uncommitted_condition_and_is_checked_against_it() {
    for level in LEVELS {
        let database = shop().await;
        let (first, second) = two_transactions(&database, level).await;
        first.batch_execute("SELECT fauna.add_condition('adults', 'country', 'eq', '{CA}')").await.unwrap();
        let change = tokio::spawn(async move {
            refusal(&second, "UPDATE fauna.attributes SET type = 'number' WHERE key = 'country'; COMMIT")
                .await
        });
        until_somebody_waits(&database).await;
        first.batch_execute("COMMIT").await.unwrap();
        assert_refused(level, &change.await.unwrap(), "23514");
    }
}

#[tokio::test]
async fn a_change_of_type_under_an_old_snapshot_does_not_miss_a_newer_condition() {
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        let database = shop().await;
        let (first, second) = two_transactions(&database, level).await;
        first
            .batch_execute("SELECT fauna.add_condition('adults', 'country', 'eq', '{CA}'); COMMIT")
            .await
            .unwrap();
        let words =
            refusal(&second, "UPDATE fauna.attributes SET type = 'number' WHERE key = 'country'; COMMIT")
                .await;
        assert!(words.starts_with("40001"), "{level}: {words}");
    }
}

#[tokio::test]
async fn two_sessions_that_target_the_same_audience_make_one_rule() {
    let database = shop().await;
    let (first, second) = two_transactions(&database, "READ COMMITTED").await;
    first.batch_execute("SELECT fauna.target('checkout', 'adults', 'on')").await.unwrap();
    let other = tokio::spawn(async move {
        second.batch_execute("SELECT fauna.target('checkout', 'adults', 'off'); COMMIT").await.unwrap();
    });
    until_somebody_waits(&database).await;
    first.batch_execute("COMMIT").await.unwrap();
    other.await.unwrap();
    let client = database.connect().await;
    let rows =
        client.query("SELECT serves FROM fauna.rule_list WHERE audiences = 'adults'", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["off"]);
}

#[tokio::test]
async fn two_sessions_that_enable_a_flag_without_a_setting_make_one() {
    let database = shop().await;
    database.execute("INSERT INTO fauna.environments (key) VALUES ('imported')").await;
    let (first, second) = two_transactions(&database, "READ COMMITTED").await;
    first.batch_execute("SELECT fauna.enable('checkout', 'imported')").await.unwrap();
    let other = tokio::spawn(async move {
        second.batch_execute("SELECT fauna.enable('checkout', 'imported'); COMMIT").await.unwrap();
    });
    until_somebody_waits(&database).await;
    first.batch_execute("COMMIT").await.unwrap();
    other.await.unwrap();
    let client = database.connect().await;
    let rows =
        client.query("SELECT serves FROM fauna.rule_list WHERE environment = 'imported'", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get(0)).collect::<Vec<&str>>(), ["on"]);
}

#[tokio::test]
async fn an_open_transaction_that_targets_a_flag_does_not_block_the_kill_switch() {
    let database = shop().await;
    database.execute("SELECT fauna.enable('checkout')").await;
    let client = database.connect().await;
    client
        .batch_execute(
            "BEGIN; SELECT fauna.target('checkout', 'adults'); SELECT fauna.rollout('checkout', 5);
             UPDATE fauna.attributes SET type = 'version' WHERE key = 'country'",
        )
        .await
        .unwrap();
    database.execute("SET lock_timeout = '1s'; SELECT fauna.disable('checkout')").await;
    client.batch_execute("COMMIT").await.unwrap();
}

/// Waits until a session of this database waits for a lock.
async fn until_somebody_waits(database: &Database<'_>) {
    let client = database.connect().await;
    let waiting =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("a session that waits for a lock", || async {
        (!client.query(waiting, &[]).await.unwrap().is_empty()).then_some(())
    })
    .await;
}

//! An upgrade keeps what is in the database: flags, log, privileges; and the new library serves the old SQL until then.

use std::collections::{BTreeMap, BTreeSet};

use fauna_tests::Database;
use tokio_postgres::Client;

use crate::{THIS, made_by, older_versions};

/// A flag with a rule, an audience, a key and some history.
const SHOP: &str = "
    SELECT fauna.create_environment('production');
    SELECT fauna.create_attribute('country');
    SELECT fauna.create_audience('beta');
    SELECT fauna.add_condition('beta', 'country', 'in', '{CA}');
    SELECT fauna.create_flag('checkout');
    SELECT fauna.target('checkout', 'beta');
    SELECT fauna.rollout('checkout', 0);
    SELECT fauna.enable('checkout');
    SELECT fauna.create_sdk_key('production', 'server', 'demo')";

/// What an upgrade may change: it ends with `fauna.rebuild()`, which compiles the documents anew.
const MADE_ANEW: [&str; 3] = ["commit_lock", "documents", "heads"];

/// The tables of the extension that hold what cannot be made again, each with its columns.
async fn tables(client: &Client) -> BTreeMap<String, String> {
    let tables = client
        .query(
            "SELECT relname::text, string_agg(quote_ident(attname), ', ' ORDER BY attnum)
             FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
             WHERE relnamespace = 'fauna'::regnamespace AND relkind = 'r' AND relname <> ALL ($1::text[]) GROUP BY 1",
            &[&MADE_ANEW.as_slice()],
        )
        .await
        .expect("the tables");
    tables.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Every row of these tables, as far as these columns go, with its table in front.
async fn rows(client: &Client, tables: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut rows = BTreeSet::new();
    for (table, columns) in tables {
        let query = format!("SELECT '{table} ' || ROW({columns})::text FROM fauna.{table}");
        rows.extend(client.query(&query, &[]).await.expect(&query).iter().map(|row| row.get::<_, String>(0)));
    }
    rows
}

/// Who gets `checkout`: a Canadian, an American.
async fn answers(client: &Client) -> (bool, bool) {
    let row = client
        .query_one(
            r#"SELECT fauna.enabled('checkout', '{"country": "CA", "targetingKey": "1"}'),
                      fauna.enabled('checkout', '{"country": "US", "targetingKey": "1"}')"#,
            &[],
        )
        .await
        .expect("evaluations");
    (row.get(0), row.get(1))
}

async fn shop(version: &str) -> Database<'static> {
    let database = made_by(version).await;
    database.execute(SHOP).await;
    database
}

#[tokio::test]
async fn an_upgrade_loses_and_changes_no_row() {
    for version in older_versions().await {
        let database = shop(&version).await;
        let client = database.connect().await;
        let tables = tables(&client).await;
        let before = rows(&client, &tables).await;
        for table in ["flags", "conditions", "sdk_keys", "history", "revisions"] {
            assert!(before.iter().any(|row| row.starts_with(table)), "{table} has a row to lose");
        }
        database.execute("ALTER EXTENSION fauna UPDATE").await;
        let after = rows(&client, &tables).await;
        let lost: Vec<_> = before.difference(&after).collect();
        assert!(lost.is_empty(), "the upgrade from {version} lost or changed {lost:#?}");
    }
}

#[tokio::test]
async fn the_flags_answer_the_same_before_and_after_and_in_a_session_that_saw_both() {
    for version in older_versions().await {
        let database = shop(&version).await;
        let client = database.connect().await;
        assert_eq!(answers(&client).await, (true, false), "before the upgrade from {version}");
        database.execute("ALTER EXTENSION fauna UPDATE").await;
        assert_eq!(answers(&client).await, (true, false), "after the upgrade from {version}");
        assert_eq!(answers(&database.connect().await).await, (true, false), "in a new session");
        let made: String = client
            .query_one("SELECT extversion FROM pg_extension WHERE extname = 'fauna'", &[])
            .await
            .expect("the version")
            .get(0);
        assert_eq!(made, THIS);
        database.execute("SELECT fauna.disable('checkout')").await;
        assert_eq!(answers(&client).await, (false, false), "changes are still followed");
    }
}

#[tokio::test]
async fn a_role_keeps_what_it_was_granted() {
    for version in older_versions().await {
        let database = shop(&version).await;
        let role = format!("editor_of_{}", database.name());
        database.execute(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'editor')")).await;
        database.execute("ALTER EXTENSION fauna UPDATE").await;
        let editor = database.connect_as(&role).await;
        editor.batch_execute("SELECT fauna.disable('checkout')").await.expect("an editor's work");
        assert_eq!(answers(&editor).await, (false, false));
    }
}

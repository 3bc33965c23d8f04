//! A large import, and that what one change costs does not depend on how many flags there are.

use fauna_tests::{Database, database};
use tokio_postgres::Client;

use crate::invariants::assert_consistent;
use crate::shop::{heads, text};

/// Flags `<prefix>1` to `<prefix>n`, complete in two environments.
fn import(prefix: &str, flags: u32) -> String {
    format!(
        "INSERT INTO fauna.flags (key) SELECT '{prefix}' || n FROM generate_series(1, {flags}) n;
         INSERT INTO fauna.variants (flag_key, key, value) SELECT key, v, to_jsonb(v = 'on') FROM fauna.flags, unnest('{{on,off}}'::text[]) v WHERE key LIKE '{prefix}%';
         INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) SELECT f.key, e.key, 'off' FROM fauna.flags f, fauna.environments e WHERE f.key LIKE '{prefix}%';
         INSERT INTO fauna.rules (flag_key, environment_key, is_default) SELECT flag_key, environment_key, true FROM fauna.flag_settings WHERE flag_key LIKE '{prefix}%';
         INSERT INTO fauna.allocations (rule_id, flag_key, variant_key) SELECT id, flag_key, 'on' FROM fauna.rules WHERE flag_key LIKE '{prefix}%';"
    )
}

async fn environments() -> Database<'static> {
    let database = database().await;
    database.execute("INSERT INTO fauna.environments (key) VALUES ('production'), ('staging')").await;
    database
}

#[tokio::test]
async fn an_import_of_five_thousand_flags_is_one_revision() {
    let database = environments().await;
    database.execute(&format!("BEGIN; {} COMMIT", import("flag-", 5000))).await;
    let client = database.connect().await;
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    assert_eq!(text(&client, "SELECT count(*) FROM fauna.documents WHERE revision = 2").await, "10000");
    assert_consistent(&database).await;
}

/// Rows that the session has read from the extension's tables, by whatever kind of scan.
async fn rows_read(client: &Client) -> i64 {
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.expect("flushing");
    let sum = "SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_all_tables WHERE schemaname = 'fauna'";
    client.query_one(sum, &[]).await.expect("statistics").get(0)
}

async fn cost_of_a_change(client: &Client) -> i64 {
    let before = rows_read(client).await;
    client.batch_execute("BEGIN; UPDATE fauna.flag_settings SET enabled = NOT enabled WHERE flag_key = 'few-1' AND environment_key = 'production';
        UPDATE fauna.variants SET value = to_jsonb(NOT value::boolean) WHERE flag_key = 'few-1';
        INSERT INTO fauna.rules (id, flag_key, environment_key) VALUES ('00000000-0000-4000-8000-00000000000a', 'few-1', 'staging');
        INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ('00000000-0000-4000-8000-00000000000a', 'on'); COMMIT;
        DELETE FROM fauna.rules WHERE id = '00000000-0000-4000-8000-00000000000a'").await.expect("a change");
    rows_read(client).await - before
}

#[tokio::test]
async fn a_session_that_met_few_flags_reads_no_more_rows_among_two_thousand() {
    let database = environments().await;
    let client = database.connect().await;
    client.batch_execute(&format!("BEGIN; {} COMMIT", import("few-", 3))).await.expect("a few flags");
    // Warm: the plans of this session are made while the tables are tiny.
    cost_of_a_change(&client).await;
    let among_few = cost_of_a_change(&client).await;
    client.batch_execute(&format!("BEGIN; {} COMMIT", import("many-", 2000))).await.expect("many flags");
    let among_many = cost_of_a_change(&client).await;
    assert!(among_few > 0);
    // A little more is dead versions of rows that were just changed.
    assert!(among_many <= among_few + 20, "{among_many} rows read among many, {among_few} among few");
    assert_consistent(&database).await;
}

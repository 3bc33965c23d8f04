//! A dump of a valid database is never refused, however it is cut into transactions.

use fauna_tests::Database;

use crate::shop;

const SOURCES: &str = "environments attributes audiences conditions flags variants flag_settings rules allocations \
    rule_audiences prerequisites sdk_keys";

/// Something of everything that a check looks at: nesting, chains, sums of exactly 100 %, a ramp, a protected environment.
async fn full_shop() -> Database<'static> {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.create_environment('live', protected => true);
             SELECT fauna.create_audience('a' || i), fauna.create_flag('f' || i) FROM generate_series(0, 31) i;
             -- Against the order in which the rows were made, and are dumped.
             SELECT fauna.nest_audience('a' || i, 'a' || i + 1), fauna.require_flag('f' || i, 'f' || i + 1)
             FROM generate_series(30, 0, -1) i;
             SELECT fauna.create_flag('theme', 'json', '{\"one\": {\"a\": [1, 2]}, \"two\": \"x\", \"three\": 3}', tags => '{web,ui}');
             SELECT fauna.split('theme', '{\"one\": 33.333, \"two\": 33.333, \"three\": 33.334}');
             SELECT fauna.ramp(fauna.split('theme', '{\"one\": 10, \"two\": 90}', environment => 'live'),
                 now() + interval '1 day', start_percent => 10);
             SELECT fauna.schedule(fauna.target('theme', 'a0', 'two'), now(), now() + interval '1 day');
             SELECT fauna.enable('theme', 'live'), fauna.create_sdk_key('live', 'client');
             SELECT fauna.archive_flag('checkout')",
        )
        .await;
    database
}

#[tokio::test]
async fn a_dump_is_restored_in_a_transaction_per_table_and_in_one_for_all() {
    let database = full_shop().await;
    let cluster = database.cluster();
    let dump = cluster.folder().join("validation.sql");
    let dump = dump.to_str().unwrap();
    cluster.run("pg_dump", &["--dbname", &database.conninfo(), "--file", dump]);
    for transactions in [&[][..], &["--single-transaction"]] {
        let restored = Database::create_empty(cluster).await;
        let conninfo = restored.conninfo();
        let mut args = vec!["--no-psqlrc", "-q", "-v", "ON_ERROR_STOP=1", "-d", &conninfo, "-f", dump];
        args.extend(transactions);
        cluster.run("psql", &args);
        for table in SOURCES.split_whitespace() {
            assert_eq!(rows(&restored, table).await, rows(&database, table).await, "{table}");
        }
    }
}

async fn rows(database: &Database<'_>, table: &str) -> Vec<String> {
    let client = database.connect().await;
    let rows = client
        .query(&format!("SELECT to_jsonb(t)::text FROM fauna.{table} t ORDER BY 1"), &[])
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

//! Dumps: what comes back is all of the source, the old history, and a new epoch.

use std::process::Stdio;

use fauna_tests::{Cluster, Database, cluster};
use serde_json::Value;

use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, epoch, json as read, shop, text};

const TABLES: [&str; 16] = [
    "allocations",
    "attributes",
    "audiences",
    "conditions",
    "environments",
    "flag_settings",
    "flags",
    "history",
    "prerequisites",
    "revisions",
    "rule_audiences",
    "rules",
    "sdk_key_usage",
    "sdk_keys",
    "usage",
    "variants",
];

/// A shop with some history and a row in every table.
async fn used_shop() -> Database<'static> {
    let database = shop().await;
    database
        .execute(
            "INSERT INTO fauna.prerequisites VALUES ('checkout', 'production', 'banner', 'on');
             INSERT INTO fauna.conditions (audience_key, position, nested_audience_key, operator) VALUES ('beta', 1, 'staff', 'in_audience');
             INSERT INTO fauna.rules (id, flag_key, environment_key) VALUES ('00000000-0000-4000-8000-00000000000a', 'checkout', 'production');
             INSERT INTO fauna.rule_audiences (rule_id, audience_key) VALUES ('00000000-0000-4000-8000-00000000000a', 'beta');
             INSERT INTO fauna.allocations (rule_id, variant_key, weight) VALUES ('00000000-0000-4000-8000-00000000000a', 'on', 30000);
             INSERT INTO fauna.usage VALUES ('production', 'checkout', 'on', '2026-01-01 00:00Z', 5, '2026-01-01 00:10Z');
             INSERT INTO fauna.sdk_key_usage VALUES ('00000000-0000-4000-8000-000000000001', '2026-01-01 00:10Z')",
        )
        .await;
    for _ in 0..3 {
        database.execute(TOGGLE).await;
    }
    database
}

/// Every row of the dumped tables. Restoring may add to the log, so of that only `epoch` counts.
async fn contents(database: &Database<'_>, epochs: &[String]) -> Value {
    let client = database.connect().await;
    let mut all = serde_json::Map::new();
    for table in TABLES {
        let only = match table {
            "history" | "revisions" => format!("WHERE t.epoch::text = ANY ('{{{}}}')", epochs.join(",")),
            _ => String::new(),
        };
        let rows = read(&client, &format!("SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY to_jsonb(t)::text), '[]') FROM fauna.{table} t {only}")).await;
        assert_ne!(rows, serde_json::json!([]), "{table} has a row to lose");
        all.insert(table.to_owned(), rows);
    }
    all.into()
}

/// Restores by `restore(dump file, target database)` and compares.
async fn round_trip(format: &str, restore: impl AsyncFnOnce(&Cluster, &str, &Database<'_>)) {
    let original = used_shop().await;
    let client = original.connect().await;
    let epochs = [epoch(&client, "production").await, epoch(&client, "staging").await];
    let dump = cluster().folder().join(format!("{}.{format}", original.name()));
    let dump = dump.to_str().expect("UTF-8");
    cluster().run("pg_dump", &["--format", format, "--file", dump, &original.conninfo()]);

    let target = Database::create_empty(cluster()).await;
    restore(cluster(), dump, &target).await;

    assert_eq!(contents(&target, &epochs).await, contents(&original, &epochs).await);
    assert_consistent(&target).await;
    let restored = target.connect().await;
    for (environment, old) in ["production", "staging"].into_iter().zip(&epochs) {
        assert_ne!(&epoch(&restored, environment).await, old, "a new epoch");
        let rules = format!("SELECT fauna.ruleset('{environment}') - 'epoch' - 'revision'");
        assert_eq!(read(&restored, &rules).await, read(&client, &rules).await);
    }
    restored.batch_execute(TOGGLE).await.expect("life goes on");
    assert_eq!(text(&restored, "SELECT count(*) FROM fauna.commit_lock").await, "1");
    assert_consistent(&target).await;
}

#[tokio::test]
async fn pg_dump_into_psql_loses_nothing() {
    round_trip("plain", async |cluster: &Cluster, dump: &str, target: &Database<'_>| {
        cluster.run(
            "psql",
            &["--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1", "--file", dump, &target.conninfo()],
        );
    })
    .await;
}

#[tokio::test]
async fn pg_restore_loses_nothing() {
    round_trip("custom", async |cluster: &Cluster, dump: &str, target: &Database<'_>| {
        cluster.run("pg_restore", &["--exit-on-error", "--dbname", &target.conninfo(), dump]);
    })
    .await;
}

#[tokio::test]
async fn pg_restore_in_a_single_transaction_loses_nothing_and_makes_one_revision() {
    round_trip("custom", async |cluster: &Cluster, dump: &str, target: &Database<'_>| {
        cluster.run(
            "pg_restore",
            &["--single-transaction", "--exit-on-error", "--dbname", &target.conninfo(), dump],
        );
        let heads = crate::shop::heads(&target.connect().await).await;
        assert_eq!(heads, ["production:1", "staging:1"]);
    })
    .await;
}

#[tokio::test]
async fn a_parallel_restore_works_as_documented() {
    round_trip("directory", async |cluster: &Cluster, dump: &str, target: &Database<'_>| {
        let program =
            format!("{}/pg_restore", std::env::var("FAUNA_E2E_PG_BINDIR").expect("the server's programs"));
        let output = cluster
            .command(&program)
            .env("PGOPTIONS", "-c session_replication_role=replica")
            .args(["--jobs", "4", "--exit-on-error", "--dbname", &target.conninfo(), dump])
            .stdin(Stdio::null())
            .output()
            .expect("running pg_restore");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.execute("SELECT fauna.rebuild()").await;
    })
    .await;
}

#[tokio::test]
async fn a_restore_of_data_only_into_a_fresh_extension_loses_nothing() {
    round_trip("custom", async |cluster: &Cluster, dump: &str, target: &Database<'_>| {
        target.execute("CREATE EXTENSION fauna").await;
        cluster.run("pg_restore", &["--data-only", "--exit-on-error", "--dbname", &target.conninfo(), dump]);
    })
    .await;
}

//! The comparison itself can fail: whatever about an extension may differ, `catalog.sql` sees.

use fauna_tests::database;

use crate::facts;

/// Changes that an upgrade script could have forgotten or made by mistake, one of each kind.
const CHANGES: [&str; 46] = [
    "CREATE FUNCTION fauna.extra() RETURNS integer LANGUAGE sql RETURN 1",
    "ALTER EXTENSION fauna DROP VIEW fauna.change_log; DROP VIEW fauna.change_log",
    "CREATE OR REPLACE FUNCTION fauna.rebuild() RETURNS bigint LANGUAGE sql RETURN 0",
    "ALTER FUNCTION fauna.bucket VOLATILE",
    "ALTER FUNCTION fauna.bucket PARALLEL UNSAFE",
    "ALTER FUNCTION fauna.bucket CALLED ON NULL INPUT",
    "ALTER FUNCTION fauna.bucket COST 7",
    "ALTER FUNCTION fauna.bucket LEAKPROOF",
    "ALTER FUNCTION fauna.bucket SECURITY DEFINER",
    "ALTER FUNCTION fauna.bucket SET work_mem = '1MB'",
    "ALTER FUNCTION fauna.bucket OWNER TO pg_monitor",
    "ALTER FUNCTION fauna.bucket SUPPORT generate_series_int4_support",
    "GRANT EXECUTE ON FUNCTION fauna.bucket TO PUBLIC",
    "COMMENT ON FUNCTION fauna.bucket IS NULL",
    "ALTER EXTENSION fauna DROP FUNCTION fauna.bucket",
    "CREATE TABLE fauna.extra ()",
    "ALTER TABLE fauna.flags OWNER TO pg_monitor",
    "ALTER TABLE fauna.flags ADD COLUMN extra integer",
    "ALTER TABLE fauna.flags ALTER COLUMN name SET DEFAULT 'x'",
    "ALTER TABLE fauna.flags ALTER COLUMN name DROP NOT NULL",
    "ALTER TABLE fauna.audiences ALTER COLUMN description TYPE text COLLATE \"C\"",
    "ALTER TABLE fauna.flags ALTER COLUMN name SET STATISTICS 7",
    "ALTER TABLE fauna.flags ALTER COLUMN name SET STORAGE EXTERNAL",
    "ALTER TABLE fauna.flags ALTER COLUMN name SET (n_distinct = 7)",
    "ALTER TABLE fauna.flags SET (fillfactor = 50)",
    "ALTER TABLE fauna.pending SET LOGGED",
    "ALTER TABLE fauna.flags REPLICA IDENTITY FULL",
    "ALTER TABLE fauna.flags ENABLE ROW LEVEL SECURITY",
    "CREATE POLICY extra ON fauna.flags USING (true)",
    "ALTER TABLE fauna.flags DROP CONSTRAINT flags_kind_check",
    "ALTER TABLE fauna.flags ADD CONSTRAINT extra CHECK (name <> 'x') NOT VALID",
    "COMMENT ON CONSTRAINT flags_kind_check ON fauna.flags IS 'x'",
    "COMMENT ON COLUMN fauna.flags.name IS NULL",
    "GRANT SELECT ON fauna.flags TO PUBLIC",
    "GRANT SELECT (name) ON fauna.flags TO PUBLIC",
    "ALTER TABLE fauna.flags DISABLE TRIGGER flags_mark_update",
    "DROP TRIGGER flags_mark_update ON fauna.flags",
    "CREATE INDEX extra ON fauna.flags (name)",
    "CREATE RULE extra AS ON DELETE TO fauna.flags DO INSTEAD NOTHING",
    "CREATE STATISTICS fauna.extra ON name, owner FROM fauna.flags",
    "ALTER TYPE fauna.evaluation ADD ATTRIBUTE extra integer",
    "GRANT USAGE ON TYPE fauna.evaluation TO PUBLIC",
    "GRANT USAGE ON SCHEMA fauna TO PUBLIC",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA fauna GRANT SELECT ON TABLES TO PUBLIC",
    "UPDATE pg_extension SET extcondition = array_fill('WHERE false'::text, ARRAY[cardinality(extconfig)]) WHERE extname = 'fauna'",
    "DELETE FROM pg_init_privs WHERE objoid = 'fauna.flags'::regclass",
];

#[tokio::test]
async fn no_kind_of_difference_goes_unseen() {
    let mut client = database().await.connect().await;
    let before = facts(&client).await;
    for change in CHANGES {
        let transaction = client.transaction().await.expect("a transaction");
        transaction.batch_execute(change).await.expect(change);
        let after = facts(transaction.client()).await;
        assert!(before != after, "unseen: {change}");
        transaction.rollback().await.expect("rolling back");
    }
    assert!(before == facts(&client).await, "the same catalog gives other facts the second time");
}

#[tokio::test]
async fn every_kind_of_object_that_the_extension_has_is_compared_in_full() {
    let client = database().await.connect().await;
    let unknown: Vec<String> =
        facts(&client).await.into_iter().filter(|fact| fact.contains(": not understood = ")).collect();
    assert_eq!(unknown, Vec::<String>::new());
}

//! Which changes of a source table make a revision: all that reach a document, by whatever statement, and
//! no other.

use std::collections::BTreeSet;

use fauna_tests::{Database, database};
use tokio_postgres::Client;

use crate::invariants::{assert_consistent, assert_documents_compiled};
use crate::shop::{SHOP, heads, json, shop, text};

#[derive(Debug, PartialEq)]
enum Effect {
    Revision,
    Nothing,
    Refused,
}
use Effect::{Nothing, Refused, Revision};

/// The shop, and enough beside it that a change of any column can show.
const EXTRA: &str = "
    INSERT INTO fauna.attributes (key, type) VALUES ('city', 'string'), ('town', 'string');
    INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator) VALUES ('beta', 1, 'city', 'exists');
    INSERT INTO fauna.flags (key) VALUES ('other');
    INSERT INTO fauna.variants (flag_key, key, value) VALUES
        ('other', 'on', 'true'), ('other', 'off', 'false'), ('checkout', 'third', 'false');
    INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) VALUES ('other', 'production', 'off');
    INSERT INTO fauna.rules (flag_key, environment_key, position, description)
        VALUES ('checkout', 'production', 1, 'target'), ('checkout', 'production', 2, 'spare');
    INSERT INTO fauna.allocations (rule_id, variant_key, position, weight)
        SELECT id, variant, a.position, 4000 FROM fauna.rules,
            (VALUES ('target', 'on', 0), ('target', 'third', 1), ('spare', 'off', 0)) a (rule, variant, position)
        WHERE description = rule;
    INSERT INTO fauna.rule_audiences (rule_id, audience_key) SELECT id, 'beta' FROM fauna.rules WHERE description = 'target';
    INSERT INTO fauna.prerequisites VALUES ('checkout', 'production', 'banner', 'on');
";

/// The row of each table that is changed.
const TARGETS: &[(&str, &str)] = &[
    (
        "allocations",
        "rule_id = (SELECT id FROM fauna.rules WHERE description = 'target') AND variant_key = 'on'",
    ),
    ("attributes", "key = 'city'"),
    ("audiences", "key = 'beta'"),
    ("conditions", "attribute_key = 'country'"),
    ("environments", "key = 'production'"),
    ("flag_settings", "flag_key = 'checkout' AND environment_key = 'production'"),
    ("flags", "key = 'checkout'"),
    ("prerequisites", "true"),
    ("rule_audiences", "true"),
    ("rules", "description = 'target'"),
    ("sdk_keys", "true"),
    ("variants", "flag_key = 'checkout' AND key = 'on'"),
];

/// An assignment to every column of every source table (the first column named), and what it does.
const ASSIGNMENTS: &[(&str, &str, Effect)] = &[
    ("allocations", "rule_id = (SELECT id FROM fauna.rules WHERE description = 'spare')", Revision),
    ("allocations", "flag_key = 'banner'", Refused),
    ("allocations", "variant_key = 'off'", Revision),
    ("allocations", "position = 7", Revision),
    ("allocations", "weight = 5", Revision),
    ("attributes", "key = 'land'", Refused),
    ("attributes", "type = 'number'", Revision),
    ("attributes", "description = 'x'", Nothing),
    ("audiences", "key = 'gamma'", Refused),
    ("audiences", "name = 'x'", Nothing),
    ("audiences", "description = 'x'", Nothing),
    ("audiences", "match = 'any'", Revision),
    ("conditions", "id = gen_random_uuid()", Refused),
    ("conditions", "audience_key = 'staff'", Refused),
    ("conditions", "position = 7", Revision),
    ("conditions", "attribute_key = 'town'", Revision),
    (
        "conditions",
        "nested_audience_key = 'staff', operator = 'in_audience', attribute_key = NULL, \"values\" = '[]'",
        Revision,
    ),
    ("conditions", "operator = 'eq'", Revision),
    ("conditions", "\"values\" = '[\"US\"]'", Revision),
    ("conditions", "negate = true", Revision),
    ("conditions", "ignore_case = true", Revision),
    ("environments", "key = 'live'", Refused),
    ("environments", "name = 'x'", Nothing),
    ("environments", "position = 7", Nothing),
    ("environments", "protected = true", Nothing),
    ("flag_settings", "flag_key = 'banner'", Refused),
    ("flag_settings", "environment_key = 'staging'", Refused),
    ("flag_settings", "enabled = true", Revision),
    ("flag_settings", "off_variant = 'on'", Revision),
    ("flags", "key = 'pay'", Refused),
    ("flags", "name = 'x'", Nothing),
    ("flags", "description = 'x'", Nothing),
    ("flags", "kind = 'json'", Refused),
    ("flags", "salt = 'x'", Revision),
    ("flags", "tags = '{x}'", Revision),
    ("flags", "owner = 'x'", Nothing),
    ("flags", "client_visible = true", Revision),
    ("flags", "permanent = true", Nothing),
    ("flags", "created_at = '2026-01-01'", Nothing),
    ("flags", "archived_at = '2026-01-01'", Revision),
    ("prerequisites", "flag_key = 'other'", Revision),
    ("prerequisites", "environment_key = 'staging'", Revision),
    ("prerequisites", "required_flag_key = 'other'", Revision),
    ("prerequisites", "required_variant = 'off'", Revision),
    ("rule_audiences", "rule_id = (SELECT id FROM fauna.rules WHERE description = 'spare')", Revision),
    ("rule_audiences", "flag_key = 'banner'", Refused),
    ("rule_audiences", "audience_key = 'staff'", Revision),
    ("rule_audiences", "negate = true", Revision),
    ("rules", "id = gen_random_uuid()", Refused),
    ("rules", "flag_key = 'banner'", Refused),
    ("rules", "environment_key = 'staging'", Refused),
    ("rules", "position = 7", Revision),
    ("rules", "is_default = true", Refused),
    ("rules", "description = 'x'", Nothing),
    ("rules", "match = 'all'", Revision),
    ("rules", "bucket_by = 'country'", Revision),
    ("rules", "active_from = '2026-01-01'", Revision),
    ("rules", "active_until = '2026-01-01'", Revision),
    ("rules", "ramp_from = '2026-01-01', ramp_until = '2026-01-02', ramp_start_weight = 0", Revision),
    ("rules", "ramp_until = '2026-01-02', ramp_from = '2026-01-01', ramp_start_weight = 0", Revision),
    ("rules", "ramp_start_weight = 1, ramp_from = '2026-01-01', ramp_until = '2026-01-02'", Revision),
    ("sdk_keys", "id = gen_random_uuid()", Refused),
    ("sdk_keys", "environment_key = 'staging'", Refused),
    ("sdk_keys", "kind = 'client'", Revision),
    ("sdk_keys", "name = 'x'", Revision),
    ("sdk_keys", "hash = repeat('b', 64)", Revision),
    ("sdk_keys", "prefix = 'x'", Nothing),
    ("sdk_keys", "created_at = '2026-01-01'", Nothing),
    ("sdk_keys", "expires_at = '2026-01-01'", Revision),
    ("sdk_keys", "revoked_at = '2026-01-01'", Revision),
    ("variants", "flag_key = 'banner'", Refused),
    ("variants", "key = 'yes'", Refused),
    ("variants", "value = 'false'", Revision),
    ("variants", "position = 7", Nothing),
];

async fn stocked() -> Database<'static> {
    let database = database().await;
    database.execute(&format!("BEGIN; {SHOP} {EXTRA} COMMIT")).await;
    database
}

/// What a statement does, in a transaction that is rolled back. Whatever it did, the documents follow.
async fn effect(client: &Client, sql: &str) -> Effect {
    client.batch_execute("BEGIN").await.expect("BEGIN");
    let before = heads(client).await;
    let outcome = client.batch_execute(&format!("{sql}; SET CONSTRAINTS ALL IMMEDIATE")).await;
    let effect = if outcome.is_err() {
        Refused
    } else {
        assert_documents_compiled(client).await;
        if heads(client).await == before { Nothing } else { Revision }
    };
    client.batch_execute("ROLLBACK").await.expect("ROLLBACK");
    effect
}

#[tokio::test]
async fn a_column_makes_a_revision_exactly_if_it_reaches_a_document() {
    let client = stocked().await.connect().await;
    for (table, assignment, expected) in ASSIGNMENTS {
        let (_, target) = TARGETS.iter().find(|(name, _)| name == table).expect("a row to change");
        let sql = format!("UPDATE fauna.{table} SET {assignment} WHERE {target}");
        assert_eq!(effect(&client, &sql).await, *expected, "{sql}");
        let same = format!("UPDATE fauna.{table} SET {0} = {0} WHERE {target}", column_of(assignment));
        assert_eq!(effect(&client, &same).await, Nothing, "{same}");
    }
}

#[tokio::test]
async fn no_column_of_a_source_table_is_left_out_above() {
    let client = database().await.connect().await;
    let query = "SELECT format('%s.%I', c.relname, a.attname) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'fauna'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped AND c.relname = ANY ($1)";
    let tables: Vec<&str> = TARGETS.iter().map(|(table, _)| *table).collect();
    let rows = client.query(query, &[&tables]).await.expect("the columns");
    let present: BTreeSet<String> = rows.iter().map(|row| row.get::<_, String>(0).replace('"', "")).collect();
    let tried = ASSIGNMENTS
        .iter()
        .map(|(table, assignment, _)| format!("{table}.{}", column_of(assignment).replace('"', "")));
    assert_eq!(present, tried.collect());
}

fn column_of(assignment: &str) -> &str {
    assignment.split_once(" =").expect("an assignment").0
}

#[tokio::test]
async fn every_way_of_writing_makes_a_revision() {
    let client = stocked().await.connect().await;
    let ways = [
        "INSERT INTO fauna.rules (flag_key, environment_key, id) VALUES ('banner', 'production', '00000000-0000-4000-8000-000000000002');
         INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ('00000000-0000-4000-8000-000000000002', 'on')",
        "INSERT INTO fauna.flag_settings VALUES ('checkout', 'production', true, 'off')
         ON CONFLICT (flag_key, environment_key) DO UPDATE SET enabled = excluded.enabled",
        "MERGE INTO fauna.flag_settings s USING (VALUES ('checkout')) v (key) ON s.flag_key = v.key
         WHEN MATCHED THEN UPDATE SET enabled = true",
        "WITH changed AS (UPDATE fauna.flag_settings SET enabled = true RETURNING 1) SELECT count(*) FROM changed",
        "DELETE FROM fauna.prerequisites",
        "DELETE FROM fauna.prerequisites; DELETE FROM fauna.flags",
        "DELETE FROM fauna.environments",
        "DELETE FROM fauna.environments WHERE key = 'staging'",
        "TRUNCATE fauna.prerequisites",
        "TRUNCATE fauna.flags CASCADE",
        "TRUNCATE fauna.attributes CASCADE",
        "TRUNCATE fauna.environments CASCADE",
        "COPY fauna.audiences (key) FROM PROGRAM 'echo gamma'",
        "DO $$ BEGIN UPDATE fauna.flag_settings SET enabled = true; END $$",
        "CREATE VIEW public.settings AS SELECT * FROM fauna.flag_settings; UPDATE public.settings SET enabled = true",
    ];
    for way in ways {
        assert_eq!(effect(&client, way).await, Revision, "{way}");
    }
}

#[tokio::test]
async fn a_statement_that_touches_no_row_takes_no_lock_and_makes_no_revision() {
    let client = stocked().await.connect().await;
    client
        .batch_execute("BEGIN; UPDATE fauna.flag_settings SET enabled = true WHERE false")
        .await
        .expect("no row");
    assert_eq!(text(&client, "SELECT count(*) FROM fauna.dirty").await, "0");
    client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.expect("no row");
    assert_eq!(
        text(&client, "SELECT coalesce(pg_current_xact_id_if_assigned()::text, 'none')").await,
        "none"
    );
    client.batch_execute("COMMIT").await.expect("COMMIT");
}

#[tokio::test]
async fn flags_that_require_each_others_variants_are_deleted_in_one_statement() {
    let database = stocked().await;
    database.execute("DELETE FROM fauna.flags").await;
    let client = database.connect().await;
    assert_eq!(
        text(&client, "SELECT count(*) FROM fauna.documents WHERE kind = 'flag' AND doc IS NOT NULL").await,
        "0"
    );
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_changed_type_recompiles_every_audience_that_uses_the_attribute() {
    let database = stocked().await;
    database.execute("UPDATE fauna.attributes SET type = 'number' WHERE key = 'city'").await;
    let client = database.connect().await;
    let documents = json(
        &client,
        "SELECT jsonb_object_agg(environment_key || '/' || key, doc #>> '{conditions,1,type}') FROM fauna.documents
         WHERE kind = 'audience' AND revision = 2",
    )
    .await;
    assert_eq!(documents, serde_json::json!({"production/beta": "number", "staging/beta": "number"}));
    assert_consistent(&database).await;
}

#[tokio::test]
async fn an_audience_changes_its_own_document_and_no_flags() {
    let database = stocked().await;
    database.execute("UPDATE fauna.audiences SET match = 'any' WHERE key = 'beta'").await;
    let client = database.connect().await;
    let changed = json(
        &client,
        "SELECT jsonb_agg(kind || '/' || key) FROM fauna.documents WHERE revision = 2 AND environment_key = 'production'",
    )
    .await;
    assert_eq!(changed, serde_json::json!(["audience/beta"]));
}

#[tokio::test]
async fn the_compiled_documents_have_the_documented_shape() {
    let database = shop().await;
    // A session's own settings must not show in what everybody reads.
    database
        .execute(
            "BEGIN; SET LOCAL TimeZone = 'Asia/Kathmandu'; SET LOCAL DateStyle = 'German'; SET LOCAL IntervalStyle = 'sql_standard';
             INSERT INTO fauna.conditions (audience_key, position, nested_audience_key, operator, negate) VALUES ('beta', 1, 'staff', 'in_audience', true);
             UPDATE fauna.flags SET salt = 'pepper', tags = '{web,shop}', client_visible = true WHERE key = 'checkout';
             INSERT INTO fauna.prerequisites VALUES ('checkout', 'production', 'banner', 'on'), ('checkout', 'production', 'banner', 'off');
             INSERT INTO fauna.rules (id, flag_key, environment_key, match, active_until, bucket_by, ramp_from, ramp_until, ramp_start_weight) VALUES
                ('0b540000-0000-4000-8000-000000000000', 'checkout', 'production', 'all', '2026-12-24 00:00:00+00', 'account',
                 '2026-01-01 02:00:00+02', '2026-01-31 22:00:00.5Z', 1000);
             INSERT INTO fauna.allocations (rule_id, variant_key, position, weight) VALUES
                ('0b540000-0000-4000-8000-000000000000', 'on', 0, 30000), ('0b540000-0000-4000-8000-000000000000', 'off', 1, 10);
             INSERT INTO fauna.rule_audiences (rule_id, audience_key, negate) VALUES
                ('0b540000-0000-4000-8000-000000000000', 'staff', true), ('0b540000-0000-4000-8000-000000000000', 'beta', false);
             INSERT INTO fauna.rules (id, flag_key, environment_key, position) VALUES
                ('0b540000-0000-4000-8000-000000000001', 'checkout', 'production', 1), ('0b540000-0000-4000-8000-000000000002', 'checkout', 'production', 2);
             INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ('0b540000-0000-4000-8000-000000000001', 'off');
             UPDATE fauna.sdk_keys SET name = 'backend', expires_at = '2027-01-01 00:00:00+00';
             COMMIT",
        )
        .await;
    let client = database.connect().await;
    let document = |kind: &str, key: &str| {
        format!(
            "SELECT doc FROM fauna.documents WHERE environment_key = 'production' AND kind = '{kind}' AND key = '{key}'"
        )
    };
    let expected = serde_json::json!({
        "kind": "boolean", "enabled": false, "salt": "pepper", "offVariant": "off", "variants": {"on": true, "off": false},
        "prerequisites": [{"flag": "banner", "variants": ["off", "on"]}],
        "rules": [
            {"id": "0b540000-0000-4000-8000-000000000000", "match": "all",
             "audiences": [{"key": "beta", "negate": false}, {"key": "staff", "negate": true}],
             "activeFrom": null, "activeUntil": "2026-12-24T00:00:00Z",
             "serve": {"split": [{"variant": "on", "weight": 30000}, {"variant": "off", "weight": 10}], "by": "account",
                       "ramp": {"from": "2026-01-01T00:00:00Z", "until": "2026-01-31T22:00:00.5Z", "startWeight": 1000}}},
            {"id": "0b540000-0000-4000-8000-000000000001", "match": "any", "audiences": [],
             "activeFrom": null, "activeUntil": null, "serve": {"variant": "off"}}],
        "default": {"variant": "on"}, "clientVisible": true, "tags": ["web", "shop"]});
    assert_eq!(json(&client, &document("flag", "checkout")).await, expected);
    let expected = serde_json::json!({"match": "all", "conditions": [
        {"attribute": "country", "type": "string", "operator": "in", "values": ["CA"], "negate": false, "ignoreCase": false},
        {"operator": "in_audience", "values": ["staff"], "negate": true}]});
    assert_eq!(json(&client, &document("audience", "beta")).await, expected);
    let expected = serde_json::json!({
        "kind": "server", "name": "backend", "hash": "a".repeat(64), "expiresAt": "2027-01-01T00:00:00Z", "revokedAt": null});
    assert_eq!(json(&client, &document("sdk_key", "00000000-0000-4000-8000-000000000001")).await, expected);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn compiling_is_total_on_what_is_not_there_yet() {
    let database = shop().await;
    let client = database.connect().await;
    client
        .batch_execute(
            "DELETE FROM fauna.rules WHERE flag_key = 'checkout'; DELETE FROM fauna.flag_settings WHERE flag_key = 'banner'",
        )
        .await
        .expect("deleting");
    let without_rules =
        json(&client, "SELECT fauna.compile_document('production', 'flag', 'checkout')").await;
    assert_eq!(without_rules["default"], serde_json::json!({"variant": "off"}));
    for (environment, kind, key) in [
        ("production", "flag", "banner"),
        ("production", "flag", "unknown"),
        ("unknown", "flag", "checkout"),
        ("unknown", "audience", "beta"),
        ("production", "sdk_key", "no uuid"),
        ("production", "sdk_key", "00000000-0000-4000-8000-000000000009"),
        ("staging", "sdk_key", "00000000-0000-4000-8000-000000000001"),
        ("production", "unknown", "checkout"),
    ] {
        let call = format!("fauna.compile_document('{environment}', '{kind}', '{key}')");
        assert_eq!(text(&client, &format!("SELECT {call} IS NULL")).await, "true", "{call}");
    }
    assert_consistent(&database).await;
}

#[tokio::test]
async fn an_archived_flag_has_no_document_until_it_is_restored() {
    let database = shop().await;
    let client = database.connect().await;
    let documents = "SELECT coalesce(string_agg(environment_key || (doc IS NULL)::text, ' ' ORDER BY environment_key), '')
        FROM fauna.documents WHERE kind = 'flag' AND key = 'checkout'";
    client
        .batch_execute("UPDATE fauna.flags SET archived_at = now() WHERE key = 'checkout'")
        .await
        .expect("archiving");
    assert_eq!(text(&client, documents).await, "productiontrue stagingtrue");
    client
        .batch_execute("UPDATE fauna.flags SET archived_at = NULL WHERE key = 'checkout'")
        .await
        .expect("restoring");
    assert_eq!(text(&client, documents).await, "productionfalse stagingfalse");
    assert_consistent(&database).await;
}

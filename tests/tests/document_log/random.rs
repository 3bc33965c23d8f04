//! Random transactions. At every step the documents as the transaction sees them are what its source rows
//! compile to, and so are the documents after the commit. That is what lets a commit that nobody has come
//! before keep what its statements compiled.

use fauna_tests::database;
use tokio_postgres::Client;

use crate::invariants::{assert_consistent, assert_documents_compiled};
use crate::shop::SHOP;

const TRANSACTIONS: u32 = 60;

/// Statements with places for a random flag, environment, audience and number. Some are refused, depending on what
/// went before; that rolls back to the last savepoint.
const STATEMENTS: &[&str] = &[
    "INSERT INTO fauna.environments (key) VALUES ('{environment}')",
    "DELETE FROM fauna.environments WHERE key = '{environment}'",
    "INSERT INTO fauna.audiences (key) VALUES ('{audience}')",
    "DELETE FROM fauna.audiences WHERE key = '{audience}'",
    "UPDATE fauna.audiences SET match = CASE match WHEN 'all' THEN 'any' ELSE 'all' END WHERE key = '{audience}'",
    "INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator) VALUES ('{audience}', {number}, 'spend', 'exists')",
    "INSERT INTO fauna.conditions (audience_key, position, nested_audience_key, operator) VALUES ('{audience}', {number}, 'staff', 'in_audience')",
    "DELETE FROM fauna.conditions WHERE audience_key = '{audience}'",
    "UPDATE fauna.conditions SET position = {number} WHERE audience_key = '{audience}'",
    "UPDATE fauna.attributes SET type = CASE type WHEN 'number' THEN 'string' ELSE 'number' END WHERE key = 'spend'",
    "INSERT INTO fauna.flags (key) VALUES ('{flag}'); INSERT INTO fauna.variants (flag_key, key, value) VALUES ('{flag}', 'on', 'true'), ('{flag}', 'off', 'false')",
    "DELETE FROM fauna.flags WHERE key = '{flag}'",
    "UPDATE fauna.flags SET tags = '{{number}}' WHERE key = '{flag}'",
    "UPDATE fauna.flags SET archived_at = CASE WHEN archived_at IS NULL THEN now() END WHERE key = '{flag}'",
    "UPDATE fauna.variants SET value = to_jsonb(NOT value::boolean) WHERE flag_key = '{flag}' AND key = 'on'",
    "INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant) VALUES ('{flag}', '{environment}', 'off')",
    "UPDATE fauna.flag_settings SET enabled = NOT enabled WHERE environment_key = '{environment}'",
    "DELETE FROM fauna.flag_settings WHERE flag_key = '{flag}' AND environment_key = '{environment}'",
    "INSERT INTO fauna.rules (flag_key, environment_key, position) VALUES ('{flag}', '{environment}', {number})",
    "INSERT INTO fauna.allocations (rule_id, variant_key, weight) SELECT id, 'on', 10 * {number} FROM fauna.rules
        WHERE flag_key = '{flag}' ON CONFLICT (rule_id, variant_key) DO UPDATE SET weight = excluded.weight",
    "INSERT INTO fauna.rule_audiences (rule_id, audience_key) SELECT id, '{audience}' FROM fauna.rules
        WHERE flag_key = '{flag}' AND NOT is_default ON CONFLICT DO NOTHING",
    "UPDATE fauna.rules SET position = {number} - position WHERE environment_key = '{environment}'",
    "DELETE FROM fauna.rules WHERE flag_key = '{flag}'",
    "INSERT INTO fauna.prerequisites VALUES ('{flag}', '{environment}', 'banner', 'on')",
    "DELETE FROM fauna.prerequisites",
    "INSERT INTO fauna.sdk_keys (environment_key, kind, hash, prefix) VALUES ('{environment}', 'client', md5(random()::text) || md5(random()::text), 'x')",
    "UPDATE fauna.sdk_keys SET revoked_at = now() WHERE environment_key = '{environment}'",
    "TRUNCATE fauna.sdk_keys CASCADE",
    "TRUNCATE fauna.environments CASCADE",
    "SELECT fauna.new_epoch()",
    "SELECT fauna.rebuild()",
];

/// What the transaction sees: its pending documents over the committed ones.
const SEEN: &str = "
    SELECT environment_key, kind, key
    FROM (SELECT e.key AS environment_key, c.kind, c.key, c.doc FROM fauna.environments e, fauna.compile_environment(e.key) c) c
    FULL JOIN (
        SELECT environment_key, kind, key, CASE WHEN p.txid IS NULL THEN d.doc ELSE p.doc END AS doc
        FROM fauna.documents d
        FULL JOIN (SELECT * FROM fauna.pending WHERE txid = pg_current_xact_id()) p USING (environment_key, kind, key)
        WHERE CASE WHEN p.txid IS NULL THEN d.doc ELSE p.doc END IS NOT NULL) s USING (environment_key, kind, key)
    WHERE c.doc IS DISTINCT FROM s.doc";

/// A sequence that looks random and is the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let index = usize::try_from(self.roll(choices.len() as u64)).expect("a small number");
        choices[index]
    }

    fn statement(&mut self) -> String {
        self.pick(STATEMENTS)
            .replace("{flag}", self.pick(&["checkout", "banner", "other"]))
            .replace("{environment}", self.pick(&["production", "staging", "qa"]))
            .replace("{audience}", self.pick(&["beta", "staff", "new"]))
            .replace("{number}", &self.roll(9).to_string())
    }
}

async fn assert_sees_what_it_wrote(client: &Client, story: &[String]) {
    let rows = client.query(SEEN, &[]).await.expect("the comparison");
    assert!(
        rows.is_empty(),
        "{:?} after {story:#?}",
        rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect::<Vec<(String, String, String)>>()
    );
}

#[tokio::test]
async fn a_transaction_sees_exactly_what_it_wrote_and_so_does_everybody_after_it() {
    let database = database().await;
    database.execute(&format!("BEGIN; {SHOP} COMMIT")).await;
    let client = database.connect().await;
    let mut dice = Dice(1);
    let mut refused = 0;
    for _ in 0..TRANSACTIONS {
        let mut story = Vec::new();
        client.batch_execute("BEGIN; SAVEPOINT s").await.expect("BEGIN");
        for _ in 0..=dice.roll(6) {
            let statement = match dice.roll(9) {
                0 => "ROLLBACK TO s".to_owned(),
                1 => "RELEASE s; SAVEPOINT s".to_owned(),
                2 => "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
                3 => "SET CONSTRAINTS ALL DEFERRED".to_owned(),
                _ => dice.statement(),
            };
            if client.batch_execute(&statement).await.is_err() {
                refused += 1;
                client.batch_execute("ROLLBACK TO s").await.expect("ROLLBACK TO");
                continue;
            }
            story.push(statement);
            assert_sees_what_it_wrote(&client, &story).await;
        }
        if client.batch_execute("COMMIT").await.is_err() {
            refused += 1;
        }
        assert_documents_compiled(&client).await;
    }
    assert!(refused < TRANSACTIONS * 2, "most statements do something: {refused} refused");
    assert_consistent(&database).await;
}

#[tokio::test]
async fn whoever_commits_in_between_is_not_undone() {
    let database = database().await;
    database.execute(&format!("BEGIN; {SHOP} COMMIT")).await;
    let (client, other) = (database.connect().await, database.connect().await);
    // What the open transaction holds, the other leaves.
    other.batch_execute("SET lock_timeout = 1").await.expect("SET");
    let mut dice = Dice(2);
    let mut between = 0;
    for _ in 0..TRANSACTIONS {
        client.batch_execute("BEGIN; SAVEPOINT s").await.expect("BEGIN");
        for _ in 0..=dice.roll(6) {
            let statement = match dice.roll(10) {
                0 => "ROLLBACK TO s".to_owned(),
                1 => "RELEASE s; SAVEPOINT s".to_owned(),
                2 => "SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED".to_owned(),
                _ => dice.statement(),
            };
            if client.batch_execute(&statement).await.is_err() {
                client.batch_execute("ROLLBACK TO s").await.expect("ROLLBACK TO");
            }
            if dice.roll(2) == 0 && other.batch_execute(&dice.statement()).await.is_ok() {
                between += 1;
            }
        }
        // Refused if the two do not fit together.
        let _ = client.batch_execute("COMMIT").await;
        assert_documents_compiled(&client).await;
    }
    assert!(between > TRANSACTIONS, "most statements in between do something: {between}");
    assert_consistent(&database).await;
}

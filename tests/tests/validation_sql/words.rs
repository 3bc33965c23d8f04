//! Keys and words that a CHECK constraint refuses are refused in words, and the two agree.

use crate::refusal::{refusal, refused};
use crate::shop;

#[tokio::test]
async fn a_bad_key_is_refused_in_words() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "SELECT fauna.create_flag('new checkout')").await,
        "23514: key \"new checkout\" is not valid\n\
         DETAIL: Column key of fauna.flags: it is 1 to 128 letters, digits, dots, underscores and hyphens, the first a letter or digit.\n\
         HINT: Use a key such as new-checkout; the name and the description may hold any text.\n\
         CONSTRAINT: flags_key_check"
    );
    for key in ["", "-a", ".a", "ä", "a/b", "two\nlines", "x'--", &"k".repeat(129)] {
        let quoted = key.replace('\'', "''");
        for (entity, sql) in [
            ("environments", format!("INSERT INTO fauna.environments (key) VALUES ('{quoted}')")),
            ("attributes", format!("INSERT INTO fauna.attributes (key, type) VALUES ('{quoted}', 'string')")),
            ("audiences", format!("INSERT INTO fauna.audiences (key) VALUES ('{quoted}')")),
            ("flags", format!("INSERT INTO fauna.flags (key) VALUES ('{quoted}')")),
            (
                "variants",
                format!(
                    "INSERT INTO fauna.variants (flag_key, key, value) VALUES ('checkout', '{quoted}', 'true')"
                ),
            ),
        ] {
            let words = refused(&database, &sql).await;
            assert!(words.starts_with("23514: key \""), "{key:?}: {words}");
            assert!(words.ends_with(&format!("CONSTRAINT: {entity}_key_check")), "{key:?}: {words}");
            assert!(words.lines().next().unwrap().ends_with("is not valid"), "{key:?}: {words}");
        }
    }
}

#[tokio::test]
async fn keys_at_the_edge_of_what_is_allowed_are_taken() {
    let database = shop().await;
    for key in ["a", "0", "A.b_c-D", "1..", &"k".repeat(128)] {
        database.execute(&format!("SELECT fauna.create_flag('{key}'), fauna.create_audience('{key}')")).await;
    }
}

#[tokio::test]
async fn a_word_that_is_none_of_those_allowed_is_refused_with_the_list() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "SELECT fauna.create_flag('x', 'bool')").await,
        "23514: kind \"bool\" is not valid\n\
         DETAIL: Column kind of fauna.flags: it is boolean, string, number or json.\n\
         HINT: Use one of these words.\n\
         CONSTRAINT: flags_kind_check"
    );
    for (sql, constraint) in [
        ("SELECT fauna.create_attribute('x', 'text')", "attributes_type_check"),
        ("UPDATE fauna.attributes SET type = 'int'", "attributes_type_check"),
        ("SELECT fauna.create_audience('x', 'some')", "audiences_match_check"),
        ("UPDATE fauna.rules SET match = 'none'", "rules_match_check"),
        ("SELECT fauna.create_sdk_key(kind => 'browser')", "sdk_keys_kind_check"),
    ] {
        let words = refused(&database, sql).await;
        assert!(words.starts_with("23514: ") && words.contains("HINT: Use one of these words."), "{words}");
        assert!(words.ends_with(&format!("CONSTRAINT: {constraint}")), "{words}");
    }
}

/// The triggers only speak for the constraints: whatever they refuse, the constraints refuse too.
#[tokio::test]
async fn without_the_triggers_the_constraints_refuse_the_same() {
    let database = shop().await;
    let client = database.connect().await;
    client.batch_execute("SET session_replication_role = replica").await.unwrap();
    for (sql, constraint) in [
        ("INSERT INTO fauna.environments (key) VALUES ('a b')", "environments_key_check"),
        ("INSERT INTO fauna.attributes (key, type) VALUES ('a b', 'string')", "attributes_key_check"),
        ("INSERT INTO fauna.audiences (key) VALUES ('a b')", "audiences_key_check"),
        ("INSERT INTO fauna.flags (key) VALUES ('a b')", "flags_key_check"),
        ("INSERT INTO fauna.variants (flag_key, key, value) VALUES ('f', 'a b', '1')", "variants_key_check"),
        ("INSERT INTO fauna.attributes (key, type) VALUES ('x', 'text')", "attributes_type_check"),
        ("INSERT INTO fauna.audiences (key, match) VALUES ('x', 'some')", "audiences_match_check"),
        ("INSERT INTO fauna.flags (key, kind) VALUES ('x', 'bool')", "flags_kind_check"),
        (
            "INSERT INTO fauna.rules (flag_key, environment_key, match) VALUES ('f', 'e', 'x')",
            "rules_match_check",
        ),
        (
            "INSERT INTO fauna.sdk_keys (environment_key, kind, hash, prefix) VALUES ('e', 'x', repeat('0', 64), 'p')",
            "sdk_keys_kind_check",
        ),
    ] {
        let words = refusal(&client, sql).await;
        assert!(
            words.starts_with("23514: ") && words.ends_with(&format!("CONSTRAINT: {constraint}")),
            "{words}"
        );
    }
}

//! Flags and their variants.

use crate::refusal::{refusal, refused};
use crate::shop;

#[tokio::test]
async fn a_variant_whose_value_does_not_fit_the_kind_is_refused() {
    let database = shop().await;
    assert_eq!(
        refused(
            &database,
            "INSERT INTO fauna.variants (flag_key, key, value) VALUES ('checkout', 'maybe', '\"x\"')"
        )
        .await,
        "23514: value of a variant is not valid: a boolean flag cannot have a value of JSON type string\n\
         DETAIL: Variant \"maybe\" of flag \"checkout\".\n\
         HINT: Give a value of the flag's kind; a flag of kind \"json\" takes any.\n\
         CONSTRAINT: variants_value_check"
    );
    let words = refused(&database, "UPDATE fauna.variants SET value = '1' WHERE flag_key = 'checkout'").await;
    assert!(words.starts_with("23514: value of a variant is not valid"), "{words}");
}

#[tokio::test]
async fn every_kind_takes_its_own_values_and_no_other() {
    let database = shop().await;
    let values = [
        ("boolean", "true"),
        ("string", "\"x\""),
        ("number", "1.5"),
        ("object", "{\"a\": []}"),
        ("null", "null"),
    ];
    for kind in ["boolean", "string", "number", "json"] {
        for (json_type, value) in values {
            let sql =
                format!("SELECT fauna.create_flag('f-{kind}-{json_type}', '{kind}', '{{\"a\": {value}}}')");
            if kind == json_type || kind == "json" && json_type != "null" {
                database.execute(&sql).await;
            } else {
                let words = refused(&database, &sql).await;
                assert!(words.starts_with("23514: value of a variant is not valid: "), "{sql}: {words}");
            }
        }
    }
}

#[tokio::test]
async fn a_value_that_no_reader_could_parse_is_refused() {
    let database = shop().await;
    for (value, reason) in [
        ("1e400", "a number is out of the range of double precision"),
        ("[{\"a\": -1e400}]", "a number is out of the range of double precision"),
        (&format!("{}1{}", "[".repeat(65), "]".repeat(65)), "the value is nested deeper than 64 levels"),
    ] {
        let words =
            refused(&database, &format!("SELECT fauna.create_flag('f', 'json', '{{\"a\": {value}}}')")).await;
        assert!(words.starts_with(&format!("23514: value of a variant is not valid: {reason}\n")), "{words}");
    }
    database
        .execute(&format!(
            "SELECT fauna.create_flag('f', 'json', '{{\"big\": 1e308, \"deep\": {}1{}}}')",
            "[".repeat(64),
            "]".repeat(64)
        ))
        .await;
}

#[tokio::test]
async fn the_kind_of_a_flag_never_changes() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "UPDATE fauna.flags SET kind = 'json' WHERE key = 'checkout'").await,
        "23514: the kind of a flag cannot change\n\
         DETAIL: Flag \"checkout\" is a boolean flag, and programs read it as one.\n\
         HINT: Make another flag of kind \"json\" and archive this one when no program reads it any more.\n\
         CONSTRAINT: flags_kind_unchanged_check"
    );
}

#[tokio::test]
async fn tags_are_words_that_stand_once() {
    let database = shop().await;
    for tags in ["{a b}", "{\"a,b\"}", "{\"\"}", "{web,web}", "{NULL}", "{{a},{b}}"] {
        let words =
            refused(&database, &format!("UPDATE fauna.flags SET tags = '{tags}' WHERE key = 'checkout'"))
                .await;
        assert!(words.starts_with("23514: "), "{tags}: {words}");
        assert!(words.ends_with("CONSTRAINT: flags_tags_check"), "{tags}: {words}");
    }
    assert_eq!(
        refused(&database, "SELECT fauna.create_flag('x', tags => '{two words}')").await,
        "23514: tag \"two words\" is not valid\n\
         DETAIL: Flag \"x\": a tag has 1 to 64 characters, no blank and no comma, and stands once.\n\
         HINT: Use a word such as web or team-checkout.\n\
         CONSTRAINT: flags_tags_check"
    );
}

#[tokio::test]
async fn a_session_that_reads_backslashes_as_escapes_takes_the_same_tags() {
    let client = shop().await.connect().await;
    client
        .batch_execute("SET standard_conforming_strings = off; SET escape_string_warning = off; SET backslash_quote = on")
        .await
        .unwrap();
    client.batch_execute("UPDATE fauna.flags SET tags = '{shop}' WHERE key = 'checkout'").await.unwrap();
    let words = refusal(&client, "UPDATE fauna.flags SET tags = '{two words}' WHERE key = 'checkout'").await;
    assert!(words.starts_with("23514: tag \"two words\" is not valid"), "{words}");
}

#[tokio::test]
async fn a_variant_that_is_served_somewhere_stays() {
    let database = shop().await;
    let words = refused(&database, "SELECT fauna.delete_variant('checkout', 'on')").await;
    assert!(words.contains("CONSTRAINT: allocations_flag_key_variant_key_fkey"), "{words}");
    let words = refused(&database, "UPDATE fauna.flag_settings SET off_variant = 'maybe'").await;
    assert!(words.contains("CONSTRAINT: flag_settings_off_variant_fkey"), "{words}");
}

//! Flags: made, turned on and off, archived, deleted.

use crate::refusal::refused;
use crate::{database, rows, value};

#[tokio::test]
async fn a_flag_made_by_its_key_alone_is_boolean_and_off() {
    let database = database().await;
    assert_eq!(value(&database, "SELECT fauna.create_flag('checkout')").await, "checkout");
    assert_eq!(
        rows(&database, "SELECT key, value FROM fauna.variants ORDER BY position").await,
        ["on | true", "off | false"]
    );
    let evaluation = "SELECT variant, value, reason FROM fauna.evaluate('checkout', '{}')";
    assert_eq!(value(&database, evaluation).await, "off | false | DISABLED");
    database.execute("SELECT fauna.enable('checkout')").await;
    assert_eq!(value(&database, evaluation).await, "on | true | STATIC");
    database.execute("SELECT fauna.disable('checkout')").await;
    assert_eq!(value(&database, evaluation).await, "off | false | DISABLED");
}

#[tokio::test]
async fn variants_keep_the_order_they_were_typed_in() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_flag('size', 'string', '{\"medium\": \"m\", \"s\": \"s\", \"large\": \"l\"}');
             SELECT fauna.create_flag('named', 'number', '{\"a\": 1, \"b\": 2, \"c\": 3}', 'b', 'a');
             SELECT fauna.enable('size'), fauna.enable('named')",
        )
        .await;
    assert_eq!(
        rows(&database, "SELECT key FROM fauna.variants WHERE flag_key = 'size' ORDER BY position").await,
        ["medium", "s", "large"]
    );
    assert_eq!(
        rows(&database, "SELECT flag, serves FROM fauna.flag_status ORDER BY 1").await,
        ["named | b", "size | medium"]
    );
    assert_eq!(
        rows(&database, "SELECT flag_key, off_variant FROM fauna.flag_settings ORDER BY 1").await,
        ["named | a", "size | large"]
    );
}

#[tokio::test]
async fn a_flag_without_usable_variants_is_refused() {
    let database = database().await;
    assert_eq!(
        refused(&database, "SELECT fauna.create_flag('theme', 'string')").await,
        "22023: flag \"theme\" needs variants\n\
         DETAIL: Only a boolean flag has variants of its own accord; this one is of kind \"string\".\n\
         HINT: For example: SELECT fauna.create_flag('theme', 'string', '{\"first\": …, \"second\": …}');"
    );
    for variants in ["{}", "[1]", "7"] {
        let words =
            refused(&database, &format!("SELECT fauna.create_flag('theme', 'string', '{variants}')")).await;
        assert!(words.starts_with("22023: flag \"theme\" needs variants\n"), "{variants}: {words}");
    }
    let words =
        refused(&database, "SELECT fauna.create_flag('f', variants => '{\"on\": true, \"on\": false}')")
            .await;
    assert!(words.starts_with("23505: ") && words.ends_with("CONSTRAINT: variants_pkey"), "{words}");
    for chosen in ["default_variant", "off_variant"] {
        let words = refused(&database, &format!("SELECT fauna.create_flag('f', {chosen} => 'onn')")).await;
        assert!(words.starts_with("23503: flag \"f\" has no variant \"onn\""), "{words}");
        assert!(words.contains("HINT: Perhaps you meant \"on\"."), "{words}");
    }
}

#[tokio::test]
async fn an_unknown_flag_is_named_with_the_nearest_there_is() {
    let database = database().await;
    database.execute("SELECT fauna.create_flag('checkout'), fauna.create_flag('search')").await;
    for call in [
        "enable('chekout')",
        "disable('chekout')",
        "rollout('chekout', 1)",
        "split('chekout', '{\"on\": 1}')",
        "set_variant('chekout', 'x', 'true')",
        "delete_variant('chekout', 'x')",
        "archive_flag('chekout')",
        "restore_flag('chekout')",
        "delete_flag('chekout')",
        "require_flag('chekout', 'search')",
        "require_flag('search', 'chekout')",
        "unrequire_flag('search', 'chekout')",
    ] {
        assert_eq!(
            refused(&database, &format!("SELECT fauna.{call}")).await,
            "UF001: flag \"chekout\" does not exist\n\
             DETAIL: No row of fauna.flags has the key \"chekout\".\n\
             HINT: Perhaps you meant \"checkout\".",
            "{call}"
        );
    }
    assert_eq!(
        refused(&database, "SELECT fauna.enable('zzz')").await,
        "UF001: flag \"zzz\" does not exist\n\
         DETAIL: No row of fauna.flags has the key \"zzz\".\n\
         HINT: Make it with fauna.create_flag, or look in fauna.flags for those there are."
    );
    assert!(refused(&database, "SELECT fauna.enable(NULL)").await.starts_with("22004: no flag is named\n"));
}

#[tokio::test]
async fn an_archived_flag_is_found_nowhere_and_comes_back_as_it_was() {
    let database = database().await;
    database.execute("SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout'); SELECT fauna.archive_flag('checkout')").await;
    let evaluation = "SELECT variant, reason, error_code FROM fauna.evaluate('checkout', '{}')";
    assert_eq!(value(&database, evaluation).await, " | ERROR | FLAG_NOT_FOUND");
    assert_eq!(
        refused(&database, "SELECT fauna.enable('checkout')").await,
        "55000: flag \"checkout\" is archived\n\
         DETAIL: An archived flag is found nowhere, enabled or not.\n\
         HINT: Bring it back first: SELECT fauna.restore_flag('checkout');"
    );
    database.execute("SELECT fauna.restore_flag('checkout')").await;
    assert_eq!(value(&database, evaluation).await, "on | STATIC | ");
}

#[tokio::test]
async fn a_flag_that_others_require_is_neither_archived_nor_deleted() {
    let database = database().await;
    database
        .execute("SELECT fauna.create_flag('payments'), fauna.create_flag('checkout'); SELECT fauna.require_flag('checkout', 'payments')")
        .await;
    assert_eq!(
        refused(&database, "SELECT fauna.archive_flag('payments')").await,
        "55000: flag \"payments\" is required by other flags\n\
         DETAIL: These would be off for everybody: checkout.\n\
         HINT: Drop the prerequisite first, with fauna.unrequire_flag, or archive those flags."
    );
    let words = refused(&database, "SELECT fauna.delete_flag('payments')").await;
    assert!(words.starts_with("23503: "), "{words}");
    assert_eq!(value(&database, "SELECT fauna.unrequire_flag('checkout', 'payments')").await, "1");
    database.execute("SELECT fauna.archive_flag('payments'); SELECT fauna.delete_flag('payments')").await;
    assert_eq!(rows(&database, "SELECT key FROM fauna.flags").await, ["checkout"]);
}

#[tokio::test]
async fn calling_again_changes_nothing_and_makes_no_revision() {
    let database = database().await;
    database
        .execute("SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout'), fauna.rollout('checkout', 10), fauna.set_variant('checkout', 'x', 'true')")
        .await;
    let revision = "SELECT revision FROM fauna.heads";
    let before = value(&database, revision).await;
    database
        .execute("SELECT fauna.enable('checkout'), fauna.rollout('checkout', 10), fauna.set_variant('checkout', 'x', 'true'), fauna.restore_flag('checkout')")
        .await;
    assert_eq!(value(&database, revision).await, before);
}

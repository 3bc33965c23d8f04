//! Environments, and the settings that every flag has in each.

use crate::refusal::refused;
use crate::{database, rows, value};

const DEFAULTS: &str = "SELECT s.flag_key, s.environment_key, s.enabled, s.off_variant, l.serves
    FROM fauna.flag_settings s
    JOIN fauna.rule_list l ON l.flag = s.flag_key AND l.environment = s.environment_key AND l.is_default
    ORDER BY 1, 2";

#[tokio::test]
async fn a_flag_has_a_setting_in_every_environment_whichever_was_first() {
    let database = database().await;
    database
        .execute("SELECT fauna.create_flag('checkout'); SELECT fauna.create_environment('staging'); SELECT fauna.create_flag('later')")
        .await;
    assert_eq!(
        rows(&database, DEFAULTS).await,
        [
            "checkout | production | f | off | on",
            "checkout | staging | f | off | on",
            "later | production | f | off | on",
            "later | staging | f | off | on",
        ]
    );
}

#[tokio::test]
async fn a_new_environment_copies_what_the_first_serves_but_enables_nothing() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_flag('theme', 'string', '{\"light\": \"l\", \"dark\": \"d\"}', off_variant => 'light');
             SELECT fauna.split('theme', '{\"dark\": 25, \"light\": 75}'), fauna.enable('theme');
             SELECT fauna.create_environment('staging')",
        )
        .await;
    assert_eq!(
        rows(&database, DEFAULTS).await,
        [
            "theme | production | t | light | dark 25 %, light 75 %",
            "theme | staging | f | light | dark 25 %, light 75 %"
        ]
    );
}

#[tokio::test]
async fn imported_flags_are_completed_once() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_environment('staging');
             INSERT INTO fauna.flags (key) SELECT 'f' || i FROM generate_series(1, 3) i;
             INSERT INTO fauna.variants (flag_key, key, value, position)
             SELECT f.key, v.key, v.value::jsonb, v.position
             FROM fauna.flags f CROSS JOIN (VALUES ('a', 'true', 1), ('b', 'false', 2)) v (key, value, position);
             -- A flag without variants can have no setting yet.
             INSERT INTO fauna.flags (key) VALUES ('empty')",
        )
        .await;
    assert_eq!(value(&database, "SELECT fauna.complete_settings()").await, "6");
    assert_eq!(value(&database, "SELECT fauna.complete_settings()").await, "0");
    assert_eq!(rows(&database, DEFAULTS).await[0], "f1 | production | f | b | a");
}

#[tokio::test]
async fn the_environment_left_out_is_the_settings_or_production() {
    let database = database().await;
    database
        .execute("SELECT fauna.create_environment('staging'); SELECT fauna.create_flag('checkout')")
        .await;
    database.execute("SET fauna.environment = 'staging'; SELECT fauna.enable('checkout')").await;
    let enabled = "SELECT environment_key FROM fauna.flag_settings WHERE enabled ORDER BY 1";
    assert_eq!(rows(&database, enabled).await, ["staging"]);
    database.execute("SET fauna.environment = ''; SELECT fauna.enable('checkout')").await;
    assert_eq!(rows(&database, enabled).await, ["production", "staging"]);
    assert_eq!(
        refused(&database, "SET fauna.environment = 'stagin'; SELECT fauna.enable('checkout')").await,
        "UF003: environment \"stagin\" does not exist\n\
         DETAIL: No row of fauna.environments has the key \"stagin\".\n\
         HINT: Perhaps you meant \"staging\"."
    );
}

#[tokio::test]
async fn a_deleted_environment_takes_its_settings_with_it() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_environment('staging'); SELECT fauna.create_flag('checkout');
             SELECT fauna.create_sdk_key('staging'); SELECT fauna.delete_environment('staging')",
        )
        .await;
    assert_eq!(rows(&database, "SELECT environment_key FROM fauna.flag_settings").await, ["production"]);
    assert!(rows(&database, "SELECT id FROM fauna.sdk_keys").await.is_empty());
    assert!(refused(&database, "SELECT fauna.delete_environment('staging')").await.starts_with("UF003: "));
    assert!(
        refused(&database, "SELECT fauna.delete_environment(NULL)")
            .await
            .starts_with("22004: no environment is named")
    );
}

//! In a protected environment, what is on is changed by admins only.

use fauna_tests::Database;
use tokio_postgres::Client;

use crate::refusal::refusal;
use crate::{database, value};

/// `live` is on in the protected environment `production`, serves `outer`, and so depends on `inner` and `plan`; `draft` is off there.
async fn shop() -> (Database<'static>, Client) {
    let database = database().await;
    let role = format!("editor_in_{}", database.name());
    database
        .execute(&format!(
            "UPDATE fauna.environments SET protected = true; SELECT fauna.create_environment('staging');
             SELECT fauna.create_attribute('plan'), fauna.create_attribute('free');
             SELECT fauna.create_audience('inner'), fauna.create_audience('outer'), fauna.create_audience('other');
             SELECT fauna.add_condition('inner', 'plan', 'exists'), fauna.nest_audience('outer', 'inner');
             SELECT fauna.create_flag('live'), fauna.create_flag('draft');
             SELECT fauna.target('live', 'outer'), fauna.enable('live');
             SELECT fauna.target('draft', 'other');
             CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'editor')"
        ))
        .await;
    let editor = database.connect_as(&role).await;
    (database, editor)
}

#[tokio::test]
async fn an_editor_does_not_change_what_is_on_there() {
    let (database, editor) = shop().await;
    let before = value(&database, "SELECT fauna.ruleset()").await;
    for sql in [
        "SELECT fauna.disable('live')",
        "SELECT fauna.enable('draft')",
        "UPDATE fauna.flag_settings SET off_variant = 'on' WHERE flag_key = 'draft' AND environment_key = 'production'",
        "INSERT INTO fauna.flags (key) VALUES ('new'); INSERT INTO fauna.variants (flag_key, key, value) VALUES ('new', 'on', 'true');
         INSERT INTO fauna.flag_settings (flag_key, environment_key, enabled, off_variant) VALUES ('new', 'production', true, 'on')",
        "DELETE FROM fauna.flag_settings WHERE flag_key = 'live' AND environment_key = 'production'",
        "SELECT fauna.rollout('live', 1)",
        "SELECT fauna.target('live', 'other')",
        "SELECT fauna.untarget('live', 'outer')",
        "SELECT fauna.require_flag('live', 'draft')",
        "UPDATE fauna.rules SET match = 'all' WHERE flag_key = 'live' AND environment_key = 'production'",
        "DELETE FROM fauna.rule_audiences WHERE flag_key = 'live'",
        "DELETE FROM fauna.allocations WHERE flag_key = 'live'",
        "SELECT fauna.set_variant('live', 'on', 'false')",
        "SELECT fauna.archive_flag('live')",
        "SELECT fauna.delete_flag('live')",
        "UPDATE fauna.flags SET salt = 'x' WHERE key = 'live'",
        "UPDATE fauna.flags SET client_visible = true WHERE key = 'live'",
        "SELECT fauna.add_condition('inner', 'free', 'exists')",
        "SELECT fauna.add_condition('outer', 'free', 'exists')",
        "SELECT fauna.remove_condition(id) FROM fauna.conditions WHERE audience_key = 'inner'",
        "UPDATE fauna.audiences SET match = 'any' WHERE key = 'inner'",
        "UPDATE fauna.attributes SET type = 'number' WHERE key = 'plan'",
    ] {
        let words = refusal(&editor, &format!("BEGIN; {sql}")).await;
        assert!(words.starts_with("42501: environment \"production\" is protected\n"), "{sql}: {words}");
        editor.batch_execute("ROLLBACK").await.unwrap();
    }
    assert_eq!(value(&database, "SELECT fauna.ruleset()").await, before);
    assert_eq!(
        refusal(&editor, "SELECT fauna.disable('live')").await,
        "42501: environment \"production\" is protected\n\
         DETAIL: Update of fauna.flag_settings would change what flag \"live\" serves there.\n\
         HINT: Ask somebody with the profile admin to make the change; see fauna.grant."
    );
}

#[tokio::test]
async fn an_editor_does_not_take_away_or_bring_what_a_flag_that_is_on_requires() {
    let (database, editor) = shop().await;
    database.execute("SELECT fauna.require_flag('live', 'draft', 'off')").await;
    let refused = async |sql: &str| {
        let words = refusal(&editor, sql).await;
        assert!(words.starts_with("42501: environment \"production\" is protected\n"), "{sql}: {words}");
    };
    refused("UPDATE fauna.flags SET archived_at = now() WHERE key = 'draft'").await;
    refused("DELETE FROM fauna.flag_settings WHERE flag_key = 'draft' AND environment_key = 'production'")
        .await;
    editor
        .batch_execute(
            "UPDATE fauna.flags SET salt = 'x' WHERE key = 'draft'; SELECT fauna.rollout('draft', 5)",
        )
        .await
        .unwrap();
    database.execute("DELETE FROM fauna.flag_settings WHERE flag_key = 'draft'").await;
    editor.batch_execute("SELECT fauna.complete_settings('draft', 'staging')").await.unwrap();
    refused("SELECT fauna.complete_settings('draft')").await;
}

#[tokio::test]
async fn an_editor_prepares_what_is_off_and_changes_other_environments() {
    let (database, editor) = shop().await;
    editor
        .batch_execute(
            "SELECT fauna.rollout('draft', 5), fauna.target('draft', 'outer'), fauna.require_flag('draft', 'live');
             SELECT fauna.create_flag('newer'), fauna.enable('live', 'staging'), fauna.rollout('live', 5, environment => 'staging');
             SELECT fauna.set_variant('live', 'extra', 'true'), fauna.delete_variant('live', 'extra');
             SELECT fauna.add_condition('other', 'free', 'exists');
             UPDATE fauna.flags SET description = 'words' WHERE key = 'live';
             UPDATE fauna.audiences SET description = 'words' WHERE key = 'inner';
             SELECT fauna.delete_flag('draft')",
        )
        .await
        .unwrap();
    // And an admin may do everything.
    database.execute("SELECT fauna.disable('live'), fauna.delete_flag('live')").await;
}

#[tokio::test]
async fn an_admin_who_is_no_superuser_changes_everything_there() {
    let (database, _) = shop().await;
    let role = format!("admin_in_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'admin')")).await;
    let admin = database.connect_as(&role).await;
    admin
        .batch_execute(
            "SELECT fauna.enable('draft'), fauna.rollout('live', 1), fauna.add_condition('inner', 'free', 'exists');
             UPDATE fauna.environments SET protected = false WHERE key = 'production'; SELECT fauna.delete_flag('live')",
        )
        .await
        .unwrap();
}

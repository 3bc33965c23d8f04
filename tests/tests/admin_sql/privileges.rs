//! Profiles, with real roles that log in.

use std::collections::BTreeMap;

use fauna_tests::{Database, error_of};

use crate::refusal::refusal;
use crate::{database, rows, value};

const PROFILES: [&str; 5] = ["evaluator", "viewer", "editor", "admin", "bridge"];

/// Statements, and the profiles whose members may run them.
const MATRIX: &[(&str, &str)] = &[
    ("SELECT fauna.enabled('checkout', '{}')", "evaluator viewer editor admin"),
    ("SELECT fauna.evaluate_all('{}')", "evaluator viewer editor admin"),
    ("SELECT fauna.bucket('a', 'b')", "evaluator viewer editor admin"),
    ("SELECT * FROM fauna.flags, fauna.rules, fauna.conditions", "viewer editor admin"),
    ("SELECT * FROM fauna.flag_status, fauna.rule_list, fauna.change_log", "viewer editor admin"),
    ("SELECT id, prefix, revoked_at FROM fauna.sdk_keys", "viewer editor admin"),
    ("SELECT hash FROM fauna.sdk_keys", "admin"),
    (
        "SELECT fauna.audience_sql('beta', 'pg_class'), fauna.count_audience('beta', 'pg_class')",
        "viewer editor admin",
    ),
    ("SELECT fauna.condition_holds(1, '{}')", "evaluator viewer editor admin"),
    ("SELECT * FROM fauna.heads", "viewer editor admin bridge"),
    ("SELECT * FROM fauna.documents", "bridge"),
    ("SELECT * FROM fauna.history", ""),
    ("SELECT fauna.changes('production', NULL, 0), fauna.ruleset()", "bridge"),
    ("SELECT fauna.record_usage('{}')", "bridge"),
    ("SELECT fauna.prune_usage('1 day')", "admin"),
    ("DELETE FROM fauna.usage", ""),
    ("INSERT INTO fauna.usage VALUES ('production', 'checkout', 'on', now(), 1, now())", ""),
    (
        "SELECT fauna.create_flag('new'), fauna.create_attribute('new'), fauna.create_audience('new')",
        "editor admin",
    ),
    (
        "SELECT fauna.enable('checkout'), fauna.rollout('checkout', 5), fauna.target('checkout', 'beta')",
        "editor admin",
    ),
    ("SELECT fauna.add_condition('beta', 'plan', 'eq', '{pro}')", "editor admin"),
    ("SELECT fauna.set_variant('checkout', 'x', 'true'), fauna.delete_flag('checkout')", "editor admin"),
    ("UPDATE fauna.flag_settings SET enabled = true", "editor admin"),
    ("INSERT INTO fauna.flags (key) VALUES ('new')", "editor admin"),
    ("DELETE FROM fauna.attributes", "editor admin"),
    ("SELECT fauna.create_environment('new')", "admin"),
    ("UPDATE fauna.environments SET name = 'x'", "admin"),
    ("SELECT fauna.revoke_sdk_key(id::text), fauna.create_sdk_key() FROM fauna.sdk_keys", "admin"),
    ("DELETE FROM fauna.sdk_keys", "admin"),
    ("TRUNCATE fauna.flags CASCADE", ""),
    ("UPDATE fauna.heads SET revision = 7", ""),
    ("DELETE FROM fauna.revisions", ""),
    ("UPDATE fauna.commit_lock SET txid = '1'", ""),
    ("SELECT fauna.lock_commits()", ""),
    ("SELECT fauna.rebuild(), fauna.new_epoch()", ""),
    ("SELECT fauna.grant('postgres', 'viewer')", ""),
];

/// A role for each profile, by profile.
async fn roles(database: &Database<'_>) -> BTreeMap<&'static str, String> {
    let mut roles = BTreeMap::new();
    for profile in PROFILES {
        let role = format!("{profile} of \"{}\"", database.name());
        let quoted = role.replace('"', "\"\"");
        database
            .execute(&format!("CREATE ROLE \"{quoted}\" LOGIN; SELECT fauna.grant('{role}', '{profile}')"))
            .await;
        roles.insert(profile, role);
    }
    roles
}

async fn shop() -> Database<'static> {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_flag('checkout'), fauna.create_audience('beta'), fauna.create_attribute('plan'),
                 fauna.create_sdk_key()",
        )
        .await;
    database
}

/// Who of the roles may run a statement; what is refused is refused for the privilege.
async fn able(
    database: &Database<'_>,
    roles: &BTreeMap<&'static str, String>,
    sql: &str,
) -> Vec<&'static str> {
    let mut able = Vec::new();
    for profile in PROFILES {
        let client = database.connect().await;
        let role = roles[profile].replace('"', "\"\"");
        client.batch_execute(&format!("SET SESSION AUTHORIZATION \"{role}\"; BEGIN")).await.unwrap();
        match client.batch_execute(sql).await {
            Ok(()) => {
                // What runs at commit runs for them, too.
                client.batch_execute("SET CONSTRAINTS ALL IMMEDIATE").await.unwrap();
                able.push(profile);
            }
            Err(error) => {
                let words = error_of(&error);
                assert!(words.starts_with("42501: "), "{profile}: {sql}: {words}");
            }
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
    able
}

#[tokio::test]
async fn each_profile_may_do_exactly_what_it_is_for() {
    let database = shop().await;
    let roles = roles(&database).await;
    for (sql, expected) in MATRIX {
        assert_eq!(
            able(&database, &roles, sql).await,
            expected.split_whitespace().collect::<Vec<_>>(),
            "{sql}"
        );
    }
}

#[tokio::test]
async fn a_revoked_role_may_do_nothing_and_can_be_dropped() {
    let database = shop().await;
    for profile in PROFILES {
        let role = format!("{profile}_once_in_{}", database.name());
        database.execute(&format!("CREATE ROLE {role}; SELECT fauna.grant('{role}', '{profile}')")).await;
        for argument in ["", &format!(", '{profile}'")] {
            database.execute(&format!("SELECT fauna.revoke('{role}'{argument})")).await;
        }
        database.execute(&format!("DROP ROLE {role}")).await;
    }
}

#[tokio::test]
async fn revoking_one_profile_leaves_another() {
    let database = shop().await;
    let role = format!("both_in_{}", database.name());
    database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'bridge'), fauna.grant('{role}', 'editor');
             SELECT fauna.revoke('{role}', 'editor'), fauna.grant('{role}', 'bridge')"
        ))
        .await;
    let client = database.connect_as(&role).await;
    client.batch_execute("SELECT fauna.changes('production', NULL, 0)").await.unwrap();
    assert!(refusal(&client, "SELECT * FROM fauna.flags").await.starts_with("42501: "));
}

#[tokio::test]
async fn only_the_owner_hands_out_privileges() {
    let database = shop().await;
    let role = format!("climber_in_{}", database.name());
    database
        .execute(&format!(
            "CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'admin');
             GRANT EXECUTE ON FUNCTION fauna.grant(name, text), fauna.profile_privileges(text), fauna.refuse_unless_owner() TO {role}"
        ))
        .await;
    let client = database.connect_as(&role).await;
    assert_eq!(
        refusal(&client, &format!("SELECT fauna.grant('{role}', 'bridge')")).await,
        "42501: only the owner of the extension can hand out its privileges\n\
         DETAIL: The owner is role \"postgres\".\n\
         HINT: Ask a member of that role, or a superuser."
    );
    let client = database.connect().await;
    assert_eq!(
        refusal(&client, &format!("SELECT fauna.grant('{role}', 'root')")).await,
        "22023: profile \"root\" does not exist\n\
         DETAIL: The profiles are viewer, editor, admin, bridge and evaluator.\n\
         HINT: Name one of them."
    );
    assert!(refusal(&client, "SELECT fauna.grant('nobody at all', 'viewer')").await.starts_with("42704: "));
}

#[tokio::test]
async fn the_log_says_who_did_it_and_a_member_acts_as_what_they_set() {
    let database = shop().await;
    let (person, team) = (format!("person_in_{}", database.name()), format!("team_in_{}", database.name()));
    database
        .execute(&format!(
            "CREATE ROLE {team}; CREATE ROLE {person} LOGIN IN ROLE {team}; SELECT fauna.grant('{team}', 'editor')"
        ))
        .await;
    let client = database.connect_as(&person).await;
    client.batch_execute(&format!("SET ROLE {team}; SELECT fauna.enable('checkout')")).await.unwrap();
    assert_eq!(
        value(&database, "SELECT actor, role FROM fauna.change_log LIMIT 1").await,
        format!("{person} | {team}")
    );
}

#[tokio::test]
async fn privileges_survive_a_dump_and_a_restore() {
    let database = shop().await;
    let role = format!("keeper_in_{}", database.name());
    database.execute(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'viewer')")).await;
    let cluster = database.cluster();
    let dump = cluster.folder().join("privileges.sql");
    let dump = dump.to_str().unwrap();
    cluster.run("pg_dump", &["--dbname", &database.conninfo(), "--file", dump]);
    let restored = Database::create_empty(cluster).await;
    cluster.run("psql", &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", &restored.conninfo(), "-f", dump]);
    let client = restored.connect_as(&role).await;
    client.batch_execute("SELECT * FROM fauna.flag_status; SELECT fauna.enabled('checkout')").await.unwrap();
    assert!(refusal(&client, "SELECT hash FROM fauna.sdk_keys").await.starts_with("42501: "));
    let acl =
        "SELECT oid::regclass, relacl FROM pg_class WHERE relnamespace = 'fauna'::regnamespace ORDER BY 1";
    assert_eq!(rows(&restored, acl).await, rows(&database, acl).await);
}

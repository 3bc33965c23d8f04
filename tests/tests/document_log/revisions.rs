//! What a transaction leaves in the log: one revision per environment it changed, announced once, or
//! nothing at all.

use fauna_tests::eventually;
use serde_json::json;

use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, epoch, heads, json as read, listener, optional_text, refusal, shop, text};

#[tokio::test]
async fn the_first_transaction_of_an_environment_is_revision_one() {
    let database = shop().await;
    assert_eq!(heads(&database.connect().await).await, ["production:1", "staging:1"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn two_changes_in_one_transaction_are_one_revision_and_one_notification() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database
        .execute(&format!(
            "BEGIN; {TOGGLE}; UPDATE fauna.flags SET tags = '{{web}}' WHERE key = 'banner'; COMMIT"
        ))
        .await;
    let client = database.connect().await;
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    let mut expected = Vec::new();
    for environment in ["production", "staging"] {
        let epoch = epoch(&client, environment).await;
        expected.push(format!(r#"{{"environment":"{environment}","epoch":"{epoch}","revision":2}}"#));
    }
    assert_eq!(notifications.drain().await, expected);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn only_the_environment_that_changed_moves() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database.execute(TOGGLE).await;
    assert_eq!(heads(&database.connect().await).await, ["production:2", "staging:1"]);
    assert_eq!(notifications.drain().await.len(), 1);
}

#[tokio::test]
async fn a_change_and_back_makes_no_revision() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    let client = database.connect().await;
    client.batch_execute(&format!("BEGIN; {TOGGLE}; {TOGGLE}")).await.expect("toggling");
    assert_eq!(text(&client, "SELECT count(*) FROM fauna.pending").await, "0");
    client.batch_execute("COMMIT").await.expect("COMMIT");
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert!(notifications.drain().await.is_empty());
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_change_that_is_rolled_back_is_never_announced() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database.execute(&format!("BEGIN; {TOGGLE}; ROLLBACK")).await;
    database.execute(&format!("BEGIN; {TOGGLE}; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK")).await;
    database.execute(&format!("BEGIN; SAVEPOINT s; {TOGGLE}; ROLLBACK TO s; COMMIT")).await;
    assert!(notifications.drain().await.is_empty());
    assert_eq!(heads(&database.connect().await).await, ["production:1", "staging:1"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_rolled_back_savepoint_takes_its_marks_and_leaves_the_others() {
    let database = shop().await;
    let client = database.connect().await;
    client
        .batch_execute(&format!(
            "BEGIN; SAVEPOINT a; {TOGGLE}; ROLLBACK TO a;
             UPDATE fauna.audiences SET match = 'any' WHERE key = 'staff';
             SAVEPOINT b; {TOGGLE}; RELEASE b; SAVEPOINT c; DELETE FROM fauna.flags; ROLLBACK TO c"
        ))
        .await
        .expect("changing");
    let pending =
        "SELECT jsonb_agg(environment_key || '/' || key ORDER BY environment_key, key) FROM fauna.pending";
    assert_eq!(
        read(&client, pending).await,
        json!(["production/checkout", "production/staff", "staging/staff"])
    );
    client.batch_execute("COMMIT").await.expect("COMMIT");
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_stamp_that_is_rolled_back_with_its_savepoint_is_made_again_at_commit() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database
        .execute(&format!(
            "BEGIN; {TOGGLE}; SAVEPOINT s; SET CONSTRAINTS ALL IMMEDIATE; UPDATE fauna.flags SET tags = '{{x}}'; ROLLBACK TO s;
             UPDATE fauna.audiences SET match = 'any' WHERE key = 'staff'; COMMIT"
        ))
        .await;
    assert_eq!(heads(&database.connect().await).await, ["production:2", "staging:2"]);
    assert_eq!(notifications.drain().await.len(), 2);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_change_made_by_a_deferred_trigger_during_the_commit_joins_the_revision() {
    let database = shop().await;
    database
        .execute(
            "CREATE TABLE public.launches (id int);
             CREATE FUNCTION public.launch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 UPDATE fauna.flags SET tags = '{launched}' WHERE key = 'banner'; RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER launch AFTER INSERT ON public.launches DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION public.launch()",
        )
        .await;
    database.execute(&format!("BEGIN; {TOGGLE}; INSERT INTO public.launches VALUES (1); COMMIT")).await;
    let client = database.connect().await;
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    let changed = "SELECT jsonb_agg(key ORDER BY key) FROM fauna.documents WHERE environment_key = 'production' AND revision = 2";
    assert_eq!(read(&client, changed).await, json!(["banner", "checkout"]));
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_transaction_sees_its_own_documents_and_nobody_else_does() {
    let database = shop().await;
    let (writer, other) = (database.connect().await, database.connect().await);
    writer.batch_execute(&format!("BEGIN; {TOGGLE}")).await.expect("toggling");
    let pending = "SELECT (SELECT doc ->> 'enabled' FROM fauna.pending
        WHERE txid = pg_current_xact_id() AND environment_key = 'production' AND kind = 'flag' AND key = 'checkout')";
    assert_eq!(optional_text(&writer, pending).await.as_deref(), Some("true"));
    assert_eq!(optional_text(&other, pending).await, None);
    let document = "SELECT doc ->> 'enabled' FROM fauna.documents
        WHERE environment_key = 'production' AND kind = 'flag' AND key = 'checkout'";
    assert_eq!(text(&other, document).await, "false");
    writer.batch_execute("COMMIT").await.expect("COMMIT");
    assert_eq!(text(&other, document).await, "true");
}

#[tokio::test]
async fn a_deleted_flag_leaves_a_null_document_and_its_history() {
    let database = shop().await;
    let client = database.connect().await;
    client.batch_execute("DELETE FROM fauna.flags WHERE key = 'checkout'").await.expect("deleting");
    let document = "SELECT doc FROM fauna.documents WHERE environment_key = 'production' AND kind = 'flag' AND key = 'checkout'";
    assert_eq!(optional_text(&client, document).await, None);
    let versions = "SELECT jsonb_agg(doc IS NULL ORDER BY revision) FROM fauna.history
        WHERE environment_key = 'production' AND kind = 'flag' AND key = 'checkout'";
    assert_eq!(read(&client, versions).await, json!([false, true]));
    assert_consistent(&database).await;
}

#[tokio::test]
async fn immediate_constraints_stamp_at_once_and_still_make_one_revision() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    let client = database.connect().await;
    client.batch_execute(&format!("BEGIN; {TOGGLE}; SET CONSTRAINTS ALL IMMEDIATE")).await.expect("toggling");
    assert_eq!(heads(&client).await, ["production:2", "staging:1"]);
    client
        .batch_execute(
            "UPDATE fauna.flags SET tags = '{a}' WHERE key = 'checkout'; UPDATE fauna.flags SET tags = '{b}' WHERE key = 'checkout';
             SET CONSTRAINTS ALL DEFERRED; UPDATE fauna.flags SET tags = '{c}' WHERE key = 'checkout'",
        )
        .await
        .expect("tagging");
    client.batch_execute("COMMIT").await.expect("COMMIT");
    assert_eq!(heads(&client).await, ["production:2", "staging:2"]);
    let versions = "SELECT jsonb_agg(doc -> 'tags' ORDER BY environment_key, revision) FROM fauna.history
        WHERE kind = 'flag' AND key = 'checkout' AND revision > 1";
    assert_eq!(read(&client, versions).await, json!([["c"], ["c"]]));
    assert_eq!(notifications.drain().await.len(), 2);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_change_made_after_constraints_became_immediate_is_not_lost() {
    let database = shop().await;
    database.execute(&format!("BEGIN; SET CONSTRAINTS ALL IMMEDIATE; {TOGGLE}; COMMIT")).await;
    assert_eq!(heads(&database.connect().await).await, ["production:2", "staging:1"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_comment_is_kept_though_its_flag_was_changed_before_without_one() {
    let client = shop().await.connect().await;
    client
        .batch_execute(&format!(
            "BEGIN; {TOGGLE}; SET LOCAL fauna.comment = 'why'; {TOGGLE}; SET LOCAL fauna.comment = 'later'; {TOGGLE}; COMMIT"
        ))
        .await
        .expect("three changes");
    assert_eq!(text(&client, "SELECT string_agg(DISTINCT comment, ',') FROM fauna.revisions").await, "why");
}

#[tokio::test]
async fn a_revision_says_who_acted_as_whom_from_where_and_why() {
    let database = shop().await;
    let client = database.connect().await;
    let who = format!("log_who_{}", database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE {who}_login LOGIN; CREATE ROLE {who}_editor; GRANT {who}_editor TO {who}_login;
             GRANT USAGE ON SCHEMA fauna TO {who}_editor; GRANT SELECT, UPDATE ON fauna.flag_settings TO {who}_editor"
        ))
        .await
        .expect("roles");
    let writer = database.connect_as(&format!("{who}_login")).await;
    writer
        .batch_execute(&format!(
            "BEGIN; SET LOCAL application_name = 'deploy'; SET LOCAL fauna.comment = 'launch'; SET LOCAL ROLE {who}_editor; {TOGGLE};
             RESET ROLE; SET LOCAL application_name = 'else'; SET LOCAL fauna.comment = 'else'; COMMIT"
        ))
        .await
        .expect("an editor's change");
    let row = "SELECT jsonb_build_array(actor, role, application_name, comment, txid::text = (SELECT txid::text FROM fauna.heads
            WHERE environment_key = 'production'), committed_at BETWEEN now() - interval '1 minute' AND now())
        FROM fauna.revisions WHERE environment_key = 'production' AND revision = 2";
    let expected = json!([format!("{who}_login"), format!("{who}_editor"), "deploy", "launch", true, true]);
    assert_eq!(read(&client, row).await, expected);

    let refused = refusal(&writer, "SELECT * FROM fauna.dirty").await;
    assert!(refused.starts_with("42501"), "{refused}");
    let refused = refusal(&writer, "SELECT fauna.mark('flag', '{production}', '{checkout}')").await;
    assert!(refused.starts_with("42501"), "{refused}");
}

#[tokio::test]
async fn a_prepared_transaction_with_a_change_is_refused() {
    let database = shop().await;
    let client = database.connect().await;
    client.batch_execute(&format!("BEGIN; {TOGGLE}")).await.expect("toggling");
    let refused = refusal(&client, "PREPARE TRANSACTION 'later'").await;
    assert!(
        refused.contains("cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY"),
        "{refused}"
    );
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_key_never_changes_and_the_refusal_says_what_to_do() {
    let client = shop().await.connect().await;
    let refused = refusal(&client, "UPDATE fauna.flags SET key = 'till' WHERE key = 'checkout'").await;
    assert_eq!(
        refused,
        "23000: the key of flag checkout cannot be changed\nDETAIL: An update of fauna.flags would change checkout to till.\n\
         HINT: Create another flag, move what refers to this one, and delete it.\nCONSTRAINT: flags_keep_key"
    );
}

#[tokio::test]
async fn a_missing_commit_lock_is_said_and_mended_as_the_hint_tells() {
    let database = shop().await;
    let client = database.connect().await;
    client.batch_execute("DELETE FROM fauna.commit_lock").await.expect("breaking it");
    let error = client.batch_execute(TOGGLE).await.expect_err("no lock");
    let error = error.as_db_error().expect("PostgreSQL's refusal");
    assert_eq!(error.code().code(), "55000");
    client.batch_execute(error.hint().expect("a hint")).await.expect("the hint");
    client.batch_execute(TOGGLE).await.expect("toggling");
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_new_environment_has_a_head_and_every_audience_at_once() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database.execute("INSERT INTO fauna.environments (key) VALUES ('qa')").await;
    let client = database.connect().await;
    assert_eq!(heads(&client).await, ["production:1", "qa:1", "staging:1"]);
    assert_eq!(notifications.drain().await.len(), 1);
    let documents =
        "SELECT jsonb_agg(kind || '/' || key ORDER BY key) FROM fauna.documents WHERE environment_key = 'qa'";
    assert_eq!(read(&client, documents).await, json!(["audience/beta", "audience/staff"]));
    assert_consistent(&database).await;
}

#[tokio::test]
async fn an_empty_environment_has_a_head_too() {
    let database = fauna_tests::database().await;
    database.execute("INSERT INTO fauna.environments (key) VALUES ('empty')").await;
    let client = database.connect().await;
    assert_eq!(heads(&client).await, ["empty:1"]);
    assert_eq!(
        read(&client, "SELECT fauna.ruleset('empty') - 'epoch'").await,
        json!({"environment": "empty", "revision": 1, "flags": {}, "audiences": {}})
    );
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_deleted_environment_ends_with_a_revision_and_keeps_only_its_history() {
    let database = shop().await;
    let client = database.connect().await;
    let old_epoch = epoch(&client, "production").await;
    let mut notifications = listener(&database).await;
    client
        .batch_execute(
            "SET fauna.comment = 'moving out'; DELETE FROM fauna.environments WHERE key = 'production'",
        )
        .await
        .expect("deleting");
    assert_eq!(heads(&client).await, ["staging:1"]);
    assert_eq!(
        notifications.drain().await,
        [format!(r#"{{"environment":"production","epoch":"{old_epoch}","revision":2}}"#)]
    );
    assert_eq!(
        text(&client, "SELECT count(*) FROM fauna.documents WHERE environment_key = 'production'").await,
        "0"
    );
    let last = "SELECT jsonb_build_array(comment, (SELECT bool_and(doc IS NULL) FROM fauna.history h WHERE h.environment_key = 'production' AND h.revision = 2))
        FROM fauna.revisions WHERE environment_key = 'production' AND revision = 2";
    assert_eq!(read(&client, last).await, json!(["moving out", true]));
    let refused = refusal(&client, "SELECT fauna.ruleset('production')").await;
    assert!(refused.starts_with("UF003: "), "{refused}");

    client
        .batch_execute("INSERT INTO fauna.environments (key) VALUES ('production')")
        .await
        .expect("creating");
    assert_eq!(heads(&client).await, ["production:1", "staging:1"]);
    assert_ne!(epoch(&client, "production").await, old_epoch);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn an_environment_created_and_deleted_in_one_transaction_never_was() {
    let database = shop().await;
    let mut notifications = listener(&database).await;
    database.execute("BEGIN; INSERT INTO fauna.environments (key) VALUES ('qa'); DELETE FROM fauna.environments WHERE key = 'qa'; COMMIT").await;
    assert!(notifications.drain().await.is_empty());
    assert_eq!(
        text(&database.connect().await, "SELECT count(*) FROM fauna.revisions WHERE environment_key = 'qa'")
            .await,
        "0"
    );
    assert_consistent(&database).await;
}

#[tokio::test]
async fn sessions_that_change_different_flags_meet_only_at_commit() {
    let database = shop().await;
    let (a, b) = (database.connect().await, database.connect().await);
    let change = |flag: &str| {
        format!(
            "UPDATE fauna.flag_settings SET enabled = true WHERE flag_key = '{flag}'; \
        UPDATE fauna.flags SET tags = '{{x}}' WHERE key = '{flag}'"
        )
    };
    a.batch_execute(&format!("SET lock_timeout = 1; BEGIN; {}", change("checkout")))
        .await
        .expect("a's change");
    b.batch_execute(&format!("SET lock_timeout = 1; BEGIN; {}", change("banner"))).await.expect("b's change");
    b.batch_execute("COMMIT").await.expect("b commits first");
    a.batch_execute("COMMIT").await.expect("a commits");
    assert_eq!(heads(&a).await, ["production:3", "staging:3"]);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_second_commit_waits_for_the_first_and_keeps_both_changes() {
    let database = shop().await;
    let (a, b) = (database.connect().await, database.connect().await);
    a.batch_execute(&format!("BEGIN; {TOGGLE}; SET CONSTRAINTS ALL IMMEDIATE")).await.expect("a stamps");
    let pid: i32 = b.query_one("SELECT pg_backend_pid()", &[]).await.expect("a pid").get(0);
    let waiting = tokio::spawn(async move {
        b.batch_execute("UPDATE fauna.flags SET tags = '{late}' WHERE key = 'checkout'").await
    });
    eventually("b waits for the commit lock", || async {
        let blocked = text(&a, &format!("SELECT cardinality(pg_blocking_pids({pid})) > 0")).await;
        (blocked == "true").then_some(())
    })
    .await;
    a.batch_execute("COMMIT").await.expect("a commits");
    waiting.await.expect("b's task").expect("b commits");
    let document = "SELECT jsonb_build_array(revision, doc -> 'enabled', doc -> 'tags') FROM fauna.documents
        WHERE environment_key = 'production' AND kind = 'flag' AND key = 'checkout'";
    assert_eq!(read(&a, document).await, json!([3, true, ["late"]]));
    assert_consistent(&database).await;
}

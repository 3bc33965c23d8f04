//! `fauna.ruleset` and `fauna.changes`: whatever a reader has, what it gets brings it to the present.

use fauna_tests::database;
use serde_json::{Value, json};

use crate::invariants::assert_consistent;
use crate::shop::{TOGGLE, changes, epoch, json as read, refusal, shop, text};

/// Applies a patch to a put, as every reader does.
pub fn apply(state: &mut Value, payload: &Value) {
    if payload.get("from").is_none() {
        *state = payload.clone();
        return;
    }
    assert_eq!(payload["from"], state["revision"], "a patch for somebody else");
    assert_eq!(payload["epoch"], state["epoch"]);
    state["revision"] = payload["revision"].clone();
    for part in ["flags", "audiences"] {
        let documents = state[part].as_object_mut().expect("an object");
        for (key, document) in payload[part].as_object().expect("an object") {
            if document.is_null() {
                documents.remove(key);
            } else {
                documents.insert(key.clone(), document.clone());
            }
        }
    }
}

#[tokio::test]
async fn a_put_and_every_patch_after_it_give_the_same_as_a_put_now() {
    let database = shop().await;
    let client = database.connect().await;
    let mut puts = vec![read(&client, "SELECT fauna.ruleset('production')").await];
    for change in [
        TOGGLE,
        "UPDATE fauna.audiences SET match = 'any'",
        "DELETE FROM fauna.flags WHERE key = 'checkout'",
        "INSERT INTO fauna.audiences (key) VALUES ('new')",
        "UPDATE fauna.sdk_keys SET revoked_at = now()",
        "DELETE FROM fauna.audiences WHERE key = 'new'",
        "BEGIN; UPDATE fauna.flags SET archived_at = now(); INSERT INTO fauna.audiences (key) VALUES ('new'); COMMIT",
        "UPDATE fauna.flags SET archived_at = NULL",
    ] {
        client.batch_execute(change).await.expect(change);
        puts.push(read(&client, "SELECT fauna.ruleset('production')").await);
    }
    let now = puts.last().expect("a put").clone();
    let epoch = epoch(&client, "production").await;
    for mut state in puts {
        let since = state["revision"].as_i64().expect("a revision");
        match changes(&client, "production", Some(&epoch), since).await {
            None => assert_eq!(since, now["revision"].as_i64().expect("a revision")),
            Some(patch) => {
                assert_eq!(patch["from"], since);
                apply(&mut state, &patch);
            }
        }
        assert_eq!(state, now);
    }
    assert_consistent(&database).await;
}

#[tokio::test]
async fn a_put_has_the_documented_shape_and_no_keys() {
    let client = shop().await.connect().await;
    let put = read(&client, "SELECT fauna.ruleset('production')").await;
    let names: Vec<&String> = put.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["audiences", "environment", "epoch", "flags", "revision"]);
    assert_eq!(
        put["flags"].as_object().expect("an object").keys().collect::<Vec<_>>(),
        ["banner", "checkout"]
    );
    assert_eq!(put["epoch"], epoch(&client, "production").await);
    assert!(!put.to_string().contains(&"a".repeat(64)));
}

#[tokio::test]
async fn a_change_of_keys_alone_is_a_patch_that_only_moves_the_revision() {
    let client = shop().await.connect().await;
    client.batch_execute("UPDATE fauna.sdk_keys SET revoked_at = now()").await.expect("revoking");
    let epoch = epoch(&client, "production").await;
    let patch = changes(&client, "production", Some(&epoch), 1).await.expect("a patch");
    let expected = json!({"environment": "production", "epoch": epoch, "from": 1, "revision": 2, "flags": {}, "audiences": {}});
    assert_eq!(patch, expected);
}

#[tokio::test]
async fn a_reader_of_another_epoch_of_none_or_from_the_future_gets_a_put() {
    let client = shop().await.connect().await;
    let put = read(&client, "SELECT fauna.ruleset('production')").await;
    let own = epoch(&client, "production").await;
    let other = "00000000-0000-4000-8000-000000000000";
    for (epoch, since) in [(None, 1), (Some(other), 1), (Some(&*own), 2), (Some(&*own), 0)] {
        assert_eq!(
            changes(&client, "production", epoch, since).await.as_ref(),
            Some(&put),
            "{epoch:?}:{since}"
        );
    }
    assert_eq!(changes(&client, "production", Some(&own), 1).await, None);
}

#[tokio::test]
async fn the_environment_of_a_ruleset_is_the_setting_unless_named() {
    let client = shop().await.connect().await;
    assert_eq!(read(&client, "SELECT fauna.ruleset()").await["environment"], "production");
    client.batch_execute("SET fauna.environment = 'staging'").await.expect("SET");
    assert_eq!(read(&client, "SELECT fauna.ruleset()").await["environment"], "staging");
}

#[tokio::test]
async fn an_unknown_environment_is_refused_with_the_known_ones() {
    let client = shop().await.connect().await;
    for call in ["fauna.ruleset('prod')", "fauna.changes('prod', NULL, NULL)"] {
        let refused = refusal(&client, &format!("SELECT {call}")).await;
        assert_eq!(
            refused,
            "UF003: environment \"prod\" does not exist\nDETAIL: There is: production, staging.\n\
             HINT: Create it with fauna.create_environment(), or name another with SET fauna.environment."
        );
    }
}

#[tokio::test]
async fn an_environment_without_head_is_compiled_on_the_fly() {
    let client = database().await.connect().await;
    client
        .batch_execute(&format!(
            "SET session_replication_role = replica; {}; RESET session_replication_role",
            crate::shop::SHOP.replace(
                "INSERT INTO fauna.allocations (rule_id, variant_key) SELECT id, 'on'",
                "INSERT INTO fauna.allocations (rule_id, flag_key, variant_key) SELECT id, flag_key, 'on'"
            )
        ))
        .await
        .expect("loading with triggers off");
    let put = read(&client, "SELECT fauna.ruleset('production')").await;
    assert_eq!(
        (&put["epoch"], &put["revision"]),
        (&json!("00000000-0000-0000-0000-000000000000"), &json!(0))
    );
    assert_eq!(put["flags"].as_object().expect("an object").len(), 2);
    assert_eq!(changes(&client, "production", None, 0).await, Some(put));
}

#[tokio::test]
async fn a_reader_needs_execute_and_nothing_else() {
    let database = shop().await;
    let client = database.connect().await;
    let reader = format!("log_reader_{}", database.name());
    client
        .batch_execute(&format!(
            "CREATE ROLE {reader} LOGIN; GRANT USAGE ON SCHEMA fauna TO {reader};
             GRANT EXECUTE ON FUNCTION fauna.ruleset(text), fauna.changes(text, uuid, bigint) TO {reader}"
        ))
        .await
        .expect("a reader");
    let reader = database.connect_as(&reader).await;
    reader.batch_execute("BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ").await.expect("BEGIN");
    assert_eq!(read(&reader, "SELECT fauna.ruleset('production')").await["revision"], 1);
    assert_eq!(text(&reader, "SELECT pg_current_xact_id_if_assigned() IS NULL").await, "true");
    let refused = refusal(&reader, "SELECT * FROM fauna.documents").await;
    assert!(refused.starts_with("42501"), "{refused}");
}

#[tokio::test]
async fn pruning_forgets_what_is_old_and_sends_readers_from_before_a_put() {
    let database = shop().await;
    let client = database.connect().await;
    for change in [TOGGLE, "DELETE FROM fauna.flags WHERE key = 'banner'", TOGGLE] {
        client.batch_execute(change).await.expect(change);
    }
    client
        .batch_execute(
            "UPDATE fauna.revisions SET committed_at = committed_at - interval '1 year' WHERE revision <= 3",
        )
        .await
        .expect("ageing");
    let before = read(&client, "SELECT fauna.ruleset('production')").await;
    assert_eq!(text(&client, "SELECT fauna.prune('30 days') > 0").await, "true");
    assert_eq!(text(&client, "SELECT fauna.prune('30 days')").await, "0");
    assert_eq!(read(&client, "SELECT fauna.ruleset('production')").await, before);

    // checkout as of the horizon (3), where it was on, and now; banner is forgotten altogether.
    let versions = "SELECT jsonb_agg(jsonb_build_array(key, revision, doc -> 'enabled') ORDER BY key, revision) FROM fauna.history
        WHERE environment_key = 'production' AND kind = 'flag'";
    assert_eq!(read(&client, versions).await, json!([["checkout", 2, true], ["checkout", 4, false]]));
    assert_eq!(read(&client, "SELECT jsonb_agg(revision ORDER BY revision) FROM fauna.revisions WHERE environment_key = 'production'").await,
        json!([1, 2, 3, 4]));
    let epoch = epoch(&client, "production").await;
    let after = |since| changes(&client, "production", Some(&epoch), since);
    assert_eq!(after(2).await, Some(before));
    assert_eq!(after(3).await.expect("a patch")["from"], 3);
    assert_eq!(after(4).await, None);
    assert_consistent(&database).await;
}

#[tokio::test]
async fn pruning_forgets_epochs_that_ended_before() {
    let database = shop().await;
    let client = database.connect().await;
    // One by one: a string of statements would be one transaction, stamped after all of them.
    for step in [
        "DELETE FROM fauna.environments WHERE key = 'staging'",
        "SELECT fauna.new_epoch()",
        "UPDATE fauna.revisions SET committed_at = committed_at - interval '1 year'",
        "SELECT fauna.new_epoch()",
    ] {
        client.batch_execute(step).await.expect(step);
    }
    client.batch_execute("SELECT fauna.prune('30 days')").await.expect("pruning");
    // The second epoch ended only now, so what it said 30 days ago can still be asked.
    let left = "SELECT jsonb_object_agg(environment_key, n) FROM (SELECT environment_key, count(DISTINCT epoch) AS n FROM fauna.history GROUP BY 1) e";
    assert_eq!(read(&client, left).await, json!({"production": 2}));
    assert_consistent(&database).await;

    let refused = refusal(&client, "SELECT fauna.prune('-1 day')").await;
    assert!(refused.starts_with("22023: "), "{refused}");
}

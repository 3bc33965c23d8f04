//! The library outlives the extension: a backend that has loaded it sees extensions come and go.

use super::answers::{ask, database_with_flag, is_on, refusal, run};

const CREATE: &str =
    "CREATE EXTENSION fauna; SELECT fauna.create_environment('production'), fauna.create_flag('x')";

#[tokio::test]
async fn an_extension_that_is_dropped_and_created_again_is_another_one() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    run(&client, "DROP EXTENSION fauna").await;
    run(&client, CREATE).await;
    assert!(!is_on(&client).await);
    run(&client, "SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    assert_eq!(ask(&client, "SELECT (fauna.evaluate('x', '{}')).reason").await, "STATIC");
}

#[tokio::test]
async fn another_session_follows_a_drop_and_a_creation() {
    let database = database_with_flag().await;
    let (owner, reader) = (database.connect().await, database.connect().await);
    run(&owner, "SELECT fauna.enable('x')").await;
    run(&reader, "PREPARE asked AS SELECT fauna.enabled('x', '{}')").await;
    assert!(is_on(&reader).await);
    assert_eq!(ask(&reader, "EXECUTE asked").await, "t");
    run(&owner, "DROP EXTENSION fauna").await;
    let refused = refusal(&reader, "SELECT fauna.enabled('x', '{}')").await;
    assert!(refused.starts_with("3F000") || refused.starts_with("42883"), "{refused}");
    run(&owner, CREATE).await;
    assert!(!is_on(&reader).await);
    assert_eq!(ask(&reader, "EXECUTE asked").await, "f");
}

#[tokio::test]
async fn a_drop_that_is_rolled_back_and_a_creation_that_is_rolled_back_leave_what_was() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    run(&client, "BEGIN; DROP EXTENSION fauna").await;
    run(&client, CREATE).await;
    assert!(!is_on(&client).await);
    run(&client, "ROLLBACK").await;
    assert!(is_on(&client).await);
}

#[tokio::test]
async fn without_the_extension_the_library_says_so() {
    let client = database_with_flag().await.connect().await;
    run(&client, "DROP EXTENSION fauna").await;
    run(&client, "CREATE FUNCTION asked(text) RETURNS boolean LANGUAGE c AS '$libdir/fauna', 'enabled_in_session_wrapper'").await;
    let refused = refusal(&client, "SELECT asked('x')").await;
    assert!(refused.starts_with("55000: extension \"fauna\" is not complete in this database"), "{refused}");
    run(&client, CREATE).await;
    assert_eq!(ask(&client, "SELECT asked('x')").await, "f");
    run(&client, "SELECT fauna.enable('x')").await;
    assert_eq!(ask(&client, "SELECT asked('x')").await, "t");
}

#[tokio::test]
async fn rewriting_the_tables_and_their_indexes_is_noticed() {
    let client = database_with_flag().await.connect().await;
    run(&client, "SELECT fauna.enable('x')").await;
    assert!(is_on(&client).await);
    for change in [
        "VACUUM FULL fauna.documents",
        "REINDEX TABLE CONCURRENTLY fauna.documents",
        "REINDEX TABLE fauna.heads",
        "ALTER TABLE fauna.documents ADD COLUMN extra int",
        "ALTER TABLE fauna.documents DROP CONSTRAINT documents_pkey",
    ] {
        run(&client, change).await;
        assert!(is_on(&client).await, "{change}");
        // A new environment is a new cache, which reads the table again.
        run(&client, "SET fauna.environment = 'other'; SELECT fauna.enabled('x'); RESET fauna.environment")
            .await;
        run(&client, "UPDATE fauna.documents SET revision = revision").await;
        assert!(is_on(&client).await, "{change}");
    }
}

#[tokio::test]
async fn a_type_that_a_later_version_has_given_more_attributes_is_filled_with_nulls() {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "DO $$ BEGIN FOR i IN 1..200 LOOP
            EXECUTE format('ALTER TYPE fauna.evaluation ADD ATTRIBUTE later_%s bigint', i);
        END LOOP; END $$",
    )
    .await;
    let served = "SELECT jsonb_strip_nulls(to_jsonb(fauna.evaluate('x', '{}')) - 'revision')";
    let expected = r#"{"flag": "x", "value": false, "reason": "DISABLED", "variant": "off"}"#;
    assert_eq!(ask(&client, served).await, expected);
}

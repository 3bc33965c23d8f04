//! Evaluation follows what other sessions commit.

use fauna_tests::{DEADLINE, eventually};

use super::answers::{ask, database_with_flag, is_on, run};

#[tokio::test]
async fn a_change_reaches_another_session_when_it_commits_and_not_before() {
    let database = database_with_flag().await;
    let (writer, reader) = (database.connect().await, database.connect().await);
    assert!(!is_on(&reader).await);
    run(&writer, "BEGIN; SELECT fauna.enable('x')").await;
    assert!(!is_on(&reader).await);
    run(&writer, "COMMIT").await;
    assert!(is_on(&reader).await);
}

#[tokio::test]
async fn a_change_that_is_rolled_back_never_reaches_another_session() {
    let database = database_with_flag().await;
    let (writer, reader) = (database.connect().await, database.connect().await);
    run(&writer, "BEGIN; SELECT fauna.enable('x')").await;
    assert!(!is_on(&reader).await);
    run(&writer, "ROLLBACK").await;
    assert!(!is_on(&reader).await);
}

#[tokio::test]
async fn a_transaction_that_only_evaluates_sees_a_commit_with_its_next_statement() {
    let database = database_with_flag().await;
    let reader = database.connect().await;
    run(&reader, "BEGIN").await;
    assert!(!is_on(&reader).await);
    database.execute("SELECT fauna.enable('x')").await;
    assert!(is_on(&reader).await);
    run(&reader, "COMMIT").await;
}

#[tokio::test]
async fn a_loop_inside_one_statement_sees_a_commit() {
    let database = database_with_flag().await;
    database.execute("SELECT fauna.enable('x')").await;
    let job = database.connect().await;
    // The job ends itself after the deadline, with an error.
    let until_switched_off = format!(
        "DO $$ DECLARE deadline timestamptz := clock_timestamp() + interval '{} seconds'; BEGIN
            PERFORM fauna.enabled('x', '{{}}');
            PERFORM pg_advisory_lock(1);
            WHILE fauna.enabled('x', '{{}}') LOOP
                IF clock_timestamp() > deadline THEN RAISE 'never switched off'; END IF;
            END LOOP;
        END $$",
        DEADLINE.as_secs()
    );
    let watcher = database.connect().await;
    let job = tokio::spawn(async move { run(&job, &until_switched_off).await });
    eventually("the job holds its lock", || async {
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (
            SELECT oid FROM pg_database WHERE datname = current_database())";
        (ask(&watcher, held).await == "1").then_some(())
    })
    .await;
    database.execute("SELECT fauna.disable('x')").await;
    job.await.expect("the job ends");
}

#[tokio::test]
async fn a_repeatable_read_session_with_an_old_snapshot_leaves_no_stale_cache() {
    let database = database_with_flag().await;
    let reader = database.connect().await;
    run(&reader, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class").await;
    database.execute("SELECT fauna.enable('x')").await;
    // Its snapshot is older than the change; what it loads now must not be.
    let inside = is_on(&reader).await;
    run(&reader, "COMMIT").await;
    assert!(is_on(&reader).await);
    assert!(inside, "flags are configuration: they are read as they are now, like the catalogs");
}

#[tokio::test]
async fn every_revision_is_seen_whole() {
    // The flag is on exactly while it names an audience that is there. A flag of one revision
    // with the audience of another would be an error.
    let database = database_with_flag().await;
    let writer = database.connect().await;
    run(&writer, "SELECT fauna.enable('x'), fauna.create_attribute('plan')").await;
    run(
        &writer,
        "CREATE PROCEDURE replace_audience(n int) LANGUAGE plpgsql AS $$ BEGIN
            PERFORM fauna.create_audience('a' || n);
            PERFORM fauna.add_condition('a' || n, 'plan', 'eq', '{gold}');
            PERFORM fauna.target('x', 'a' || n, 'on');
            DELETE FROM fauna.rule_audiences WHERE audience_key <> 'a' || n;
            DELETE FROM fauna.rules WHERE NOT is_default AND id NOT IN (SELECT rule_id FROM fauna.rule_audiences);
            DELETE FROM fauna.conditions WHERE audience_key <> 'a' || n;
            DELETE FROM fauna.audiences WHERE key <> 'a' || n;
            COMMIT;
        END $$",
    )
    .await;
    run(&writer, "CALL replace_audience(0)").await;
    let reader = database.connect().await;
    let writing = tokio::spawn(async move {
        for n in 1..200 {
            run(&writer, &format!("CALL replace_audience({n})")).await;
        }
    });
    let mut seen = 0;
    while !writing.is_finished() {
        let reason = ask(&reader, "SELECT reason FROM fauna.evaluate('x', '{\"plan\": \"gold\"}')").await;
        assert_eq!(reason, "TARGETING_MATCH");
        seen += 1;
    }
    writing.await.expect("the writer");
    assert!(seen > 0);
}

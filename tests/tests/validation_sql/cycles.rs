//! Nothing contains or requires itself.

use crate::refusal::refused;
use crate::shop;

#[tokio::test]
async fn an_audience_that_contains_itself_is_refused() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "SELECT fauna.nest_audience('adults', 'adults')").await,
        "UF020: audience \"adults\" would contain itself\n\
         DETAIL: Condition <id> asks for membership in the audience it belongs to.\n\
         HINT: Move the conditions that both need into a third audience.\n\
         CONSTRAINT: conditions_nested_audience_key_cycle_check"
    );
    database
        .execute(
            "SELECT fauna.create_audience('a'), fauna.create_audience('b');
             SELECT fauna.nest_audience('a', 'b'), fauna.nest_audience('b', 'adults')",
        )
        .await;
    assert_eq!(
        refused(
            &database,
            "INSERT INTO fauna.conditions (audience_key, operator, nested_audience_key) VALUES ('adults', 'in_audience', 'a')"
        )
        .await,
        "UF020: audience \"adults\" would contain itself\n\
         DETAIL: Condition <id> asks for membership in audience \"a\", which leads back to \"adults\".\n\
         HINT: Move the conditions that both need into a third audience.\n\
         CONSTRAINT: conditions_nested_audience_key_cycle_check"
    );
}

#[tokio::test]
async fn a_cycle_made_and_unmade_in_one_transaction_is_refused_at_the_statement() {
    let database = shop().await;
    database.execute("SELECT fauna.create_audience('a'); SELECT fauna.nest_audience('a', 'adults')").await;
    let words = refused(
        &database,
        "BEGIN; SELECT fauna.remove_condition(fauna.nest_audience('adults', 'a')); COMMIT",
    )
    .await;
    assert!(words.starts_with("UF020: "), "{words}");
    // Turned round in the right order, it is no cycle at any time.
    database
        .execute(
            "BEGIN; DELETE FROM fauna.conditions WHERE nested_audience_key = 'adults';
             SELECT fauna.nest_audience('adults', 'a'); COMMIT",
        )
        .await;
}

#[tokio::test]
async fn an_audience_in_several_others_is_no_cycle() {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.create_audience('left'), fauna.create_audience('right'), fauna.create_audience('top');
             SELECT fauna.nest_audience('left', 'adults'), fauna.nest_audience('right', 'adults', negate => true),
                 fauna.nest_audience('top', 'left'), fauna.nest_audience('top', 'right')",
        )
        .await;
}

#[tokio::test]
async fn a_flag_that_requires_itself_is_refused() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "SELECT fauna.require_flag('checkout', 'checkout')").await,
        "UF020: flag \"checkout\" would require itself\n\
         DETAIL: In environment \"production\" it would be its own prerequisite.\n\
         HINT: Drop one of the prerequisites that lead back; fauna.prerequisites holds them.\n\
         CONSTRAINT: prerequisites_required_flag_key_cycle_check"
    );
    database.execute("SELECT fauna.require_flag('checkout', 'payments')").await;
    assert_eq!(
        refused(
            &database,
            "INSERT INTO fauna.prerequisites (flag_key, environment_key, required_flag_key, required_variant)
             VALUES ('payments', 'production', 'checkout', 'off')"
        )
        .await,
        "UF020: flag \"payments\" would require itself\n\
         DETAIL: In environment \"production\" it would require flag \"checkout\", which leads back to \"payments\".\n\
         HINT: Drop one of the prerequisites that lead back; fauna.prerequisites holds them.\n\
         CONSTRAINT: prerequisites_required_flag_key_cycle_check"
    );
}

#[tokio::test]
async fn environments_have_prerequisites_of_their_own() {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.create_environment('staging');
             SELECT fauna.require_flag('checkout', 'payments');
             SELECT fauna.require_flag('payments', 'checkout', environment => 'staging')",
        )
        .await;
}

#[tokio::test]
async fn what_is_nested_too_deep_to_evaluate_is_refused() {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.create_audience('a' || i), fauna.create_flag('f' || i) FROM generate_series(0, 32) i;
             SELECT fauna.nest_audience('a' || i, 'a' || i + 1), fauna.require_flag('f' || i, 'f' || i + 1)
             FROM generate_series(0, 30) i;
             SELECT fauna.add_condition('a31', 'country', 'eq', '{CA}');
             SELECT fauna.target('f31', 'a0'), fauna.rollout('f31', 0);
             SELECT fauna.enable('f' || i) FROM generate_series(0, 31) i",
        )
        .await;
    assert_eq!(
        refused(&database, "SELECT fauna.nest_audience('a31', 'a32')").await,
        "54000: audiences are nested more than 32 deep\n\
         DETAIL: Condition <id> asks, for audience \"a31\", for membership in audience \"a32\".\n\
         HINT: Repeat the conditions that are needed instead of nesting further.\n\
         CONSTRAINT: conditions_nested_audience_key_depth_check"
    );
    let words = refused(&database, "SELECT fauna.require_flag('f32', 'f0')").await;
    assert!(words.starts_with("54000: flags require one another more than 32 deep\n"), "{words}");
    // The deepest that may be written can be evaluated.
    let client = database.connect().await;
    let row = client
        .query_one(
            "SELECT e.variant, e.reason, e.error_code FROM fauna.evaluate('f0', '{\"country\": \"CA\"}') e",
            &[],
        )
        .await
        .unwrap();
    let error: Option<String> = row.get(2);
    assert_eq!((row.get(0), row.get(1), error), (Some("on"), Some("STATIC"), None));
}

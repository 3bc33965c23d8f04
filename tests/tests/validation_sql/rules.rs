//! Rules: what they serve adds up, their times are in order, and the default is for everybody.

use crate::refusal::refused;
use crate::shop;

const DEFAULT: &str = "(SELECT id FROM fauna.rules WHERE flag_key = 'checkout' AND is_default)";

#[tokio::test]
async fn weights_over_a_hundred_percent_are_refused_at_commit() {
    let database = shop().await;
    assert_eq!(
        refused(
            &database,
            &format!("INSERT INTO fauna.allocations (rule_id, variant_key, position, weight) VALUES ({DEFAULT}, 'off', 2, 500)")
        )
        .await,
        "23514: weights of a rule exceed 100 %\n\
         DETAIL: Rule <id> of flag \"checkout\" in environment \"production\": on 100 %, off 0.5 %, together 100.5 %.\n\
         HINT: Lower one of the weights in the same transaction: they are added up at COMMIT.\n\
         CONSTRAINT: allocations_weight_sum_check"
    );
}

#[tokio::test]
async fn weights_may_be_rebalanced_in_two_statements_in_either_order() {
    let database = shop().await;
    database.execute("SELECT fauna.split('checkout', '{\"on\": 50, \"off\": 50}')").await;
    for (first, second) in [("on", "off"), ("off", "on")] {
        database
            .execute(&format!(
                "BEGIN;
                 UPDATE fauna.allocations SET weight = 90000 WHERE flag_key = 'checkout' AND variant_key = '{first}';
                 UPDATE fauna.allocations SET weight = 10000 WHERE flag_key = 'checkout' AND variant_key = '{second}';
                 COMMIT"
            ))
            .await;
    }
}

#[tokio::test]
async fn a_ramp_that_starts_above_the_rest_is_refused() {
    let database = shop().await;
    database.execute("SELECT fauna.split('checkout', '{\"on\": 10, \"off\": 90}')").await;
    let ramp =
        "UPDATE fauna.rules SET ramp_from = '2026-01-01', ramp_until = '2026-02-01', ramp_start_weight =";
    let words = refused(&database, &format!("{ramp} 10001 WHERE id = {DEFAULT}")).await;
    assert_eq!(
        words,
        "23514: weights of a rule exceed 100 % at the start of its ramp\n\
         DETAIL: Rule <id> of flag \"checkout\" in environment \"production\": on 10 %, off 90 %, together 100.001 %.\n\
         HINT: Lower one of the weights in the same transaction: they are added up at COMMIT.\n\
         CONSTRAINT: allocations_weight_sum_check"
    );
    database.execute(&format!("{ramp} 10000 WHERE id = {DEFAULT}")).await;
}

#[tokio::test]
async fn a_weight_outside_its_range_is_refused() {
    let database = shop().await;
    for weight in ["-1", "100001"] {
        let words = refused(&database, &format!("UPDATE fauna.allocations SET weight = {weight}")).await;
        assert!(
            words.starts_with("23514: ") && words.ends_with("CONSTRAINT: allocations_weight_check"),
            "{words}"
        );
    }
    for percent in ["-1", "100.001", "0.0001", "'NaN'", "NULL"] {
        let words = refused(&database, &format!("SELECT fauna.rollout('checkout', {percent})")).await;
        assert!(words.starts_with("22023: percentage is not valid\n"), "{percent}: {words}");
    }
}

#[tokio::test]
async fn windows_and_ramps_run_forwards() {
    let database = shop().await;
    database.execute("SELECT fauna.target('checkout', 'adults')").await;
    for (change, constraint) in [
        ("active_from = '2026-02-01', active_until = '2026-01-01'", "rules_active_from_active_until_check"),
        (
            "ramp_from = '2026-02-01', ramp_until = '2026-01-01', ramp_start_weight = 0",
            "rules_ramp_from_ramp_until_check",
        ),
        ("ramp_from = '2026-02-01'", "rules_ramp_check"),
        ("active_until = 'infinity'", "rules_active_until_check"),
    ] {
        let words =
            refused(&database, &format!("UPDATE fauna.rules SET {change} WHERE NOT is_default")).await;
        assert!(words.ends_with(&format!("CONSTRAINT: {constraint}")), "{change}: {words}");
    }
}

#[tokio::test]
async fn there_is_one_default_rule_and_it_is_for_everybody() {
    let database = shop().await;
    let words = refused(
        &database,
        "INSERT INTO fauna.rules (flag_key, environment_key, is_default) VALUES ('checkout', 'production', true)",
    )
    .await;
    assert!(words.starts_with("23505: ") && words.ends_with("CONSTRAINT: rules_is_default_key"), "{words}");
    assert_eq!(
        refused(
            &database,
            &format!("INSERT INTO fauna.rule_audiences (rule_id, audience_key) VALUES ({DEFAULT}, 'adults')")
        )
        .await,
        "23514: the default rule is for everybody and has no audiences\n\
         DETAIL: Rule <id> is the default of flag \"checkout\" in environment \"production\"; audience \"adults\" was to be added.\n\
         HINT: Make a rule for the audience: SELECT fauna.target('checkout', 'adults');\n\
         CONSTRAINT: rule_audiences_default_check"
    );
}

#[tokio::test]
async fn a_rule_neither_becomes_the_default_nor_ceases_to_be_it() {
    let database = shop().await;
    assert_eq!(
        refused(&database, &format!("UPDATE fauna.rules SET is_default = false WHERE id = {DEFAULT}")).await,
        "23514: whether a rule is the default cannot change\n\
         DETAIL: Rule <id> of flag \"checkout\" in environment \"production\" is the default.\n\
         HINT: Change the allocations of the default rule; for anything else delete the rule and make another.\n\
         CONSTRAINT: rules_is_default_unchanged_check"
    );
}

#[tokio::test]
async fn a_rule_serves_only_variants_of_its_own_flag() {
    let database = shop().await;
    database.execute("SELECT fauna.create_flag('theme', 'string', '{\"light\": \"l\"}')").await;
    assert_eq!(
        refused(&database, "SELECT fauna.target('checkout', 'adults', 'light')").await,
        "23503: flag \"checkout\" has no variant \"light\"\n\
         DETAIL: It has on, off.\n\
         HINT: Add it with SELECT fauna.set_variant('checkout', 'light', …);"
    );
    let words = refused(
        &database,
        &format!("INSERT INTO fauna.allocations (rule_id, variant_key) VALUES ({DEFAULT}, 'light')"),
    )
    .await;
    assert!(words.ends_with("CONSTRAINT: allocations_flag_key_variant_key_fkey"), "{words}");
    let words = refused(&database, "SELECT fauna.require_flag('checkout', 'payments', 'light')").await;
    assert!(words.starts_with("23503: flag \"payments\" has no variant \"light\""), "{words}");
}

//! An explanation is the evaluation, told step by step.

use tokio_postgres::Client;

use super::answers::{ask_all, database_with_flag, run};

/// The steps, a line for each, indented by depth: kind, subject (of rules `r1`), expected, actual,
/// outcome and detail.
async fn explain(client: &Client, context: &str) -> Vec<String> {
    let sql = format!(
        "SELECT repeat('  ', depth) || concat_ws(' | ', kind, CASE kind WHEN 'rule' THEN 'r1' ELSE subject END, expected, actual, outcome, detail)
        FROM fauna.explain('x', {context})"
    );
    ask_all(client, &sql).await
}

async fn client_with_rules() -> Client {
    let database = database_with_flag().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan'), fauna.create_attribute('age', 'number'), fauna.create_audience('gold'),
                fauna.create_audience('adults'), fauna.create_flag('payments'), fauna.enable('payments');
            SELECT fauna.add_condition('gold', 'plan', 'in', '{gold,platinum}'),
                fauna.add_condition('gold', 'age', 'lt', '{18}', negate => true),
                fauna.add_condition('adults', 'age', 'gte', '{18}');
            SELECT fauna.require_flag('x', 'payments', 'on'), fauna.rollout('x', 30, audience => 'gold'), fauna.enable('x');
            UPDATE fauna.allocations SET variant_key = 'off'
            WHERE flag_key = 'x' AND rule_id IN (SELECT id FROM fauna.rules WHERE is_default);",
        )
        .await;
    database.connect().await
}

#[tokio::test]
async fn every_step_says_what_was_asked_what_there_was_and_what_followed() {
    let client = client_with_rules().await;
    let start = [
        "flag | x | enabled | true | enabled",
        "prerequisite | payments | on | \"on\" | met | STATIC",
        "  flag | payments | enabled | true | enabled",
        "  default | serves on",
    ];
    let outsider = [
        "rule | r1 | its audience | no match",
        "  audience | gold | in | not in",
        "    condition | plan | in \"gold\", \"platinum\" | \"free\" | does not hold",
        "default | serves off",
        "outcome | off | false | DEFAULT",
    ];
    let steps = explain(&client, "'{\"plan\": \"free\", \"age\": 30}'").await;
    assert_eq!(steps, [&start[..], &outsider].concat());
    let incomplete = [
        "rule | r1 | its audience | no match",
        "  audience | gold | in | not in",
        "    condition | plan | in \"gold\", \"platinum\" | \"gold\" | holds",
        "    condition | age | not lt 18 | does not hold | the attribute is missing",
        "default | serves off",
        "outcome | off | false | DEFAULT",
    ];
    let steps = explain(&client, "'{\"plan\": \"gold\"}'").await;
    assert_eq!(steps, [&start[..], &incomplete].concat());
}

#[tokio::test]
async fn a_split_tells_the_bucket_and_the_thresholds() {
    let client = client_with_rules().await;
    let context = |key: &str| format!("'{{\"plan\": \"gold\", \"age\": 30, \"targetingKey\": \"{key}\"}}'");
    let mut told = 0;
    for key in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        let bucket = fauna_core::bucket("x", key);
        let steps = explain(&client, &context(key)).await;
        let step = steps.iter().find(|step| step.trim_start().starts_with("bucket")).expect("a bucket");
        let outcome = if bucket < 30_000 { "serves on" } else { "serves nothing" };
        let told_start =
            format!("bucket | targetingKey | on below 30000 | \"{key}\" | {outcome} | bucket {bucket}");
        if step.trim_start() == told_start {
            told += 1;
        } else {
            panic!("{step}, not {told_start}");
        }
    }
    assert_eq!(told, 8);
    let steps = explain(&client, "'{\"plan\": \"gold\", \"age\": 30}'").await;
    let reason = "no bucket | the attribute is missing, or neither text nor a whole number";
    assert!(steps.iter().any(|step| step.ends_with(reason)), "{steps:#?}");
}

#[tokio::test]
async fn what_goes_wrong_is_the_outcome() {
    let client = client_with_rules().await;
    for (call, outcome) in [
        ("'x', NULL", "1 outcome ERROR INVALID_CONTEXT: the context is not an object"),
        ("'x', '[]'", "1 outcome ERROR INVALID_CONTEXT: the context is not an object"),
        ("'unknown', '{}'", "1 outcome ERROR FLAG_NOT_FOUND: flag not found"),
        ("NULL, '{}'", "1 outcome ERROR FLAG_NOT_FOUND: flag not found"),
    ] {
        let sql =
            format!("SELECT concat_ws(' ', step, kind, subject, outcome, detail) FROM fauna.explain({call})");
        assert_eq!(ask_all(&client, &sql).await, [outcome], "{call}");
    }
    run(&client, "SELECT fauna.disable('payments')").await;
    let steps = explain(&client, "'{}'").await;
    let unmet = "prerequisite | payments | on | \"off\" | not met | DISABLED";
    assert!(steps.iter().any(|step| step == unmet), "{steps:#?}");
    let last = "outcome | off | false | DISABLED | prerequisite payments is not met";
    assert_eq!(steps.last().map(String::as_str), Some(last));
    // The setting is text, which may hold what jsonb cannot.
    run(&client, "SELECT fauna.enable('payments'); SET fauna.context = '{\"plan\": \"\\u0000\"}'").await;
    let kinds = ask_all(&client, "SELECT outcome FROM fauna.explain('x') WHERE kind = 'condition'").await;
    assert_eq!(kinds, ["does not hold"]);
}

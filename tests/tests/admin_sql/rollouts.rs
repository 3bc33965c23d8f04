//! Shares: a larger one only adds, and what is typed is what is served.

use std::collections::BTreeSet;

use fauna_tests::Database;

use crate::refusal::refused;
use crate::{database, rows, value};

/// The keys out of 2 000 that get variant `on`.
async fn subjects_on(database: &Database<'_>, extra: &str) -> BTreeSet<String> {
    let query = format!(
        "SELECT i FROM generate_series(1, 2000) i
         WHERE fauna.variant('checkout', jsonb_build_object('targetingKey', 'user-' || i{extra})) = 'on'"
    );
    rows(database, &query).await.into_iter().collect()
}

#[tokio::test]
async fn a_larger_share_keeps_everybody_who_was_in() {
    let database = database().await;
    database.execute("SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout')").await;
    let mut before = BTreeSet::new();
    for percent in ["0", "0.001", "1", "1.5", "10", "33.333", "50", "99.999", "100"] {
        database.execute(&format!("SELECT fauna.rollout('checkout', {percent})")).await;
        let now = subjects_on(&database, "").await;
        assert!(now.is_superset(&before), "{percent} %");
        let share: f64 = percent.parse().unwrap();
        #[allow(clippy::cast_precision_loss)]
        let actual = now.len() as f64 / 20.0;
        // Three standard deviations of a fair draw of 2 000 are 3.4 percentage points at most.
        assert!((actual - share).abs() < 3.4, "{percent} % is {actual} %");
        before = now;
    }
    assert_eq!(before.len(), 2000);
}

#[tokio::test]
async fn a_share_of_an_audience_leaves_the_rest_to_the_next_rules() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan'); SELECT fauna.create_audience('pro');
             SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}');
             SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout');
             SELECT fauna.rollout('checkout', 5), fauna.rollout('checkout', 20, 'pro')",
        )
        .await;
    let (pro, others) = (subjects_on(&database, ", 'plan', 'pro'").await, subjects_on(&database, "").await);
    assert!(pro.is_superset(&others) && pro.len() > others.len());
    database.execute("SELECT fauna.rollout('checkout', 60, 'pro')").await;
    let more = subjects_on(&database, ", 'plan', 'pro'").await;
    assert!(more.is_superset(&pro) && more.len() > pro.len());
    assert_eq!(subjects_on(&database, "").await, others);
    assert_eq!(
        rows(&database, "SELECT place, audiences, serves FROM fauna.rule_list ORDER BY place").await,
        ["1 | pro | on 60 %", " |  | on 5 %, off 95 %"]
    );
}

#[tokio::test]
async fn the_bucket_is_picked_by_the_attribute_that_was_named() {
    let database = database().await;
    database
        .execute("SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout'); SELECT fauna.rollout('checkout', 50, by => 'account')")
        .await;
    // Nobody without an account, and everybody or nobody of one account.
    assert!(subjects_on(&database, "").await.is_empty());
    let sizes = [
        subjects_on(&database, ", 'account', 'a'").await.len(),
        subjects_on(&database, ", 'account', 'b'").await.len(),
    ];
    assert!(sizes.iter().all(|size| [0, 2000].contains(size)), "{sizes:?}");
    // Growing it without naming the attribute again keeps it.
    database.execute("SELECT fauna.rollout('checkout', 100)").await;
    assert_eq!(value(&database, "SELECT bucket_by FROM fauna.rule_list").await, "account");
}

#[tokio::test]
async fn a_split_serves_in_the_order_it_was_typed() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_flag('theme', 'string', '{\"a\": \"1\", \"b\": \"2\", \"ccc\": \"3\"}');
             SELECT fauna.split('theme', '{\"ccc\": 0.5, \"a\": 20, \"b\": 79.5}')",
        )
        .await;
    assert_eq!(value(&database, "SELECT serves FROM fauna.rule_list").await, "ccc 0.5 %, a 20 %, b 79.5 %");
    for weights in ["{}", "[50, 50]", "{\"a\": \"50\"}", "{\"a\": 1, \"a\": 2}", "{\"a\": null}"] {
        assert_eq!(
            refused(&database, &format!("SELECT fauna.split('theme', '{weights}')")).await,
            "22023: weights are not valid\n\
             DETAIL: They are not an object with one percentage for every variant to be served.\n\
             HINT: For example: SELECT fauna.split('theme', '{\"on\": 50, \"off\": 50}');",
            "{weights}"
        );
    }
    assert_eq!(
        refused(&database, "SELECT fauna.split('theme', '{\"a\": 60, \"b\": 40.001}')").await,
        "23514: weights of a rule exceed 100 %\n\
         DETAIL: Rule <id> of flag \"theme\" in environment \"production\": a 60 %, b 40.001 %, together 100.001 %.\n\
         HINT: Lower one of the weights in the same transaction: they are added up at COMMIT.\n\
         CONSTRAINT: allocations_weight_sum_check"
    );
}

#[tokio::test]
async fn a_ramp_grows_to_the_share_and_a_new_share_ends_it() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_flag('checkout'); SELECT fauna.enable('checkout');
             SELECT fauna.ramp(fauna.rollout('checkout', 100), '2026-01-11 00:00+00', '2026-01-01 00:00+00', 20)",
        )
        .await;
    let on = "SELECT count(*) FROM generate_series(1, 1000) i
        WHERE (fauna.evaluate('checkout', jsonb_build_object('targetingKey', i::text), TIME)).variant = 'on'";
    let mut before = 0;
    for (time, low, high) in [
        ("2025-12-31", 150, 250),
        ("2026-01-01", 150, 250),
        ("2026-01-06", 540, 660),
        ("2026-01-11", 1000, 1000),
    ] {
        let now: u32 =
            value(&database, &on.replace("TIME", &format!("'{time} 00:00+00'"))).await.parse().unwrap();
        assert!((low..=high).contains(&now) && now >= before, "{time}: {now}");
        before = now;
    }
    database.execute("SELECT fauna.rollout('checkout', 30)").await;
    assert_eq!(
        value(&database, "SELECT num_nonnulls(ramp_from, ramp_until, ramp_start_weight) FROM fauna.rules")
            .await,
        "0"
    );
}

//! What was evaluated, on its way into `fauna.usage`.

use fauna_tests::{Bridge, Cluster, eventually};
use reqwest::Response;
use serde_json::{Value, json};

use crate::shop::{Shop, bridge, metric, readiness, shop};

async fn report(bridge: &Bridge, key: &str, body: &Value) -> Response {
    let request = reqwest::Client::new().post(format!("{}/v1/usage", bridge.url())).bearer_auth(key);
    request.body(body.to_string()).send().await.unwrap()
}

async fn reported(bridge: &Bridge, key: &str, flag: &str, variant: &str, evaluations: u64) {
    let body = json!({"counts": [{"flag": flag, "variant": variant, "evaluations": evaluations}]});
    assert_eq!(report(bridge, key, &body).await.status(), 204);
}

/// The rows of `fauna.usage`, as text without their times.
async fn usage(shop: &Shop<'_>) -> String {
    let rows = "SELECT coalesce(string_agg(environment_key || ' ' || flag_key || ' ' || variant || ' ' || evaluations, ', '
                                           ORDER BY flag_key, variant), '') FROM (
                    SELECT environment_key, flag_key, variant, sum(evaluations) AS evaluations
                    FROM fauna.usage GROUP BY 1, 2, 3) AS u";
    shop.text(rows).await
}

async fn usage_becomes(shop: &Shop<'_>, expected: &str) {
    let found = eventually("usage is recorded", || async {
        let found = usage(shop).await;
        (!found.is_empty() && (found == expected || found.len() >= expected.len())).then_some(found)
    })
    .await;
    assert_eq!(found, expected);
}

fn logged(bridge: &Bridge, message: &str) -> usize {
    bridge.log().iter().filter(|line| line.contains(message)).count()
}

#[tokio::test]
async fn what_sdks_report_is_added_up_in_the_database_and_nobody_is_notified() {
    let shop = shop().await;
    let position = shop.position().await;
    let mut listener = shop.database.listen("fauna").await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "checkout", "on", 3).await;
    reported(&bridge, &shop.key, "checkout", "on", 4).await;
    reported(&bridge, &shop.key, "checkout", "", 1).await;
    usage_becomes(&shop, "production checkout  1, production checkout on 7").await;
    reported(&bridge, &shop.key, "checkout", "on", 10).await;
    usage_becomes(&shop, "production checkout  1, production checkout on 17").await;

    let fresh = "SELECT bool_and(hour = date_trunc('hour', last_at) AND last_at > now() - interval '1 minute')::text FROM fauna.usage";
    assert_eq!(shop.text(fresh).await, "true");
    let used = "SELECT (last_used_at > now() - interval '1 minute')::text FROM fauna.sdk_key_usage";
    assert_eq!(shop.text(used).await, "true");
    assert_eq!(shop.position().await, position);
    assert_eq!(listener.drain().await, Vec::<String>::new());
    assert_eq!(metric(&bridge, "fauna_evaluations_recorded_total").await, Some(18.0));
}

#[tokio::test]
async fn a_client_key_counts_for_the_flags_it_may_see_and_learns_nothing_of_the_others() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_flag('open', client_visible => true)").await;
    let client = shop.create_key("production', 'client").await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &client, "checkout", "on", 1).await;
    reported(&bridge, &client, "nothing", "on", 1).await;
    reported(&bridge, &client, "open", "purple", 1).await;
    // A page that is being closed can send no header.
    let url = format!("{}/v1/usage?key={client}", bridge.url());
    let body = json!({"counts": [{"flag": "open", "variant": "on", "evaluations": 2}]}).to_string();
    assert_eq!(reqwest::Client::new().post(url).body(body).send().await.unwrap().status(), 204);
    usage_becomes(&shop, "production open on 2").await;
}

#[tokio::test]
async fn a_body_that_is_no_report_is_refused_and_counts_nothing() {
    let shop = shop().await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100", "--max-body-bytes", "500"]).await;
    readiness(&bridge, true).await;
    let good = json!({"flag": "checkout", "variant": "on", "evaluations": 1});
    for (body, status, code) in [
        (json!({"counts": [good, {"flag": "checkout", "evaluations": -1}]}), 400, "usage_malformed"),
        (json!({"counts": {}}), 400, "usage_malformed"),
        (json!("\0"), 400, "usage_malformed"),
        (json!({"counts": [good], "more": "x".repeat(500)}), 413, "body_too_large"),
    ] {
        let response = report(&bridge, &shop.key, &body).await;
        assert_eq!(response.status(), status);
        assert_eq!(response.json::<Value>().await.unwrap()["code"], code);
    }
    reported(&bridge, &shop.key, "checkout", "off", 1).await;
    usage_becomes(&shop, "production checkout off 1").await;
}

#[tokio::test]
async fn a_flag_or_key_that_is_deleted_meanwhile_costs_no_other_its_counts() {
    let shop = shop().await;
    shop.run("SELECT fauna.create_flag('short')").await;
    let other = shop.create_key("production', 'server").await;
    let bridge = shop.bridge(&["--usage-interval-ms", "3000"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "checkout", "on", 5).await;
    reported(&bridge, &other, "short", "on", 6).await;
    shop.run(
        "SELECT fauna.delete_flag('short'); DELETE FROM fauna.sdk_keys WHERE kind = 'server' AND id IN (
                  SELECT id FROM fauna.sdk_keys ORDER BY created_at DESC LIMIT 1)",
    )
    .await;
    usage_becomes(&shop, "production checkout on 5").await;
    assert_eq!(shop.text("SELECT count(*)::text FROM fauna.sdk_key_usage").await, "1");
}

#[tokio::test]
async fn counts_outlive_an_outage_of_the_database() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100", "--database-timeout-ms", "1000"]).await;
    readiness(&bridge, true).await;
    cluster.kill();
    for _ in 0..3 {
        reported(&bridge, &shop.key, "checkout", "on", 2).await;
    }
    eventually("the bridge says that it cannot write", || async {
        (logged(&bridge, "usage cannot be recorded, and is kept") == 1).then_some(())
    })
    .await;
    cluster.launch();
    usage_becomes(&shop, "production checkout on 6").await;
    eventually("the bridge says that it writes again", || async {
        (logged(&bridge, "usage is recorded again") == 1).then_some(())
    })
    .await;
    assert_eq!(logged(&bridge, "usage cannot be recorded, and is kept"), 1);
}

#[tokio::test]
async fn beyond_the_bound_counts_are_dropped_and_the_bridge_says_so_once() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    shop.run("SELECT fauna.create_flag('f' || n) FROM generate_series(1, 5) AS n").await;
    let args = ["--usage-interval-ms", "100", "--usage-counts", "2", "--database-timeout-ms", "1000"];
    let bridge = shop.bridge(&args).await;
    readiness(&bridge, true).await;
    cluster.kill();
    for n in 1..=5 {
        reported(&bridge, &shop.key, &format!("f{n}"), "on", 10).await;
    }
    eventually("counts are dropped", || async {
        (metric(&bridge, "fauna_evaluations_dropped_total{kind=\"full\"}").await == Some(30.0)).then_some(())
    })
    .await;
    cluster.launch();
    usage_becomes(&shop, "production f1 on 10, production f2 on 10").await;
    assert_eq!(logged(&bridge, "too many counts of usage are waiting"), 1);
    // There is room again.
    reported(&bridge, &shop.key, "f3", "on", 1).await;
    usage_becomes(&shop, "production f1 on 10, production f2 on 10, production f3 on 1").await;
}

#[tokio::test]
async fn what_was_counted_last_is_written_when_the_process_ends() {
    let shop = shop().await;
    let mut bridge = shop.bridge(&["--usage-interval-ms", "3600000"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "checkout", "on", 8).await;
    bridge.signal("TERM");
    assert_eq!(bridge.exit_code().await, Some(0));
    assert_eq!(usage(&shop).await, "production checkout on 8");
}

#[tokio::test]
async fn on_a_standby_usage_is_dropped_with_one_word() {
    let cluster = Cluster::start();
    let shop = Shop::in_cluster(&cluster).await;
    let standby = cluster.standby();
    let conninfo = standby.conninfo(shop.database.name());
    let bridge = bridge(&conninfo, &["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    for round in 1..=2 {
        reported(&bridge, &shop.key, "checkout", "on", 4).await;
        eventually("the counts are dropped", || async {
            let dropped = metric(&bridge, "fauna_evaluations_dropped_total{kind=\"read_only\"}").await;
            (dropped == Some(f64::from(4 * round))).then_some(())
        })
        .await;
    }
    assert_eq!(logged(&bridge, "usage cannot be recorded here, and is dropped"), 1);
}

#[tokio::test]
async fn the_role_of_a_bridge_can_count_and_nothing_else() {
    let shop = shop().await;
    let role = format!("counter_{}", shop.database.name());
    shop.run(&format!("CREATE ROLE {role} LOGIN; SELECT fauna.grant('{role}', 'bridge')")).await;
    let conninfo = shop.database.cluster().conninfo_as(&role, shop.database.name());
    let bridge = bridge(&conninfo, &["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "checkout", "on", 9).await;
    usage_becomes(&shop, "production checkout on 9").await;
}

#[tokio::test]
async fn a_sum_that_no_bigint_holds_stays_at_the_greatest_and_the_rest_is_recorded() {
    let shop = shop().await;
    shop.run(
        "SELECT fauna.create_flag('other');
         INSERT INTO fauna.usage VALUES ('production', 'checkout', 'on', date_trunc('hour', now(), 'UTC'), 9223372036854775800, now())",
    )
    .await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "checkout", "on", 1_000_000_000).await;
    reported(&bridge, &shop.key, "other", "off", 2).await;
    eventually("both are recorded", || async {
        (metric(&bridge, "fauna_evaluations_recorded_total").await == Some(1_000_000_002.0)).then_some(())
    })
    .await;
    let greatest = "SELECT max(evaluations)::text FROM fauna.usage WHERE flag_key = 'checkout'";
    assert_eq!(shop.text(greatest).await, "9223372036854775807");
    assert_eq!(shop.text("SELECT evaluations::text FROM fauna.usage WHERE flag_key = 'other'").await, "2");
}

#[tokio::test]
async fn what_the_database_refuses_as_bad_data_is_dropped_and_what_comes_after_is_recorded() {
    let shop = shop().await;
    shop.run(
        "SELECT fauna.create_flag('cursed');
         ALTER TABLE fauna.usage ADD CONSTRAINT usage_not_cursed CHECK (flag_key <> 'cursed')",
    )
    .await;
    let bridge = shop.bridge(&["--usage-interval-ms", "100"]).await;
    readiness(&bridge, true).await;
    reported(&bridge, &shop.key, "cursed", "on", 5).await;
    eventually("it is dropped", || async {
        (metric(&bridge, "fauna_evaluations_dropped_total{kind=\"refused\"}").await == Some(5.0))
            .then_some(())
    })
    .await;
    reported(&bridge, &shop.key, "checkout", "on", 7).await;
    usage_becomes(&shop, "production checkout on 7").await;
}

//! Rules for audiences, their order and their times.

use fauna_tests::Database;

use crate::refusal::refused;
use crate::{database, rows, value};

/// Two audiences and a flag that is on and serves nobody yet.
async fn shop() -> Database<'static> {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan');
             SELECT fauna.create_audience('pro'), fauna.create_audience('free');
             SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}'), fauna.add_condition('free', 'plan', 'eq', '{free}');
             SELECT fauna.create_flag('export'); SELECT fauna.enable('export'), fauna.rollout('export', 0)",
        )
        .await;
    database
}

const RULES: &str = "SELECT place, audiences, serves FROM fauna.rule_list ORDER BY place";

async fn served(database: &Database<'_>, context: &str) -> String {
    value(database, &format!("SELECT variant, reason FROM fauna.evaluate('export', '{context}')")).await
}

#[tokio::test]
async fn a_targeted_audience_gets_the_variant_and_nobody_else_does() {
    let database = shop().await;
    let rule = value(&database, "SELECT fauna.target('export', 'pro')").await;
    assert_eq!(served(&database, r#"{"plan": "pro", "targetingKey": "u"}"#).await, "on | TARGETING_MATCH");
    assert_eq!(served(&database, r#"{"plan": "free", "targetingKey": "u"}"#).await, "off | SPLIT");
    assert_eq!(value(&database, "SELECT rule FROM fauna.rule_list WHERE place = 1").await, rule);
    // Again with another variant, it is the same rule.
    assert_eq!(value(&database, "SELECT fauna.target('export', 'pro', 'off')").await, rule);
    assert_eq!(rows(&database, RULES).await, ["1 | pro | off", " |  | on 0 %, off"]);
    assert_eq!(value(&database, "SELECT fauna.untarget('export', 'pro')").await, "1");
    assert_eq!(value(&database, "SELECT fauna.untarget('export', 'pro')").await, "0");
}

#[tokio::test]
async fn targeting_says_so_when_everybody_gets_the_variant_anyway() {
    let database = shop().await;
    database.execute("SELECT fauna.create_flag('search')").await;
    let script = "SELECT fauna.target('search', 'pro')";
    let psql = format!("{}/psql", std::env::var("FAUNA_E2E_PG_BINDIR").unwrap());
    let output = database
        .cluster()
        .command(&psql)
        .args(["-X", "-d", &database.conninfo(), "-c", script])
        .output()
        .unwrap();
    let notice = String::from_utf8_lossy(&output.stderr);
    assert!(notice.contains("NOTICE:  everybody else gets variant \"on\" as well"), "{notice}");
    assert!(notice.contains("SELECT fauna.rollout('search', 0, environment => 'production');"), "{notice}");
}

#[tokio::test]
async fn untarget_leaves_rules_for_more_than_this_audience() {
    let database = shop().await;
    database
        .execute(
            "INSERT INTO fauna.rule_audiences (rule_id, audience_key) SELECT fauna.target('export', 'pro'), 'free';
             SELECT fauna.target('export', 'free')",
        )
        .await;
    assert_eq!(value(&database, "SELECT fauna.untarget('export', 'free')").await, "1");
    assert_eq!(rows(&database, RULES).await[0], "1 | free or pro | on");
}

#[tokio::test]
async fn rules_are_moved_to_any_place_and_the_default_stays_last() {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.create_audience(a), fauna.target('export', a) FROM unnest('{a,b,c,d}'::text[]) a;
             -- Plain SQL may leave ties and gaps.
             UPDATE fauna.rules SET position = 0 WHERE NOT is_default",
        )
        .await;
    let order = "SELECT string_agg(audiences, '' ORDER BY place) FROM fauna.rule_list WHERE NOT is_default";
    let rule = |audience: &str| format!("(SELECT rule FROM fauna.rule_list WHERE audiences = '{audience}')");
    for (position, audience) in "abcd".chars().enumerate() {
        database
            .execute(&format!("SELECT fauna.move_rule({}, {})", rule(&audience.to_string()), position + 1))
            .await;
    }
    assert_eq!(value(&database, order).await, "abcd");
    for (audience, place, expected) in [
        ("d", "1", "dabc"),
        ("d", "3", "abdc"),
        ("a", "99", "bdca"),
        ("c", "-5", "cbda"),
        ("c", "1", "cbda"),
        ("b", "3", "cdba"),
    ] {
        database.execute(&format!("SELECT fauna.move_rule({}, {place})", rule(audience))).await;
        assert_eq!(value(&database, order).await, expected, "{audience} to {place}");
    }
    let default = "(SELECT rule FROM fauna.rule_list WHERE is_default)";
    assert!(
        refused(&database, &format!("SELECT fauna.move_rule({default})"))
            .await
            .starts_with("55000: the default rule is always last\n")
    );
    assert_eq!(
        refused(&database, &format!("SELECT fauna.remove_rule({default})")).await,
        "55000: the default rule stays\n\
         DETAIL: Rule <id> is the default of flag \"export\" in environment \"production\".\n\
         HINT: Let it serve the off variant: SELECT fauna.rollout('export', 0, environment => 'production');"
    );
    database.execute(&format!("SELECT fauna.remove_rule({})", rule("b"))).await;
    assert_eq!(value(&database, order).await, "cda");
}

#[tokio::test]
async fn a_scheduled_rule_holds_only_in_its_window() {
    let database = shop().await;
    database
        .execute("SELECT fauna.schedule(fauna.target('export', 'pro'), '2026-12-01 00:00+00', '2026-12-24 00:00+00')")
        .await;
    let at =
        |time: &str| format!("SELECT (fauna.evaluate('export', '{{\"plan\": \"pro\"}}', '{time}')).variant");
    for (time, variant) in [
        ("2026-11-30 23:59:59.999999+00", "off"),
        ("2026-12-01 00:00+00", "on"),
        ("2026-12-23 23:59:59.999999+00", "on"),
        ("2026-12-24 00:00+00", "off"),
    ] {
        assert_eq!(value(&database, &at(time)).await, variant, "{time}");
    }
    database.execute("SELECT fauna.schedule(rule) FROM fauna.rule_list WHERE place = 1").await;
    assert_eq!(value(&database, &at("2030-01-01 00:00+00")).await, "on");
    let words =
        refused(&database, "SELECT fauna.schedule(rule, now(), now()) FROM fauna.rule_list WHERE place = 1")
            .await;
    assert!(words.ends_with("CONSTRAINT: rules_active_from_active_until_check"), "{words}");
}

#[tokio::test]
async fn a_rule_that_is_not_there_is_refused_by_all_that_take_one() {
    let database = shop().await;
    let id = "'00000000-0000-0000-0000-000000000000'";
    for call in [
        format!("schedule({id})"),
        format!("ramp({id}, now())"),
        format!("move_rule({id})"),
        format!("remove_rule({id})"),
        format!("allocate({id}, '{{on}}', '{{1}}')"),
        "remove_rule(NULL)".to_owned(),
    ] {
        let words = refused(&database, &format!("SELECT fauna.{call}")).await;
        assert!(
            words.starts_with("P0002: rule does not exist\nDETAIL: No row of fauna.rules has the id "),
            "{call}: {words}"
        );
    }
}

#[tokio::test]
async fn a_required_flag_decides() {
    let database = shop().await;
    database.execute("SELECT fauna.create_flag('payments'); SELECT fauna.rollout('export', 100), fauna.require_flag('export', 'payments')").await;
    assert_eq!(served(&database, "{}").await, "off | DISABLED");
    database.execute("SELECT fauna.enable('payments')").await;
    assert_eq!(served(&database, "{}").await, "on | STATIC");
    database
        .execute("SELECT fauna.disable('payments'), fauna.require_flag('export', 'payments', 'off')")
        .await;
    assert_eq!(served(&database, "{}").await, "on | STATIC");
    assert_eq!(value(&database, "SELECT fauna.unrequire_flag('export', 'payments')").await, "2");
}

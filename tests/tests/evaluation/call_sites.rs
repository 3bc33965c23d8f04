//! A place in a plan that calls a function keeps what its key stands for, and must not keep it too long.

use super::answers::{ask, database_with_flag, run};

/// The flags `on` and `off` and the audiences `all` and `none`, and functions that ask for one key after another.
async fn database() -> tokio_postgres::Client {
    let client = database_with_flag().await.connect().await;
    run(
        &client,
        "SELECT fauna.create_flag('on'), fauna.enable('on'), fauna.create_flag('off'), fauna.create_attribute('plan'),
            fauna.create_audience('pro'), fauna.create_audience('free');
        SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}'), fauna.add_condition('free', 'plan', 'eq', '{free}');
        CREATE TABLE users (id int, plan text);
        INSERT INTO users VALUES (1, 'pro');",
    )
    .await;
    client
}

/// A PL/pgSQL function keeps the state of a simple expression while its variables change.
#[tokio::test]
async fn a_function_that_asks_for_one_key_after_another_gets_each_ones_answer() {
    let client = database().await;
    for (ask_one, keys, answers) in [
        ("fauna.enabled(key, '{}')", "on,off,none,on", "true false false true"),
        ("fauna.enabled(key)", "on,off,none,on", "true false false true"),
        ("fauna.variant(key, '{}')", "on,off,none,on", "on off  on"),
        ("fauna.variant(key)", "on,off,none,on", "on off  on"),
        ("fauna.bool_value(key, '{}', NULL)", "on,off,none,on", "true false  true"),
        ("fauna.bool_value(key, NULL)", "on,off,none,on", "true false  true"),
        (r#"fauna.in_audience(key, '{"plan": "pro"}')"#, "pro,free,none,pro", "true false false true"),
        ("fauna.in_audience(key)", "pro,free,none,pro", "true false false true"),
        ("fauna.enabled_row(key, someone)", "on,off,none,on", "true false false true"),
        ("fauna.in_audience_row(key, someone)", "pro,free,none,pro", "true false false true"),
        (
            "fauna.in_audience_row(key, ROW(someone.id, someone.plan)::users)",
            "pro,free,none,pro",
            "true false false true",
        ),
        ("(SELECT fauna.in_audience_row(key, u) FROM users u)", "pro,free,none,pro", "true false false true"),
    ] {
        run(
            &client,
            &format!(
                r#"SET fauna.context = '{{"plan": "pro"}}';
                CREATE OR REPLACE FUNCTION answers(keys text[]) RETURNS text LANGUAGE plpgsql AS $$
                DECLARE key text; said text; someone users := (SELECT u FROM users u); all_said text[] := '{{}}';
                BEGIN
                    FOREACH key IN ARRAY keys LOOP
                        said := {ask_one};
                        all_said := all_said || coalesce(said, '');
                    END LOOP;
                    RETURN array_to_string(all_said, ' ');
                END $$"#
            ),
        )
        .await;
        let said = ask(&client, &format!("SELECT answers('{{{keys}}}')")).await;
        assert_eq!(said, answers, "{ask_one}");
    }
}

#[tokio::test]
async fn a_generic_plan_asks_for_the_key_it_is_given() {
    let client = database().await;
    run(
        &client,
        "SET plan_cache_mode = force_generic_plan;
        PREPARE is_on(text) AS SELECT fauna.enabled($1, '{}');
        PREPARE counted(text) AS SELECT count(*) FROM users u WHERE fauna.in_audience_row($1, u)",
    )
    .await;
    for (key, answer) in [("on", "t"), ("off", "f"), ("on", "t")] {
        assert_eq!(ask(&client, &format!("EXECUTE is_on('{key}')")).await, answer, "{key}");
    }
    for (key, answer) in [("pro", "1"), ("free", "0"), ("pro", "1")] {
        assert_eq!(ask(&client, &format!("EXECUTE counted('{key}')")).await, answer, "{key}");
    }
}

#[tokio::test]
async fn keys_of_a_column_are_asked_for_one_by_one() {
    let client = database().await;
    let said = ask(
        &client,
        "SELECT string_agg(key || ' ' || fauna.enabled(key, '{}'), ', ' ORDER BY key)
        FROM unnest('{on,off,none}'::text[]) AS key",
    )
    .await;
    assert_eq!(said, "none false, off false, on true");
}

/// The same place in the same plan, before and after a change of its own transaction.
#[tokio::test]
async fn a_constant_key_follows_a_change_between_two_of_its_calls() {
    let client = database().await;
    run(
        &client,
        "CREATE FUNCTION switched() RETURNS text LANGUAGE plpgsql AS $$
        DECLARE said text := ''; is_on boolean;
        BEGIN
            FOR round IN 1..4 LOOP
                is_on := fauna.enabled('on', '{}');
                said := said || is_on || ' ';
                IF is_on THEN PERFORM fauna.disable('on'); ELSE PERFORM fauna.enable('on'); END IF;
            END LOOP;
            RETURN said;
        END $$",
    )
    .await;
    assert_eq!(ask(&client, "SELECT switched()").await, "true false true false ");
}

//! Attributes, audiences and conditions.

use crate::refusal::refused;
use crate::{database, rows, value};

#[tokio::test]
async fn values_typed_as_text_become_json_of_the_attributes_type() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_attribute(t, t) FROM unnest('{string,number,boolean,date,version}'::text[]) t;
             SELECT fauna.create_audience('a');
             SELECT fauna.add_condition('a', 'string', 'in', '{7,\"x, y\"}');
             SELECT fauna.add_condition('a', 'number', 'in', '{18,1.5,-2e3}');
             SELECT fauna.add_condition('a', 'boolean', 'eq', '{yes}');
             SELECT fauna.add_condition('a', 'date', 'lt', '{2026-01-01T00:00:00Z}');
             SELECT fauna.add_condition('a', 'version', 'gte', '{v1.2}');
             SELECT fauna.add_condition('a', 'string', 'exists', negate => true)",
        )
        .await;
    assert_eq!(
        rows(&database, "SELECT position, attribute_key, operator, \"values\", negate FROM fauna.conditions ORDER BY position").await,
        [
            r#"1 | string | in | ["7", "x, y"] | f"#,
            "2 | number | in | [18, 1.5, -2000] | f",
            "3 | boolean | eq | [true] | f",
            r#"4 | date | lt | ["2026-01-01T00:00:00Z"] | f"#,
            r#"5 | version | gte | ["v1.2"] | f"#,
            "6 | string | exists | [] | t",
        ]
    );
    for (attribute, typed) in
        [("number", "eighteen"), ("number", "NaN"), ("number", "1e999999"), ("boolean", "perhaps")]
    {
        let words = refused(
            &database,
            &format!("SELECT fauna.add_condition('a', '{attribute}', 'eq', '{{{typed}}}')"),
        )
        .await;
        assert!(words.starts_with("22023: condition is not valid: values[0]"), "{typed}: {words}");
    }
}

#[tokio::test]
async fn a_condition_can_be_tried_in_evaluation_and_removed() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_attribute('email'), fauna.create_audience('staff'), fauna.create_audience('outer');
             SELECT fauna.add_condition('staff', 'email', 'ends_with', '{@EXAMPLE.com}', ignore_case => true);
             SELECT fauna.nest_audience('outer', 'staff')",
        )
        .await;
    let inside = r#"SELECT fauna.in_audience('outer', '{"email": "ann@example.COM"}')"#;
    assert_eq!(value(&database, inside).await, "t");
    assert_eq!(
        value(
            &database,
            "SELECT fauna.remove_condition(id) FROM fauna.conditions WHERE audience_key = 'staff'"
        )
        .await,
        "staff"
    );
    assert_eq!(value(&database, inside).await, "f");
    assert_eq!(
        refused(&database, "SELECT fauna.remove_condition('00000000-0000-0000-0000-000000000000')").await,
        "P0002: condition does not exist\n\
         DETAIL: No row of fauna.conditions has the id <id>.\n\
         HINT: Look in fauna.conditions for those there are."
    );
}

#[tokio::test]
async fn what_is_in_use_stays_and_says_where_it_is_used() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_attribute('plan'), fauna.create_audience('pro'), fauna.create_audience('all-pro');
             SELECT fauna.add_condition('pro', 'plan', 'eq', '{pro}'), fauna.nest_audience('all-pro', 'pro');
             SELECT fauna.create_flag('export'); SELECT fauna.target('export', 'pro')",
        )
        .await;
    assert_eq!(
        refused(&database, "SELECT fauna.delete_audience('pro')").await,
        "23503: audience \"pro\" is in use\n\
         DETAIL: These ask for it: audience all-pro, flag export.\n\
         HINT: Remove the rules and conditions first, with fauna.untarget and fauna.remove_condition.\n\
         CONSTRAINT: rule_audiences_audience_key_fkey"
    );
    assert_eq!(
        refused(&database, "SELECT fauna.delete_attribute('plan')").await,
        "23503: attribute \"plan\" is in use\n\
         DETAIL: Conditions of these audiences look at it: pro.\n\
         HINT: Remove those conditions first, with fauna.remove_condition.\n\
         CONSTRAINT: conditions_attribute_key_fkey"
    );
    database
        .execute(
            "SELECT fauna.untarget('export', 'pro'); SELECT fauna.delete_audience('all-pro');
             SELECT fauna.delete_audience('pro'); SELECT fauna.delete_attribute('plan')",
        )
        .await;
    assert!(refused(&database, "SELECT fauna.delete_audience('pro')").await.starts_with("UF002: "));
}

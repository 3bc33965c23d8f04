//! Conditions fit their attribute, whichever of the two is written.

use crate::refusal::refused;
use crate::shop;

const HINT: &str = "HINT: Change the operator or the values; fauna.check_condition(type, operator, \"values\", \
    ignore_case) tells what is wrong with a condition without writing it.\n\
    CONSTRAINT: conditions_operator_values_check";

#[tokio::test]
async fn an_operator_that_does_not_fit_the_type_is_refused() {
    let database = shop().await;
    let words = refused(
        &database,
        r#"INSERT INTO fauna.conditions (audience_key, position, attribute_key, operator, "values")
           VALUES ('adults', 7, 'age', 'contains', '["1"]')"#,
    )
    .await;
    assert_eq!(
        words,
        format!(
            "22023: condition is not valid: operator: does not fit an attribute of type number\n\
             DETAIL: Condition <id> of audience \"adults\": operator \"contains\" on attribute \"age\" of type \"number\".\n\
             {HINT}"
        )
    );
}

#[tokio::test]
async fn a_value_that_does_not_parse_is_refused() {
    let database = shop().await;
    database
        .execute("SELECT fauna.create_attribute('born', 'date'), fauna.create_attribute('app', 'version')")
        .await;
    for (attribute, operator, values) in [
        ("age", "gte", r#"["18"]"#),
        ("age", "gte", "[null]"),
        ("age", "gte", "[]"),
        ("country", "matches", r#"["(unclosed"]"#),
        ("country", "in_cidr", r#"["10.0.0.0/33"]"#),
        ("country", "eq", "[1]"),
        ("country", "exists", r#"["x"]"#),
        ("born", "lt", r#"["2026-12-24"]"#),
        ("app", "gt", r#"["one"]"#),
        ("app", "like", r#"["1.0.0"]"#),
    ] {
        let words = refused(
            &database,
            &format!(
                r#"INSERT INTO fauna.conditions (audience_key, attribute_key, operator, "values")
                   VALUES ('adults', '{attribute}', '{operator}', '{values}')"#
            ),
        )
        .await;
        assert!(words.starts_with("22023: condition is not valid: "), "{words}");
        assert!(words.ends_with(HINT), "{words}");
        let place = format!(
            "Condition <id> of audience \"adults\": operator \"{operator}\" on attribute \"{attribute}\""
        );
        assert!(words.contains(&place), "{words}");
    }
}

#[tokio::test]
async fn an_update_is_checked_like_an_insert() {
    let database = shop().await;
    let words = refused(&database, "UPDATE fauna.conditions SET attribute_key = 'country'").await;
    assert!(words.starts_with("22023: condition is not valid: operator: does not fit"), "{words}");
    let words = refused(&database, r#"UPDATE fauna.conditions SET "values" = '["x"]'"#).await;
    assert!(words.starts_with("22023: condition is not valid: values[0]: not a number"), "{words}");
}

#[tokio::test]
async fn nesting_takes_no_values() {
    let database = shop().await;
    let words = refused(
        &database,
        r#"INSERT INTO fauna.audiences (key) VALUES ('outer');
           INSERT INTO fauna.conditions (audience_key, nested_audience_key, operator, "values")
           VALUES ('outer', 'adults', 'in_audience', '["adults"]')"#,
    )
    .await;
    assert!(
        words.starts_with("22023: condition is not valid: operator \"in_audience\" takes no values"),
        "{words}"
    );
}

#[tokio::test]
async fn an_attribute_keeps_a_type_that_its_conditions_need() {
    let database = shop().await;
    let words = refused(&database, "UPDATE fauna.attributes SET type = 'string' WHERE key = 'age'").await;
    assert_eq!(
        words,
        "23514: attribute \"age\" cannot become a string: a condition would no longer be valid\n\
         DETAIL: Condition <id> of audience \"adults\": operator: does not fit an attribute of type string.\n\
         HINT: Change or delete the conditions that do not fit first, or make another attribute.\n\
         CONSTRAINT: attributes_type_conditions_check"
    );
}

#[tokio::test]
async fn an_attribute_changes_to_a_type_that_its_conditions_fit() {
    let database = shop().await;
    database
        .execute(
            "SELECT fauna.add_condition('adults', 'country', 'exists');
             UPDATE fauna.attributes SET type = 'version' WHERE key = 'country'",
        )
        .await;
    let client = database.connect().await;
    let document = client
        .query_one("SELECT doc::text FROM fauna.documents WHERE kind = 'audience' AND key = 'adults'", &[])
        .await
        .unwrap();
    assert!(document.get::<_, String>(0).contains(r#""type": "version""#));
}

#[tokio::test]
async fn an_unknown_attribute_or_audience_is_named_with_the_nearest_there_is() {
    let database = shop().await;
    assert_eq!(
        refused(&database, "SELECT fauna.add_condition('adults', 'contry', 'eq', '{CA}')").await,
        "23503: attribute \"contry\" does not exist\n\
         DETAIL: No row of fauna.attributes has the key \"contry\".\n\
         HINT: Perhaps you meant \"country\"."
    );
    assert_eq!(
        refused(&database, "SELECT fauna.add_condition('adlts', 'country', 'eq', '{CA}')").await,
        "UF002: audience \"adlts\" does not exist\n\
         DETAIL: No row of fauna.audiences has the key \"adlts\".\n\
         HINT: Perhaps you meant \"adults\"."
    );
    let words = refused(
        &database,
        r#"INSERT INTO fauna.conditions (audience_key, attribute_key, operator, "values")
           VALUES ('adults', 'contry', 'eq', '["CA"]')"#,
    )
    .await;
    assert!(
        words.starts_with("23503: ") && words.ends_with("CONSTRAINT: conditions_attribute_key_fkey"),
        "{words}"
    );
}

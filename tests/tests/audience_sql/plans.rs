//! Ordinary indexes serve the predicates.

use super::words::database_with_users;
use fauna_tests::IGNORING_CASE;
use fauna_tests::answers::{ask_all, run};

#[tokio::test]
async fn every_kind_of_index_serves_the_condition_it_is_for() {
    let client = database_with_users().await.connect().await;
    run(&client, IGNORING_CASE).await;
    run(
        &client,
        "CREATE TYPE mood AS ENUM ('happy', 'sad');
        CREATE EXTENSION citext; CREATE EXTENSION pg_trgm;
        ALTER TABLE users ADD nick citext, ADD mood mood, ADD code char(4), ADD ref uuid, ADD born date, ADD rank smallint, ADD ratio real,
            ADD loose text COLLATE ignoring_case, ADD title name, ADD wealth numeric, ADD plan text;
        CREATE INDEX ON users (country); CREATE INDEX ON users (age); CREATE INDEX ON users (signed_up); CREATE INDEX ON users (email);
        CREATE INDEX ON users (score); CREATE INDEX ON users (balance); CREATE INDEX ON users (is_staff); CREATE INDEX ON users USING gin (tags);
        CREATE INDEX ON users USING gin (profile jsonb_path_ops); CREATE INDEX ON users (nick); CREATE INDEX ON users (mood);
        CREATE INDEX ON users (code); CREATE INDEX ON users (ref); CREATE INDEX ON users (born); CREATE INDEX ON users (rank); CREATE INDEX ON users (ratio);
        CREATE INDEX ON users (loose); CREATE INDEX ON users (title); CREATE INDEX ON users (wealth); CREATE INDEX ON users (plan text_pattern_ops);
        CREATE INDEX ON users USING gin (country gin_trgm_ops);
        SET enable_seqscan = off",
    )
    .await;
    for (index, condition) in [
        ("users_pkey", r#""targetingKey", "type": "number", "operator": "eq", "values": [7]"#),
        ("users_country_idx", r#""country", "type": "string", "operator": "in", "values": ["CA", "US"]"#),
        ("users_country_idx1", r#""country", "type": "string", "operator": "contains", "values": ["anad"]"#),
        ("users_plan_idx", r#""plan", "type": "string", "operator": "starts_with", "values": ["pro"]"#),
        ("users_plan_idx", r#""plan", "type": "string", "operator": "matches", "values": ["^pro"]"#),
        ("users_age_idx", r#""age", "type": "number", "operator": "gte", "values": [18]"#),
        (
            "users_signed_up_idx",
            r#""signed_up", "type": "date", "operator": "lt", "values": ["2026-01-01T00:00:00Z"]"#,
        ),
        ("users_email_idx", r#""email", "type": "string", "operator": "eq", "values": ["a@b"]"#),
        ("users_score_idx", r#""score", "type": "number", "operator": "gt", "values": [1]"#),
        ("users_balance_idx", r#""balance", "type": "number", "operator": "lte", "values": [0.1]"#),
        ("users_wealth_idx", r#""wealth", "type": "number", "operator": "gte", "values": [1000000]"#),
        ("users_is_staff_idx", r#""is_staff", "type": "boolean", "operator": "eq", "values": [true]"#),
        ("users_tags_idx", r#""tags", "type": "string", "operator": "eq", "values": ["a"]"#),
        (
            "users_profile_idx",
            r#""profile.plan", "type": "string", "operator": "in", "values": ["pro", "team"]"#,
        ),
        ("users_nick_idx", r#""nick", "type": "string", "operator": "in", "values": ["ann", "bob"]"#),
        ("users_mood_idx", r#""mood", "type": "string", "operator": "eq", "values": ["sad"]"#),
        ("users_code_idx", r#""code", "type": "string", "operator": "in", "values": ["abcd", "efgh"]"#),
        (
            "users_ref_idx",
            r#""ref", "type": "string", "operator": "eq", "values": ["0b54a5a1-0000-4000-8000-00000000000a"]"#,
        ),
        (
            "users_born_idx",
            r#""born", "type": "date", "operator": "gte", "values": ["2000-01-01T12:00:00Z"]"#,
        ),
        ("users_rank_idx", r#""rank", "type": "number", "operator": "in", "values": [1, 2]"#),
        ("users_ratio_idx", r#""ratio", "type": "number", "operator": "lt", "values": [0.1]"#),
        ("users_loose_idx", r#""loose", "type": "string", "operator": "eq", "values": ["a"]"#),
        ("users_title_idx", r#""title", "type": "string", "operator": "in", "values": ["a", "b"]"#),
    ] {
        let document = format!("{{\"match\": \"all\", \"conditions\": [{{\"attribute\": {condition}}}]}}");
        let sql = fauna_tests::answers::ask(
            &client,
            &format!("SELECT fauna.audience_sql($${document}$$::jsonb, 'users')"),
        )
        .await;
        let plan = ask_all(&client, &format!("EXPLAIN SELECT * FROM users WHERE {sql}")).await.join("\n");
        assert!(
            plan.contains(&format!(" {index} ")) || plan.contains(&format!(" {index}\n")),
            "{index}\n{plan}"
        );
        assert!(plan.contains("Index Cond"), "{plan}");
    }
}

//! How long counted evaluations are kept.

use crate::refusal::refused;
use crate::{database, rows};

#[tokio::test]
async fn pruning_forgets_whole_hours_before_the_interval_and_nothing_else() {
    let database = database().await;
    let count = |hours: i32| {
        format!(
            "SELECT fauna.create_flag('f{hours}');
             INSERT INTO fauna.usage (environment_key, flag_key, variant, hour, evaluations, last_at)
             VALUES ('production', 'f{hours}', 'on', date_trunc('hour', now(), 'UTC') - interval '{hours} hours', 1, now());"
        )
    };
    let made: String = [0, 23, 24, 25, 26, 1000].map(count).concat();
    database
        .execute(&format!(
            "BEGIN; {made}
             SELECT fauna.create_sdk_key();
             INSERT INTO fauna.sdk_key_usage SELECT id, now() - interval '1 year' FROM fauna.sdk_keys; COMMIT"
        ))
        .await;
    let revisions = rows(&database, "SELECT environment_key, revision FROM fauna.heads").await;
    // The hour that the interval begins in is kept whole.
    assert_eq!(rows(&database, "SELECT fauna.prune_usage('24 hours')").await, ["3"]);
    assert_eq!(
        rows(&database, "SELECT flag_key FROM fauna.usage ORDER BY hour DESC").await,
        ["f0", "f23", "f24"]
    );
    assert_eq!(rows(&database, "SELECT fauna.prune_usage('24 hours')").await, ["0"]);
    assert_eq!(rows(&database, "SELECT count(*) FROM fauna.sdk_key_usage").await, ["1"]);
    assert_eq!(rows(&database, "SELECT environment_key, revision FROM fauna.heads").await, revisions);
}

#[tokio::test]
async fn an_interval_that_is_none_is_refused_in_words() {
    let database = database().await;
    for (keep, given) in [("NULL", "NULL"), ("'-1 day'", "'-1 days'")] {
        assert_eq!(
            refused(&database, &format!("SELECT fauna.prune_usage({keep})")).await,
            format!(
                "22023: the interval to keep must not be null or negative\n\
                 DETAIL: fauna.prune_usage() was given {given}.\n\
                 HINT: Say how much usage to keep, as in fauna.prune_usage('90 days')."
            )
        );
    }
}

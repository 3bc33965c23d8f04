//! The views that people look at.

use crate::{database, rows, value};

#[tokio::test]
async fn the_status_says_what_a_flag_serves_and_who_changed_it() {
    let database = database().await;
    database
        .execute(
            "SELECT fauna.create_audience('beta'), fauna.create_flag('checkout');
             SELECT fauna.rollout('checkout', 12.5), fauna.target('checkout', 'beta'), fauna.enable('checkout');
             INSERT INTO fauna.flags (key) VALUES ('bare')",
        )
        .await;
    database.execute("SELECT fauna.create_flag('old')").await;
    database.execute("SELECT fauna.archive_flag('old')").await;
    assert_eq!(
        rows(&database, "SELECT flag, environment, enabled, serves, rules, archived, changed_by FROM fauna.flag_status ORDER BY flag").await,
        [
            "bare |  |  |  | 0 | f | ",
            "checkout | production | t | on 12.5 %, off 87.5 % | 1 | f | postgres",
            "old | production | f | off | 0 | t | postgres",
        ]
    );
    assert_eq!(
        value(&database, "SELECT changed_at = (SELECT max(committed_at) FROM fauna.revisions WHERE revision = 2) FROM fauna.flag_status WHERE flag = 'checkout'").await,
        "t"
    );
}

#[tokio::test]
async fn the_change_log_tells_who_did_what_and_why_the_latest_first() {
    let database = database().await;
    database
        .execute(
            "SET application_name = 'deploy'; SET fauna.comment = 'Launch';
             BEGIN; SELECT fauna.create_flag('checkout'), fauna.create_audience('beta'); COMMIT;
             SELECT fauna.delete_audience('beta')",
        )
        .await;
    assert_eq!(
        rows(&database, "SELECT environment, revision, actor, application_name, comment, changed FROM fauna.change_log LIMIT 2").await,
        [
            "production | 3 | postgres | deploy | Launch | {\"audience beta deleted\"}",
            "production | 2 | postgres | deploy | Launch | {\"audience beta\",\"flag checkout\"}",
        ]
    );
}

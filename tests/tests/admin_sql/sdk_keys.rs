//! SDK keys: shown once, kept as a hash, ended in three ways of naming them.

use crate::refusal::refused;
use crate::{database, rows, value};

#[tokio::test]
async fn a_key_is_random_shown_once_and_kept_as_its_hash() {
    let database = database().await;
    let server = value(&database, "SELECT fauna.create_sdk_key(name => 'web')").await;
    let client = value(&database, "SELECT fauna.create_sdk_key('production', 'client')").await;
    for (key, prefix) in [(&server, "fauna_sk_"), (&client, "fauna_ck_")] {
        let secret = key.strip_prefix(prefix).expect("the prefix of its kind");
        assert!(secret.len() == 64 && secret.chars().all(|c| c.is_ascii_hexdigit()), "{key}");
    }
    assert_eq!(
        rows(
            &database,
            &format!(
                "SELECT kind, name, prefix = left(text, 17), hash = encode(sha256(convert_to(text, 'UTF8')), 'hex')
                 FROM (VALUES ('server', '{server}'), ('client', '{client}')) t (kind, text)
                 JOIN fauna.sdk_keys USING (kind) ORDER BY kind"
            )
        )
        .await,
        ["client |  | t | t", "server | web | t | t"]
    );
    // Not even in the document log.
    let log = rows(&database, "SELECT doc::text FROM fauna.history").await.join("\n");
    assert!(!log.contains(&server) && !log.contains(&client));
}

#[tokio::test]
async fn a_key_is_revoked_by_its_id_its_prefix_or_itself() {
    let database = database().await;
    for chosen in ["id::text", "prefix", "KEY"] {
        let key = value(&database, "SELECT fauna.create_sdk_key()").await;
        let chosen = chosen.replace("KEY", &format!("'{key}'"));
        let revoked = format!(
            "SELECT fauna.revoke_sdk_key({chosen}) = id FROM fauna.sdk_keys WHERE left('{key}', 17) = prefix"
        );
        assert_eq!(value(&database, &revoked).await, "t");
        // Again, it stays revoked since the first time.
        let since = "SELECT max(revoked_at) FROM fauna.sdk_keys";
        let before = value(&database, since).await;
        assert_eq!(value(&database, &revoked).await, "t");
        assert_eq!(value(&database, since).await, before);
    }
    assert_eq!(
        rows(
            &database,
            "SELECT count(*) FROM fauna.documents WHERE kind = 'sdk_key' AND doc ->> 'revokedAt' IS NOT NULL"
        )
        .await,
        ["3"]
    );
}

#[tokio::test]
async fn what_cannot_be_revoked_is_refused_without_repeating_it() {
    let database = database().await;
    let words = refused(&database, "SELECT fauna.revoke_sdk_key('fauna_sk_0123456789abcdef')").await;
    assert_eq!(
        words,
        "P0002: SDK key does not exist\n\
         DETAIL: No row of fauna.sdk_keys has this id, this prefix, or the hash of this key.\n\
         HINT: Look in fauna.sdk_keys for the id."
    );
    database
        .execute("SELECT fauna.create_sdk_key(), fauna.create_sdk_key(); UPDATE fauna.sdk_keys SET prefix = 'fauna_sk_same'")
        .await;
    let words = refused(&database, "SELECT fauna.revoke_sdk_key('fauna_sk_same')").await;
    assert!(
        words.starts_with("21000: more than one SDK key has this prefix\nDETAIL: Their ids are <id>, <id>."),
        "{words}"
    );
}

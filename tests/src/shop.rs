//! A small configuration made with plain DML, so that these tests need none of the admin functions.

use tokio_postgres::Client;

use crate::cluster::{Cluster, cluster};
use crate::database::{Database, Listener, error_of};

/// Two environments; attribute `country`; audiences `beta` (country is CA) and `staff`; flags `checkout` and `banner`,
/// off everywhere, whose default is `on`; a server key of `production`.
pub const SHOP: &str = r#"
    INSERT INTO fauna.environments (key, position) VALUES ('production', 1), ('staging', 2);
    INSERT INTO fauna.attributes (key, type) VALUES ('country', 'string'), ('spend', 'number');
    INSERT INTO fauna.audiences (key) VALUES ('beta'), ('staff');
    INSERT INTO fauna.conditions (audience_key, attribute_key, operator, "values") VALUES ('beta', 'country', 'in', '["CA"]');
    INSERT INTO fauna.flags (key) VALUES ('checkout'), ('banner');
    INSERT INTO fauna.variants (flag_key, key, value)
        SELECT f, v.key, v.value FROM unnest('{checkout,banner}'::text[]) f,
            (VALUES ('on', 'true'::jsonb), ('off', 'false')) v (key, value);
    INSERT INTO fauna.flag_settings (flag_key, environment_key, off_variant)
        SELECT f, e, 'off' FROM unnest('{checkout,banner}'::text[]) f, unnest('{production,staging}'::text[]) e;
    INSERT INTO fauna.rules (flag_key, environment_key, is_default) SELECT flag_key, environment_key, true FROM fauna.flag_settings;
    INSERT INTO fauna.allocations (rule_id, variant_key) SELECT id, 'on' FROM fauna.rules;
    INSERT INTO fauna.sdk_keys (id, environment_key, kind, hash, prefix)
        VALUES ('00000000-0000-4000-8000-000000000001', 'production', 'server', repeat('a', 64), 'fauna_sk_aaaaaaaa');
"#;

/// A database with the shop, made in one transaction: every environment stands at revision 1.
pub async fn shop() -> Database<'static> {
    shop_in(cluster()).await
}

/// The same in a cluster of one's own.
pub async fn shop_in(cluster: &Cluster) -> Database<'_> {
    let database = Database::create(cluster).await;
    database.execute(&format!("BEGIN; {SHOP} COMMIT")).await;
    database
}

/// Turns `checkout` on or off in `production`.
pub const TOGGLE: &str = "UPDATE fauna.flag_settings SET enabled = NOT enabled
    WHERE flag_key = 'checkout' AND environment_key = 'production'";

/// A listener on the log's channel.
pub async fn listener(database: &Database<'_>) -> Listener {
    database.listen("fauna").await
}

/// The one value that a query returns, as text.
pub async fn text(client: &Client, sql: &str) -> String {
    optional_text(client, sql).await.expect("a value")
}

/// The one value that a query returns, as text; none for null.
pub async fn optional_text(client: &Client, sql: &str) -> Option<String> {
    let row = client.query_one(&format!("SELECT (({sql}))::text"), &[]).await.expect(sql);
    row.get(0)
}

/// The one JSON value that a query returns.
pub async fn json(client: &Client, sql: &str) -> serde_json::Value {
    client.query_one(sql, &[]).await.expect(sql).get(0)
}

/// `environment:revision` of every head, in order.
pub async fn heads(client: &Client) -> Vec<String> {
    let rows = client
        .query("SELECT environment_key || ':' || revision FROM fauna.heads ORDER BY environment_key", &[])
        .await
        .expect("the heads");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Epoch of an environment.
pub async fn epoch(client: &Client, environment: &str) -> String {
    text(client, &format!("SELECT epoch FROM fauna.heads WHERE environment_key = '{environment}'")).await
}

/// What a reader at `since` is given; none if it lacks nothing.
pub async fn changes(
    client: &Client,
    environment: &str,
    epoch: Option<&str>,
    since: i64,
) -> Option<serde_json::Value> {
    let epoch = epoch.map_or("NULL".to_owned(), |epoch| format!("'{epoch}'"));
    let sql = format!("SELECT fauna.changes('{environment}', {epoch}, {since})");
    client.query_one(&sql, &[]).await.expect(&sql).get(0)
}

/// What PostgreSQL says to a statement that it must refuse: `SQLSTATE: message` and more, see `error_of`.
pub async fn refusal(client: &Client, sql: &str) -> String {
    match client.batch_execute(sql).await {
        Ok(()) => panic!("not refused: {sql}"),
        Err(error) => error_of(&error),
    }
}

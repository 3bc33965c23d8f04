//! The database that the tests change, and a reader that must end up with the same.

use std::collections::BTreeMap;

use fauna_tests::{Bridge, BridgeOptions, Cluster, Database, cluster, eventually};
use serde_json::{Value, json};

use crate::events::Change;

/// A database with environment `production`, flag `checkout` and a server key.
pub struct Shop<'c> {
    pub database: Database<'c>,
    pub key: String,
}

/// A shop in the shared cluster.
pub async fn shop() -> Shop<'static> {
    Shop::in_cluster(cluster()).await
}

/// A shop of which clients see something, and a client key: `checkout` and `theme` are visible to clients, `hidden` is not; all are
/// enabled, and `theme` is dark for Canadians.
pub async fn client_shop() -> (Shop<'static>, String) {
    let shop = shop().await;
    shop.run(
        r##"UPDATE fauna.flags SET client_visible = true; SELECT fauna.create_flag('hidden');
           SELECT fauna.create_flag('theme', 'string', '{"light": "#fff", "dark": "#000"}', client_visible => true);
           SELECT fauna.create_attribute('country'); SELECT fauna.create_audience('canada');
           SELECT fauna.add_condition('canada', 'country', 'eq', '{CA}');
           SELECT fauna.target('theme', 'canada', 'dark');
           UPDATE fauna.flag_settings SET enabled = true"##,
    )
    .await;
    let key = shop.create_key("production', 'client").await;
    (shop, key)
}

impl<'c> Shop<'c> {
    pub async fn in_cluster(cluster: &'c Cluster) -> Self {
        let database = Database::create(cluster).await;
        database
            .execute("SELECT fauna.create_environment('production'); SELECT fauna.create_flag('checkout')")
            .await;
        let mut shop = Self { database, key: String::new() };
        shop.key = shop.create_key("production', 'server").await;
        shop
    }

    /// Makes a key; `arguments` stand between the outer quotes of `create_sdk_key('…')`.
    pub async fn create_key(&self, arguments: &str) -> String {
        self.text(&format!("SELECT fauna.create_sdk_key('{arguments}')")).await
    }

    /// Runs statements as one transaction.
    pub async fn run(&self, sql: &str) {
        self.database.execute(&format!("BEGIN; {sql}; COMMIT")).await;
    }

    /// The one value a query returns.
    pub async fn text(&self, sql: &str) -> String {
        let client = self.database.connect().await;
        client.query_one(sql, &[]).await.expect(sql).get(0)
    }

    /// What the database says a flag is for a context, as a client with a client key is told; null if it is not to know the flag.
    pub async fn result(&self, flag: &str, context: &Value) -> Value {
        let sql = format!(
            "SELECT (SELECT CASE WHEN f.client_visible THEN
                        jsonb_build_object('value', e.value, 'variant', e.variant, 'reason', e.reason) END
                     FROM fauna.flags f, fauna.evaluate(f.key, '{context}') e WHERE f.key = '{flag}')::text"
        );
        let client = self.database.connect().await;
        let result: Option<String> = client.query_one(&sql, &[]).await.expect(&sql).get(0);
        result.map_or(Value::Null, |result| serde_json::from_str(&result).expect("JSON"))
    }

    /// What the database says the state is, as the payload of a put.
    pub async fn ruleset(&self) -> Value {
        serde_json::from_str(&self.text("SELECT fauna.ruleset('production')::text").await).expect("JSON")
    }

    /// Where the database stands: `epoch:revision`.
    pub async fn position(&self) -> String {
        self.text("SELECT epoch || ':' || revision FROM fauna.heads WHERE environment_key = 'production'")
            .await
    }

    pub async fn bridge(&self, args: &[&str]) -> Bridge {
        bridge(&self.database.conninfo(), args).await
    }
}

/// Starts a bridge with further arguments.
pub async fn bridge(conninfo: &str, args: &[&str]) -> Bridge {
    let args = args.iter().map(ToString::to_string).collect();
    Bridge::start(conninfo, BridgeOptions { args, ..BridgeOptions::default() }).await
}

/// Waits until the bridge says it is (or is not) ready, and returns what it says.
pub async fn readiness(bridge: &Bridge, ready: bool) -> Value {
    eventually("readiness", || async {
        let response = reqwest::get(format!("{}/readyz", bridge.url())).await.expect("an answer");
        (response.status().is_success() == ready).then_some(response)
    })
    .await
    .json()
    .await
    .expect("JSON")
}

/// One metric's value; none if it is not there yet.
pub async fn metric(bridge: &Bridge, name: &str) -> Option<f64> {
    let text = reqwest::get(format!("{}/metrics", bridge.url())).await.ok()?.text().await.ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Applies changes as an SDK must, and insists that each follows from the last.
#[derive(Debug, Default, PartialEq)]
pub struct Replica {
    pub id: String,
    flags: BTreeMap<String, Value>,
    audiences: BTreeMap<String, Value>,
}

impl Replica {
    pub fn apply(&mut self, change: &Change) {
        let data = &change.data;
        let id = |revision: &Value| format!("{}:{revision}", data["epoch"].as_str().expect("an epoch"));
        assert_eq!(change.id, id(&data["revision"]));
        match change.name.as_str() {
            "put" => {
                assert!(data.get("from").is_none());
                *self = Self::default();
            }
            "patch" => assert_eq!(self.id, id(&data["from"]), "a patch for somebody else"),
            other => panic!("unknown event {other}"),
        }
        self.id.clone_from(&change.id);
        merge(&mut self.flags, &data["flags"]);
        merge(&mut self.audiences, &data["audiences"]);
    }

    /// In the shape of `fauna.ruleset`.
    pub fn ruleset(&self) -> Value {
        let (epoch, revision) = self.id.split_once(':').expect("a position");
        json!({"environment": "production", "epoch": epoch, "revision": revision.parse::<i64>().expect("a number"),
               "flags": self.flags, "audiences": self.audiences})
    }
}

fn merge(into: &mut BTreeMap<String, Value>, changes: &Value) {
    for (key, document) in changes.as_object().expect("an object") {
        match document {
            Value::Null => drop(into.remove(key)),
            document => drop(into.insert(key.clone(), document.clone())),
        }
    }
}

//! A primary and the standby that follows it.

use fauna_tests::{Cluster, Database, eventually};

use crate::shop::Shop;

/// Two servers that have the same shop.
pub struct Pair {
    pub primary: Cluster,
    pub standby: Cluster,
    database: String,
    key: String,
}

impl Pair {
    /// Starts both, and waits until the standby has the shop.
    pub async fn start() -> Self {
        let primary = Cluster::start();
        let Shop { database, key } = Shop::in_cluster(&primary).await;
        let database = database.name().to_owned();
        let pair = Self { standby: primary.standby(), primary, database, key };
        pair.replicated().await;
        pair
    }

    /// The shop as the primary has it.
    pub fn shop(&self) -> Shop<'_> {
        self.shop_at(&self.primary)
    }

    /// The shop as the standby has it.
    pub fn standby_shop(&self) -> Shop<'_> {
        self.shop_at(&self.standby)
    }

    fn shop_at<'c>(&self, cluster: &'c Cluster) -> Shop<'c> {
        Shop { database: Database::existing(cluster, &self.database), key: self.key.clone() }
    }

    /// A connection string that names the primary and then the standby.
    pub fn conninfo(&self, parameters: &str) -> String {
        let (primary, standby) = (self.primary.port(), self.standby.port());
        format!("postgresql://postgres@127.0.0.1:{primary},127.0.0.1:{standby}/{}{parameters}", self.database)
    }

    /// Waits until the standby has replayed what the primary has written.
    pub async fn replicated(&self) {
        self.reaches("pg_last_wal_replay_lsn()").await;
    }

    /// Waits until the standby has received what the primary has written, replayed or not.
    pub async fn received(&self) {
        self.reaches("pg_last_wal_receive_lsn()").await;
    }

    async fn reaches(&self, place: &str) {
        let written = self.shop().text("SELECT pg_current_wal_flush_lsn()::text").await;
        let reached = format!("SELECT coalesce({place} >= '{written}', false)");
        // The database may not be there yet.
        let admin = Database::existing(&self.standby, "postgres").connect().await;
        eventually("the standby has what the primary has written", || async {
            admin.query_one(&reached, &[]).await.expect("the standby").get::<_, bool>(0).then_some(())
        })
        .await;
    }

    /// Lets the standby receive and not replay.
    pub async fn pause(&self) {
        let standby = self.standby_shop();
        standby.text("SELECT pg_wal_replay_pause()::text").await;
        eventually("replay is paused", || async {
            (standby.text("SELECT pg_get_wal_replay_pause_state()").await == "paused").then_some(())
        })
        .await;
    }

    /// Lets it replay again.
    pub async fn resume(&self) {
        self.standby_shop().text("SELECT pg_wal_replay_resume()::text").await;
    }
}

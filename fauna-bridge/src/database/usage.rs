//! Writing what was counted: the one thing that the bridge writes.
//!
//! A connection of its own, made when there is something to write and closed afterwards: it is needed for a moment every minute.

use super::{Database, DatabaseError, PgConnection, words};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// A connection that writes.
pub struct UsageWriter<'d> {
    database: &'d Database,
    client: Client,
    connection: PgConnection,
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached.
    pub async fn usage_writer(&self) -> Result<UsageWriter<'_>, DatabaseError> {
        let connected = self.connect().await?;
        Ok(UsageWriter { database: self, client: connected.client, connection: connected.connection })
    }
}

impl UsageWriter<'_> {
    /// Records one batch, as a transaction, which can write even if the role's are read-only by default. The settings end with it, so that nothing stays in a session that a pooler lends; a
    /// count that a crash of the server takes with it is not worth waiting for its disk.
    ///
    /// # Errors
    /// The database did not take it. If the connection broke at the very end it may have, and counts twice.
    pub async fn record(&mut self, usage: &str) -> Result<(), DatabaseError> {
        let Self { database, client, connection } = self;
        let begin = format!(
            "BEGIN READ WRITE; SET LOCAL statement_timeout = {}; SET LOCAL synchronous_commit = off",
            database.timeout.as_millis()
        );
        let work = async {
            client.batch_execute(&begin).await?;
            client.query_typed("SELECT fauna.record_usage($1::text::jsonb)", &[(&usage, Type::TEXT)]).await?;
            Ok(client.batch_execute("COMMIT").await?)
        };
        let connection = std::pin::Pin::new(connection);
        database
            .within("recording usage", async {
                tokio::select! {
                    biased;
                    done = work => done,
                    lost = connection => Err(DatabaseError::Lost(lost.map_or_else(|error| words(&error), |()| "closed".into()))),
                }
            })
            .await
    }
}

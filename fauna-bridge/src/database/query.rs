//! A query that is asked again and again: prepared where the session is ours alone, and without a name where it is not.
//!
//! Behind a transaction pooler the next statement may reach another server session, which has not prepared anything. An unnamed
//! statement travels whole with every question and leaves nothing behind.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row, Statement};

/// The text, its parameters' types, and the statement if there is one.
pub struct Query {
    text: &'static str,
    types: &'static [Type],
    prepared: Option<Statement>,
}

impl Query {
    /// A query that travels whole every time.
    pub const fn unnamed(text: &'static str, types: &'static [Type]) -> Self {
        Self { text, types, prepared: None }
    }

    /// Prepares a query, which also checks that everything it needs is there and permitted.
    pub async fn prepare(client: &Client, text: &'static str, types: &'static [Type]) -> Result<Self, Error> {
        Ok(Self { text, types, prepared: Some(client.prepare_typed(text, types).await?) })
    }

    /// Asks.
    pub async fn rows(&self, client: &Client, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        if let Some(statement) = &self.prepared {
            return client.query(statement, parameters).await;
        }
        let typed: Vec<_> = parameters.iter().copied().zip(self.types.iter().cloned()).collect();
        client.query_typed(self.text, &typed).await
    }
}

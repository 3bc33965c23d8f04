//! The short way from an announcement to a patch: the documents of one environment that changed since what is held.
//!
//! An announcement says which environment moved, so nothing else needs to be looked at, and what a reader lacks is an index
//! scan of `fauna.documents`. The query costs PostgreSQL a third of [`super::catch_up`], which stays the answer to everything that is
//! not this plain case: a new epoch, a log that no longer reaches back, changed keys, an environment that comes or goes.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::value::RawValue;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

use super::query::Query;
use super::subscription::is_whole;
use crate::documents::Changes;
use crate::position::Position;

/// `$1`: environment, `$2`, `$3`: epoch and revision of what is held.
const ADVANCE: &str = concat!(
    "
SELECT h.revision, d.kind, d.key, d.doc::text
  FROM fauna.heads AS h
  JOIN fauna.documents AS d ON d.environment_key = h.environment_key AND d.revision > $3
 WHERE h.environment_key = $1 AND h.epoch = $2 AND h.horizon <= $3 AND ",
    is_whole!()
);

/// The prepared query.
pub struct Advance(Query);

impl Advance {
    /// Prepares it, which also checks that everything it needs is there and permitted.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self(Query::prepare(client, ADVANCE, &[Type::TEXT, Type::UUID, Type::INT8]).await?))
    }

    /// The patch that leads on from `held`. None if there is none, or if it takes more than flags and audiences.
    pub async fn read(
        &self,
        client: &Client,
        environment: &Arc<str>,
        held: Position,
    ) -> Result<Option<Changes>, Error> {
        let rows = self.0.rows(client, &[&&**environment, &held.epoch, &held.revision]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut changes = Changes {
            environment: Arc::clone(environment),
            epoch: held.epoch,
            from: Some(held.revision),
            revision: first.try_get(0)?,
            flags: BTreeMap::new(),
            audiences: BTreeMap::new(),
        };
        for row in &rows {
            let into = match row.try_get(1)? {
                "flag" => &mut changes.flags,
                "audience" => &mut changes.audiences,
                _ => return Ok(None),
            };
            // What serde cannot read as JSON is reported by the reading of the whole.
            let Ok(document) = row.try_get::<_, Option<String>>(3)?.map(RawValue::from_string).transpose()
            else {
                return Ok(None);
            };
            into.insert(row.try_get::<_, &str>(2)?.into(), document);
        }
        Ok(Some(changes))
    }
}

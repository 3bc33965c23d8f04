//! The query that reads everything: at the start, as a safety net, and where the short way ([`super::advance`]) does not do.
//!
//! It returns every environment, and for those that moved the payload and the keys. One statement, so that all of it comes
//! from one snapshot in one round trip (heads, changes and keys apart would be three, `BEGIN` and `COMMIT` two more).

use std::sync::Arc;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};
use uuid::Uuid;

use super::query::Query;
use super::subscription::is_whole;
use crate::fleet::{EnvironmentReading, Moved};
use crate::position::Position;

/// `$1`, `$2`, `$3`: environment, epoch and revision of what the reader knows. What it does not know is new to it, and
/// `fauna.changes` answers a NULL epoch with the whole. One row at least, whatever the number of environments, to say whether
/// this is a state at all.
const CATCH_UP: &str = concat!(
    "
SELECT log.is_whole, h.environment_key,
       moved.payload::text,
       CASE WHEN moved.payload IS NOT NULL THEN ARRAY(
           SELECT d.key FROM fauna.documents AS d
            WHERE d.environment_key = h.environment_key AND d.kind = 'sdk_key' AND d.doc IS NOT NULL
            ORDER BY d.key) END,
       CASE WHEN moved.payload IS NOT NULL THEN ARRAY(
           SELECT d.doc::text FROM fauna.documents AS d
            WHERE d.environment_key = h.environment_key AND d.kind = 'sdk_key' AND d.doc IS NOT NULL
            ORDER BY d.key) END
  FROM (SELECT ",
    is_whole!(),
    ") AS log (is_whole)
  LEFT JOIN fauna.heads AS h ON log.is_whole
  LEFT JOIN unnest($1, $2, $3) AS known (environment_key, epoch, revision)
    ON known.environment_key = h.environment_key
  CROSS JOIN LATERAL (
      SELECT CASE WHEN h.environment_key IS NOT NULL AND (h.epoch, h.revision) IS DISTINCT FROM (known.epoch, known.revision)
                  THEN fauna.changes(h.environment_key, known.epoch, coalesce(known.revision, 0)) END
      OFFSET 0) AS moved (payload)"
);

const TYPES: &[Type] = &[Type::TEXT_ARRAY, Type::UUID_ARRAY, Type::INT8_ARRAY];

/// The query.
pub struct CatchUp(Query);

impl CatchUp {
    /// For a session that may be lent to others in between. One snapshot serves there, too, whatever the isolation level: the
    /// functions are `STABLE`, so they read as of the statement that calls them.
    pub const UNNAMED: Self = Self(Query::unnamed(CATCH_UP, TYPES));

    /// Prepares it, which also checks that everything it needs is there and permitted.
    pub async fn prepare(client: &Client) -> Result<Self, Error> {
        Ok(Self(Query::prepare(client, CATCH_UP, TYPES).await?))
    }

    /// Reads all environments, with the new state of those that are not at their `known` position. None: the server
    /// subscribes to the log, and has not received it whole yet.
    pub async fn read(
        &self,
        client: &Client,
        known: &[(Arc<str>, Position)],
    ) -> Result<Option<Vec<EnvironmentReading>>, Error> {
        let keys: Vec<&str> = known.iter().map(|(key, _)| &**key).collect();
        let epochs: Vec<Uuid> = known.iter().map(|(_, position)| position.epoch).collect();
        let revisions: Vec<i64> = known.iter().map(|(_, position)| position.revision).collect();
        let rows = self.0.rows(client, &[&keys, &epochs, &revisions]).await?;
        let mut readings = Vec::with_capacity(rows.len());
        for row in &rows {
            if !row.try_get::<_, bool>(0)? {
                return Ok(None);
            }
            readings.extend(reading(row)?);
        }
        Ok(Some(readings))
    }
}

/// None: there is no environment.
fn reading(row: &Row) -> Result<Option<EnvironmentReading>, Error> {
    let Some(key) = row.try_get::<_, Option<&str>>(1)? else { return Ok(None) };
    let moved = match row.try_get::<_, Option<String>>(2)? {
        None => None,
        Some(payload) => {
            let ids: Vec<String> = row.try_get(3)?;
            let documents: Vec<String> = row.try_get(4)?;
            Some(Moved { payload, keys: ids.into_iter().zip(documents).collect() })
        }
    };
    Ok(Some(EnvironmentReading { key: key.into(), moved }))
}

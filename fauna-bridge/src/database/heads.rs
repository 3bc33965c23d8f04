//! The cheap question of a bridge that cannot listen: where does the log stand?

use uuid::Uuid;

use tokio_postgres::{Client, Error};

use super::query::Query;
use crate::position::Position;

/// One row at least, whatever the number of environments.
const HEADS: &str = "
SELECT pg_catalog.pg_is_in_recovery(), h.environment_key, h.epoch, h.revision
  FROM (VALUES (1)) AS one LEFT JOIN fauna.heads AS h ON true";

/// What the server says.
#[derive(Debug)]
pub struct Heads {
    /// Whether it is a standby.
    pub is_standby: bool,
    positions: Vec<(String, Position)>,
}

impl Heads {
    /// The question.
    pub const QUERY: Query = Query::unnamed(HEADS, &[]);

    /// Asks.
    pub async fn read(query: &Query, client: &Client) -> Result<Self, Error> {
        let rows = query.rows(client, &[]).await?;
        let mut heads = Self { is_standby: false, positions: Vec::with_capacity(rows.len()) };
        for row in &rows {
            heads.is_standby = row.try_get(0)?;
            if let Some(environment) = row.try_get::<_, Option<String>>(1)? {
                let (epoch, revision): (Uuid, i64) = (row.try_get(2)?, row.try_get(3)?);
                heads.positions.push((environment, Position { epoch, revision }));
            }
        }
        Ok(heads)
    }

    /// Whether a reader that holds `held` lacks nothing. One that is ahead of a standby does not: the standby lags.
    pub fn are_known(&self, held: impl ExactSizeIterator<Item = (std::sync::Arc<str>, Position)>) -> bool {
        let mut held = held;
        held.len() == self.positions.len()
            && held.all(|(environment, position)| {
                self.positions.iter().any(|(key, head)| {
                    **key == *environment
                        && head.epoch == position.epoch
                        && (head.revision == position.revision
                            || self.is_standby && head.revision < position.revision)
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_lacks_something_unless_it_holds_every_head_or_more_than_a_standby() {
        let (epoch, other) = (Uuid::new_v4(), Uuid::new_v4());
        let at = |key: &str, epoch, revision| (key.into(), Position { epoch, revision });
        let heads = |is_standby| Heads {
            is_standby,
            positions: vec![
                ("a".into(), Position { epoch, revision: 4 }),
                ("b".into(), Position { epoch, revision: 2 }),
            ],
        };
        let known = |is_standby, held: Vec<_>| heads(is_standby).are_known(held.into_iter());
        assert!(known(false, vec![at("a", epoch, 4), at("b", epoch, 2)]));
        assert!(!known(false, vec![at("a", epoch, 3), at("b", epoch, 2)]));
        assert!(!known(false, vec![at("a", epoch, 5), at("b", epoch, 2)]));
        assert!(known(true, vec![at("a", epoch, 5), at("b", epoch, 2)]));
        assert!(!known(true, vec![at("a", other, 4), at("b", epoch, 2)]));
        assert!(!known(true, vec![at("a", epoch, 4)]));
        assert!(!known(true, vec![at("a", epoch, 4), at("b", epoch, 2), at("c", epoch, 1)]));
    }
}

//! How far a server is in the write-ahead log, to tell a standby that lags from a state that is new.
//!
//! Within an epoch the revision tells. But an environment that a standby does not have may have been deleted, or not have arrived yet,
//! and of two epochs nothing says which is the later. A standby that has not replayed what this bridge has read elsewhere has
//! nothing to say about either.

use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Error};

/// A place in the log of one system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Whether the server replays what another has written. Not kept: it is about who was asked.
    #[serde(skip)]
    pub is_standby: bool,
    // The cluster that wrote the heads, which has the log in common with its copies. None: there are no heads.
    system: Option<String>,
    // Bytes written, or replayed.
    bytes: i64,
}

/// An epoch's origin begins with the identifier of the system; `pg_control_system()` may be closed to this role.
const PLACE: &str = "
SELECT pg_catalog.pg_is_in_recovery(),
       (SELECT max(split_part(h.origin, '/', 1)) FROM fauna.heads AS h),
       pg_catalog.pg_wal_lsn_diff(
           CASE WHEN pg_catalog.pg_is_in_recovery() THEN coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0')
                ELSE pg_catalog.pg_current_wal_insert_lsn() END, '0/0')::bigint";

impl Place {
    /// Asks.
    pub async fn of(client: &Client) -> Result<Self, Error> {
        let row = client.query_typed_one(PLACE, &[]).await?;
        Ok(Self { is_standby: row.try_get(0)?, system: row.try_get(1)?, bytes: row.try_get(2)? })
    }

    /// Whether this is a standby that has not replayed what there was at `seen`.
    pub fn lags_behind(&self, seen: &Self) -> bool {
        let is_another = self.system.is_some() && seen.system.is_some() && self.system != seen.system;
        self.is_standby && !is_another && self.bytes < seen.bytes
    }

    /// Whether whoever is here has what there was at `other`.
    pub fn covers(&self, other: &Self) -> bool {
        self.system == other.system && self.bytes >= other.bytes
    }
}

/// A place in the log of system `1`.
#[cfg(test)]
pub fn place(is_standby: bool, bytes: i64) -> Place {
    Place { is_standby, system: Some("1".to_owned()), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_standby_of_the_same_system_lags() {
        let place = |is_standby, system: &str, bytes| Place {
            is_standby,
            system: Some(system.to_owned()).filter(|system| !system.is_empty()),
            bytes,
        };
        let seen = place(false, "1", 100);
        assert!(place(true, "1", 99).lags_behind(&seen));
        assert!(place(true, "", 99).lags_behind(&seen), "its heads have not arrived yet");
        assert!(!place(true, "1", 100).lags_behind(&seen));
        assert!(!place(false, "1", 99).lags_behind(&seen), "a primary that lost the end of the log is right");
        assert!(!place(true, "2", 99).lags_behind(&seen));
    }
}

//! Who answers on a connection: which server, which of its sessions, and whether that session is ours alone.
//!
//! A pooler in transaction mode accepts LISTEN and answers as if all were well, but the session that listens is nobody's: no
//! announcement ever arrives. Asking for `pg_listening_channels()` does not find out, since the pool may lend the very session that
//! listens. The sessions' process ids do: two connections of ours have two, and each keeps its own.

use tokio_postgres::{Client, Error};

/// What a server says of itself and of the session that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answerer {
    /// The session's process.
    pub process: i32,
    /// Whether the server is a standby.
    pub is_standby: bool,
    /// When the server started, to the microsecond: no two have the same.
    pub started: String,
}

const WHO: &str = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_is_in_recovery(), pg_catalog.pg_postmaster_start_time()::text";

impl Answerer {
    /// Asks, without leaving anything behind in the session.
    pub async fn of(client: &Client) -> Result<Self, Error> {
        let row = client.query_typed_one(WHO, &[]).await?;
        Ok(Self { process: row.try_get(0)?, is_standby: row.try_get(1)?, started: row.try_get(2)? })
    }
}

/// What two connections turn out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Pair {
    /// Each has a session of the same server to itself.
    Private,
    /// A pooler lends them sessions in turn.
    Pooled,
    /// They lead to different servers.
    Apart,
}

/// Tells what two connections are by who answers on them, one question after the other. A pool of one session gives itself away by
/// the same process twice, and so does one that lends the session used last; one that takes turns, by another process on the same
/// connection.
pub fn compare(first: &[Answerer], second: &[Answerer]) -> Pair {
    let steady = |answers: &[Answerer]| answers.windows(2).all(|two| two[0] == two[1]);
    let (Some(one), Some(other)) = (first.first(), second.first()) else { return Pair::Pooled };
    if !steady(first) || !steady(second) {
        Pair::Pooled
    } else if one.started != other.started {
        Pair::Apart
    } else if one.process == other.process {
        Pair::Pooled
    } else {
        Pair::Private
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(processes: &[i32], started: &str) -> Vec<Answerer> {
        let answer = |&process| Answerer { process, is_standby: false, started: started.to_owned() };
        processes.iter().map(answer).collect()
    }

    #[test]
    fn a_pool_gives_itself_away_by_the_same_process_twice_or_by_a_changing_one() {
        let now = |processes: &[i32]| answers(processes, "now");
        assert_eq!(compare(&now(&[1, 1, 1]), &now(&[2, 2])), Pair::Private);
        assert_eq!(compare(&now(&[1, 1, 1]), &now(&[1, 1])), Pair::Pooled);
        assert_eq!(compare(&now(&[1, 2, 1]), &now(&[2, 1])), Pair::Pooled);
        assert_eq!(compare(&now(&[1, 1, 1]), &now(&[2, 3])), Pair::Pooled);
        assert_eq!(compare(&now(&[1, 1, 1]), &answers(&[1, 1], "then")), Pair::Apart);
    }
}

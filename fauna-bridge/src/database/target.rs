//! `target_session_attrs`: which of several servers will do.
//!
//! `tokio_postgres` knows `any`, `read-write` and `read-only`. `primary`, `standby` and `prefer-standby` ask for the server's part in
//! replication, whatever its sessions may write: a role whose transactions are read-only by default, as befits one for the
//! bridge, finds a primary by `primary` only.

use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::{Client, Connection, Socket};

use super::DatabaseError;

/// The parameter.
pub const PARAMETER: &str = "target_session_attrs";

/// Which servers will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Those whose sessions are like this.
    Session(TargetSessionAttrs),
    /// A primary.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or any if there is none.
    PreferStandby,
}

/// A part in replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It takes writes.
    Primary,
    /// It follows another.
    Standby,
}

impl Target {
    /// Understands the parameter's value; none if there is no such value.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "any" => Self::Session(TargetSessionAttrs::Any),
            "read-write" => Self::Session(TargetSessionAttrs::ReadWrite),
            "read-only" => Self::Session(TargetSessionAttrs::ReadOnly),
            "primary" => Self::Primary,
            "standby" => Self::Standby,
            "prefer-standby" => Self::PreferStandby,
            _ => return None,
        })
    }

    /// What `tokio_postgres` is to look after.
    pub fn session(self) -> TargetSessionAttrs {
        if let Self::Session(attributes) = self { attributes } else { TargetSessionAttrs::Any }
    }

    /// What to look for, in rounds over all servers. None: what answers will do.
    pub fn rounds(self) -> &'static [Option<Part>] {
        match self {
            Self::Session(_) => &[None],
            Self::Primary => &[Some(Part::Primary)],
            Self::Standby => &[Some(Part::Standby)],
            Self::PreferStandby => &[Some(Part::Standby), None],
        }
    }
}

impl Part {
    /// Makes sure that a server has this part.
    ///
    /// # Errors
    /// It has the other, or did not say.
    pub async fn check<T>(
        self,
        client: &Client,
        connection: &mut Connection<Socket, T>,
    ) -> Result<(), DatabaseError>
    where
        T: tokio_postgres::tls::TlsStream + Unpin,
    {
        let ask = async {
            client.query_typed_one("SELECT pg_catalog.pg_is_in_recovery()", &[]).await?.try_get::<_, bool>(0)
        };
        let is_standby = tokio::select! {
            biased;
            answer = ask => answer,
            _ = connection => return Err(DatabaseError::Lost("closed by the server".into())),
        };
        match (self, is_standby?) {
            (Self::Primary, true) => Err(DatabaseError::Unfit("a standby")),
            (Self::Standby, false) => Err(DatabaseError::Unfit("a primary")),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_of_libpq_is_known() {
        for text in ["any", "read-write", "read-only", "primary", "standby", "prefer-standby"] {
            assert!(Target::parse(text).is_some(), "{text}");
        }
        assert_eq!(Target::parse("master"), None);
        assert_eq!(
            Target::parse("prefer-standby").map(Target::rounds),
            Some(&[Some(Part::Standby), None][..])
        );
    }
}

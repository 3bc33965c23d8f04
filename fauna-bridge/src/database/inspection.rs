//! What a person who sets up a bridge wants to know of a database, one question at a time.
//!
//! Nothing is prepared or set, so that it works through a pooler, and nothing needs more than a connection: whoever lacks a
//! privilege is to hear which.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Row};
use uuid::Uuid;

use super::server::{Answerer, Pair, compare};
use super::{Connected, Database, DatabaseError, PgConnection};

/// A connection that asks.
pub struct Inspector<'d> {
    database: &'d Database,
    client: Client,
    server: usize,
}

/// Who answers.
#[derive(Debug)]
pub struct ServerFacts {
    /// For people, for example `15.14`.
    pub version: String,
    /// The major version.
    pub major: i32,
    /// The database.
    pub database: String,
    /// The role.
    pub role: String,
    /// Whether the role may do everything.
    pub is_superuser: bool,
}

/// The extension's version in the database, and the one that could be created or updated to.
#[derive(Debug)]
pub struct ExtensionFacts {
    /// None: not created.
    pub installed: Option<String>,
    /// None: its files are not on the server.
    pub available: Option<String>,
}

/// The role's privileges, compared with the profile `bridge`.
#[derive(Debug)]
pub struct PrivilegeFacts {
    /// What is needed and not there, as the words of a GRANT.
    pub missing: Vec<String>,
    /// Functions that this version of the extension does not have.
    pub unknown: Vec<String>,
    /// Tables and functions that the role can use and need not.
    pub beyond: Vec<String>,
}

/// What becomes of LISTEN.
#[derive(Debug, PartialEq, Eq)]
pub enum ListenFacts {
    /// A notification arrived.
    Arrives,
    /// The server is a standby.
    Standby,
    /// There is a pooler in transaction mode.
    Pooler,
    /// Two connections led to different servers.
    Apart,
    /// All looks well, and the notification did not arrive.
    Silent,
}

/// This machine's clock against the database's.
#[derive(Debug)]
pub struct ClockFacts {
    /// How far apart.
    pub difference: Duration,
    /// Whether this machine's is the earlier.
    pub is_behind: bool,
    /// The answer took this long, so the difference may be wrong by half of it.
    pub round_trip: Duration,
}

/// An environment and its keys.
#[derive(Debug)]
pub struct EnvironmentFacts {
    /// Its key.
    pub environment: String,
    /// Keys that open something now.
    pub server_keys: i64,
    /// The same for client keys.
    pub client_keys: i64,
}

const SERVER: &str = "
SELECT current_setting('server_version'), current_setting('server_version_num')::int / 10000,
       current_database()::text, current_user::text,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles AS r WHERE r.rolname = current_user)";

const EXTENSION: &str = "
SELECT (SELECT e.extversion FROM pg_catalog.pg_extension AS e WHERE e.extname = 'fauna'),
       (SELECT a.default_version FROM pg_catalog.pg_available_extensions AS a WHERE a.name = 'fauna')";

/// By oid and not by name: a name in a schema that the role may not use is an error.
const PRIVILEGES: &str = "
WITH needed (kind, name) AS (VALUES ('table', 'heads'), ('table', 'documents'),
        ('function', 'changes'), ('function', 'ruleset'), ('function', 'record_usage')),
    present (kind, name, privilege, held) AS (
        SELECT 'table', c.relname, 'SELECT', has_table_privilege(c.oid,
               CASE WHEN c.relname IN ('heads', 'documents') THEN 'SELECT' ELSE 'SELECT, INSERT, UPDATE, DELETE' END)
          FROM pg_catalog.pg_class AS c
         WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'fauna') AND c.relkind IN ('r', 'v')
        UNION ALL
        SELECT 'function', p.proname, 'EXECUTE', bool_or(has_function_privilege(p.oid, 'EXECUTE'))
          FROM pg_catalog.pg_proc AS p
         WHERE p.pronamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'fauna') GROUP BY p.proname)
SELECT 'missing', 'USAGE ON SCHEMA fauna' FROM pg_catalog.pg_namespace AS s
 WHERE s.nspname = 'fauna' AND NOT has_schema_privilege(s.oid, 'USAGE')
UNION ALL
SELECT CASE WHEN p.name IS NULL THEN 'unknown' WHEN n.name IS NULL THEN 'beyond' ELSE 'missing' END,
       CASE WHEN p.name IS NULL OR n.name IS NULL THEN 'fauna.' || coalesce(n.name, p.name)
            ELSE p.privilege || ' ON ' || upper(p.kind) || ' fauna.' || p.name END
  FROM needed AS n FULL JOIN present AS p USING (kind, name)
 WHERE p.name IS NULL OR (n.name IS NULL) = p.held
 ORDER BY 1, 2";

const SUBSCRIPTION: &str = "
SELECT c.relname::text, s.srsubstate = 'r'
  FROM pg_catalog.pg_subscription_rel AS s
  JOIN pg_catalog.pg_class AS c ON c.oid = s.srrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = 'fauna' AND c.relname IN ('heads', 'documents')";

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

const ENVIRONMENTS: &str = "
SELECT h.environment_key,
       count(*) FILTER (WHERE d.doc->>'kind' = 'server'), count(*) FILTER (WHERE d.doc->>'kind' = 'client')
  FROM fauna.heads AS h
  LEFT JOIN fauna.documents AS d ON d.environment_key = h.environment_key AND d.kind = 'sdk_key'
   AND d.doc->>'revokedAt' IS NULL AND coalesce((d.doc->>'expiresAt')::timestamptz, 'infinity') > now()
 GROUP BY 1 ORDER BY 1";

impl Database {
    /// Connects to ask.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached, or does not let this role in.
    pub async fn inspector(&self) -> Result<Inspector<'_>, DatabaseError> {
        let Connected { client, connection, server } = self.connect().await?;
        // What ends it is told to whoever asks next.
        tokio::spawn(async move { drop(connection.await) });
        Ok(Inspector { database: self, client, server })
    }
}

impl Inspector<'_> {
    /// Who answers.
    pub async fn server(&self) -> Result<ServerFacts, DatabaseError> {
        let row = self.row(SERVER).await?;
        Ok(ServerFacts {
            version: row.try_get(0)?,
            major: row.try_get(1)?,
            database: row.try_get(2)?,
            role: row.try_get(3)?,
            is_superuser: row.try_get(4)?,
        })
    }

    /// Whether the extension is there.
    pub async fn extension(&self) -> Result<ExtensionFacts, DatabaseError> {
        let row = self.row(EXTENSION).await?;
        Ok(ExtensionFacts { installed: row.try_get(0)?, available: row.try_get(1)? })
    }

    /// What the role may do in schema `fauna`.
    pub async fn privileges(&self) -> Result<PrivilegeFacts, DatabaseError> {
        let mut facts = PrivilegeFacts { missing: Vec::new(), unknown: Vec::new(), beyond: Vec::new() };
        for row in self.rows(PRIVILEGES).await? {
            let into = match row.try_get(0)? {
                "missing" => &mut facts.missing,
                "unknown" => &mut facts.unknown,
                _ => &mut facts.beyond,
            };
            into.push(row.try_get(1)?);
        }
        Ok(facts)
    }

    /// The tables of the log that a subscription fills, and whether they are copied.
    pub async fn subscription(&self) -> Result<Vec<(String, bool)>, DatabaseError> {
        let rows = self.rows(SUBSCRIPTION).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// How this machine's clock stands to the database's.
    pub async fn clock(&self) -> Result<ClockFacts, DatabaseError> {
        let before = SystemTime::now();
        let theirs = self.row(CLOCK).await?.try_get::<_, i64>(0)?;
        let round_trip = before.elapsed().unwrap_or_default();
        let ours = (before + round_trip / 2).duration_since(UNIX_EPOCH).unwrap_or_default();
        let theirs = Duration::from_micros(u64::try_from(theirs).unwrap_or_default());
        Ok(ClockFacts { difference: ours.abs_diff(theirs), is_behind: ours < theirs, round_trip })
    }

    /// The environments and how many keys open them.
    pub async fn environments(&self) -> Result<Vec<EnvironmentFacts>, DatabaseError> {
        let facts = |row: &Row| {
            Ok(EnvironmentFacts {
                environment: row.try_get(0)?,
                server_keys: row.try_get(1)?,
                client_keys: row.try_get(2)?,
            })
        };
        self.rows(ENVIRONMENTS).await?.iter().map(facts).collect()
    }

    /// Sends a notification over one connection and waits for it on another, on a channel that nobody else listens to.
    pub async fn listening(&self) -> Result<ListenFacts, DatabaseError> {
        let first = self.who(&self.client).await?;
        if first.is_standby {
            return Ok(ListenFacts::Standby);
        }
        let (listener, connection) = self.database.connect_to(self.server, None).await?;
        let mut channels = notifications(connection);
        let listeners = [self.who(&listener).await?, self.who(&listener).await?];
        let asking = [first, self.who(&self.client).await?];
        match compare(&asking, &listeners) {
            Pair::Pooled => return Ok(ListenFacts::Pooler),
            Pair::Apart => return Ok(ListenFacts::Apart),
            Pair::Private => {}
        }
        let channel = format!("fauna_check_{}", Uuid::new_v4().simple());
        let listen = format!("LISTEN {channel}");
        self.database.within("listening", async { Ok(listener.batch_execute(&listen).await?) }).await?;
        let notify = format!("NOTIFY {channel}");
        self.database.within("notifying", async { Ok(self.client.batch_execute(&notify).await?) }).await?;
        let arrives = tokio::time::timeout(self.database.timeout, channels.recv()).await;
        Ok(if matches!(arrives, Ok(Some(_))) { ListenFacts::Arrives } else { ListenFacts::Silent })
    }

    async fn who(&self, client: &Client) -> Result<Answerer, DatabaseError> {
        self.database.within("asking who answers", async { Ok(Answerer::of(client).await?) }).await
    }

    async fn row(&self, query: &str) -> Result<Row, DatabaseError> {
        let none: [(&(dyn ToSql + Sync), Type); 0] = [];
        let ask = async { Ok(self.client.query_typed_one(query, &none).await?) };
        self.database.within("asking", ask).await
    }

    async fn rows(&self, query: &str) -> Result<Vec<Row>, DatabaseError> {
        let ask = async { Ok(self.client.query_typed(query, &[]).await?) };
        self.database.within("asking", ask).await
    }
}

/// Drives a connection; the channels of what is announced on it come out.
fn notifications(mut connection: PgConnection) -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message
                && sender.send(notification.channel().to_owned()).is_err()
            {
                return;
            }
        }
    });
    receiver
}

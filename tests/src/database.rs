//! A database with the extension, and connections to it.

use futures_util::StreamExt as _;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::bridge::{Bridge, BridgeOptions};
use crate::cluster::{Cluster, cluster};

/// A new database in the shared cluster, with the extension created and nothing else.
pub async fn database() -> Database<'static> {
    Database::create(cluster()).await
}

/// One database of a cluster. It is not dropped: it goes with its cluster.
pub struct Database<'c> {
    cluster: &'c Cluster,
    name: String,
}

impl<'c> Database<'c> {
    /// Creates a database with the extension.
    pub async fn create(cluster: &'c Cluster) -> Self {
        let database = Self::create_empty(cluster).await;
        database.execute("CREATE EXTENSION fauna").await;
        database
    }

    /// Creates a database without the extension.
    pub async fn create_empty(cluster: &'c Cluster) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = Database::existing(cluster, "postgres");
        admin.execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Self { cluster, name }
    }

    /// A database that is there already.
    pub fn existing(cluster: &'c Cluster, name: &str) -> Self {
        Self { cluster, name: name.to_owned() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The cluster that holds it.
    pub fn cluster(&self) -> &'c Cluster {
        self.cluster
    }

    /// A connection string for the superuser.
    pub fn conninfo(&self) -> String {
        self.cluster.conninfo(&self.name)
    }

    /// A session of the superuser.
    pub async fn connect(&self) -> Client {
        self.connect_as("postgres").await
    }

    /// A session of `user`.
    pub async fn connect_as(&self, user: &str) -> Client {
        connect(&self.cluster.conninfo_as(user, &self.name)).await
    }

    /// Runs statements in a session of their own; a failure stops the test with PostgreSQL's words.
    pub async fn execute(&self, sql: &str) {
        let client = self.connect().await;
        if let Err(error) = client.batch_execute(sql).await {
            panic!("{}\nin: {sql}", error_of(&error));
        }
    }

    /// Listens on `channel` from now on.
    pub async fn listen(&self, channel: &str) -> Listener {
        let (client, mut connection) =
            tokio_postgres::connect(&self.conninfo(), NoTls).await.expect("connecting");
        let (sender, receiver) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(Ok(message)) = messages.next().await {
                if let AsyncMessage::Notification(notification) = message
                    && sender.send(notification.payload().to_owned()).is_err()
                {
                    break;
                }
            }
        });
        client.batch_execute(&format!("LISTEN {channel}")).await.expect("listening");
        Listener { client, receiver }
    }

    /// Runs `psql` on a script, as a person would, and returns what it printed.
    pub fn psql(&self, script: &str) -> String {
        self.cluster
            .run("psql", &["--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-d", &self.conninfo(), "-c", script])
    }

    /// Starts a bridge on this database.
    pub async fn bridge(&self) -> Bridge {
        Bridge::start(&self.conninfo(), BridgeOptions::default()).await
    }
}

/// A session of whatever `conninfo` leads to.
pub async fn connect(conninfo: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(conninfo, NoTls).await.expect("connecting");
    // The connection's error reaches the client's next call, which is where a test looks.
    tokio::spawn(connection);
    client
}

/// Makes the collation `ignoring_case`, which is not deterministic. A server built without ICU has none that is, so there
/// an ordinary one is declared to be: text is then compared as such collations are, though no two spellings are equal.
pub const IGNORING_CASE: &str = "DO $$ BEGIN
    CREATE COLLATION ignoring_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
EXCEPTION WHEN feature_not_supported THEN
    CREATE COLLATION ignoring_case (provider = libc, locale = 'C.UTF-8');
    UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'ignoring_case';
END $$;";

/// A session that has listened since it was made.
pub struct Listener {
    client: Client,
    receiver: mpsc::UnboundedReceiver<String>,
}

impl Listener {
    /// Every payload that has been announced to this session up to now. A round trip flushes them: PostgreSQL delivers
    /// the notifications of transactions that committed before it before the answer.
    pub async fn drain(&mut self) -> Vec<String> {
        self.client.batch_execute("SELECT 1").await.expect("the listening session");
        // The server sends notifications just after a command's answer, so a second trip is sure to find them.
        self.client.batch_execute("SELECT 1").await.expect("the listening session");
        let mut payloads = Vec::new();
        while let Ok(payload) = self.receiver.try_recv() {
            payloads.push(payload);
        }
        payloads
    }

    /// The next payload.
    pub async fn next(&mut self) -> String {
        tokio::time::timeout(crate::DEADLINE, self.receiver.recv())
            .await
            .expect("a notification in time")
            .expect("the listening session")
    }
}

/// PostgreSQL's own words for an error, its state, detail and hint included.
pub fn error_of(error: &tokio_postgres::Error) -> String {
    let Some(db) = error.as_db_error() else {
        return error.to_string();
    };
    let mut text = format!("{}: {}", db.code().code(), db.message());
    for (label, part) in [("DETAIL", db.detail()), ("HINT", db.hint()), ("CONSTRAINT", db.constraint())] {
        if let Some(part) = part {
            text += "\n";
            text += label;
            text += ": ";
            text += part;
        }
    }
    text
}

//! What the follower reads through: a pair of connections, one that LISTENs and asks for what was announced and one that
//! reads everything; or, where LISTEN cannot work, one that reads.
//!
//! The listening connection asks itself because its server process is awake: it has just sent the announcement. A reading of
//! everything may take long, and goes over the other one, so that it holds up no announcement.
//!
//! Both are driven inside the follower's own task, not spawned: a notification and the query it causes then need no
//! hop between threads, and dropping the session drops everything that belongs to it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio_postgres::Client;

use super::catch_up::CatchUp;
use super::heads::Heads;
use super::listener::{Inbox, Listener};
use super::place::Place;
use super::query::Query;
use super::server::{Answerer, Pair, compare};
use super::{Connected, Database, DatabaseError, PgConnection, words};
use crate::fleet::EnvironmentReading;
use crate::position::Position;

/// The connections, ready for use. Nothing moves unless [`Connections::drive`] is polled.
pub struct Session {
    /// Reads.
    pub reader: Reader,
    /// How the session learns that there is something to read.
    pub way: Way,
}

/// How a session learns of changes.
pub enum Way {
    /// They are announced to it.
    Listening(Box<Listener>),
    /// It asks, because of this.
    Polling(Obstacle),
}

/// Why a session cannot listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// PostgreSQL has no LISTEN on a standby.
    Standby,
    /// A pooler in transaction mode lends the session to others.
    Pooler,
}

/// The connection that reads.
pub struct Reader {
    database: Database,
    client: Client,
    catch_up: CatchUp,
    heads: Query,
    // At the beginning. It may have been promoted since.
    was_standby: bool,
}

/// The network side of a [`Session`].
pub struct Connections {
    listener: Option<PgConnection>,
    reader: PgConnection,
    inbox: Arc<Inbox>,
}

impl Session {
    /// Opens the connections and LISTENs, *before* anything is read: what commits from then on is announced. Where that cannot
    /// work, or where `obstacle` says so already, the session is one that polls.
    ///
    /// Returns the session and what drives it; the caller polls both in one task.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached, has no Fauna, or does not let this role read it.
    pub async fn open(
        database: &Database,
        obstacle: Option<Obstacle>,
    ) -> Result<(Self, Connections), DatabaseError> {
        let Connected { client, connection, server } = database.connect().await?;
        let mut connections =
            Connections { listener: None, reader: connection, inbox: Arc::new(Inbox::default()) };
        let asking =
            database.within("asking the server what it is", async { Ok(Answerer::of(&client).await?) });
        let first = connections.during(asking).await?;
        let was_standby = first.is_standby;
        let obstacle = obstacle.or(first.is_standby.then_some(Obstacle::Standby));
        if let Some(obstacle) = obstacle {
            return Ok((Self::poll(database, client, obstacle, was_standby), connections));
        }
        let (listener, listening) = database.connect_to(server, None).await?;
        connections.listener = Some(listening);
        match connections.during(pair(database, &client, first, &listener)).await? {
            Pair::Private => Self::listen(database, client, listener, connections).await,
            Pair::Apart => Err(DatabaseError::DifferentServers),
            Pair::Pooled => {
                connections.listener = None;
                Ok((Self::poll(database, client, Obstacle::Pooler, was_standby), connections))
            }
        }
    }

    async fn listen(
        database: &Database,
        reader: Client,
        listener: Client,
        mut connections: Connections,
    ) -> Result<(Self, Connections), DatabaseError> {
        let settings = database.reader_settings();
        let inbox = Arc::clone(&connections.inbox);
        let prepare = database.within("preparing the session", async {
            let listener = Listener::start(database, listener, &settings, inbox).await?;
            reader.batch_execute(&settings).await?;
            let catch_up = CatchUp::prepare(&reader).await?;
            Ok((listener, catch_up))
        });
        let (listener, catch_up) = connections.during(prepare).await?;
        let reader = Reader {
            database: database.clone(),
            client: reader,
            catch_up,
            heads: Heads::QUERY,
            was_standby: false,
        };
        Ok((Self { reader, way: Way::Listening(Box::new(listener)) }, connections))
    }

    /// Changes no setting and prepares nothing: the next client of the pooler would inherit it.
    fn poll(database: &Database, client: Client, obstacle: Obstacle, was_standby: bool) -> Self {
        let reader = Reader {
            database: database.clone(),
            client,
            catch_up: CatchUp::UNNAMED,
            heads: Heads::QUERY,
            was_standby,
        };
        Self { reader, way: Way::Polling(obstacle) }
    }

    /// Makes sure that the listening connection is alive, listens, and is still ours.
    ///
    /// # Errors
    /// It is not or does not.
    pub async fn probe(&self, listener: &Listener) -> Result<(), DatabaseError> {
        listener.probe().await?;
        let ask = async { Ok(Answerer::of(&self.reader.client).await?) };
        let reader = self.reader.database.within("probing the reading connection", ask).await?;
        // The reader was given the listener's session: it is a pooler after all.
        if reader.process == listener.process() { Err(DatabaseError::NotListening) } else { Ok(()) }
    }
}

/// Who answers on both connections, in an order that gives a pool away whichever session it lends next.
async fn pair(
    database: &Database,
    reader: &Client,
    first: Answerer,
    listener: &Client,
) -> Result<Pair, DatabaseError> {
    let ask = async {
        let mut readers = vec![first, Answerer::of(reader).await?];
        let listeners = [Answerer::of(listener).await?, Answerer::of(listener).await?];
        readers.push(Answerer::of(reader).await?);
        Ok(compare(&readers, &listeners))
    };
    database.within("asking who answers", ask).await
}

impl Reader {
    /// Reads all environments in one snapshot.
    ///
    /// # Errors
    /// The query failed or took too long, or there is only a part to read yet.
    pub async fn catch_up(
        &self,
        known: &[(Arc<str>, Position)],
    ) -> Result<Vec<EnvironmentReading>, DatabaseError> {
        let read = async { Ok(self.catch_up.read(&self.client, known).await?) };
        self.database.within("catching up", read).await?.ok_or(DatabaseError::NotWhole)
    }

    /// Whether the server was a standby when the session began.
    pub fn was_standby(&self) -> bool {
        self.was_standby
    }

    /// How far the server is.
    ///
    /// # Errors
    /// The query failed or took too long.
    pub async fn place(&self) -> Result<Place, DatabaseError> {
        let ask = async { Ok(Place::of(&self.client).await?) };
        self.database.within("asking how far the server is", ask).await
    }

    /// Where the log stands.
    ///
    /// # Errors
    /// The query failed or took too long.
    pub async fn heads(&self) -> Result<Heads, DatabaseError> {
        let read = async { Ok(Heads::read(&self.heads, &self.client).await?) };
        self.database.within("reading the heads", read).await
    }
}

impl Connections {
    /// Does `work` while bytes move; fails when a connection ends first.
    async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, DatabaseError> {
        tokio::select! {
            biased;
            done = work => done,
            lost = self.drive() => Err(lost),
        }
    }

    /// Moves bytes on the connections and files announcements, until one of them ends.
    pub async fn drive(&mut self) -> DatabaseError {
        poll_fn(|context| self.poll_lost(context)).await
    }

    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<DatabaseError> {
        for connection in self.listener.iter_mut().chain([&mut self.reader]) {
            loop {
                match connection.poll_message(context) {
                    // Only the listener has asked for any.
                    Poll::Ready(Some(Ok(message))) => self.inbox.file(&message),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(DatabaseError::Lost(words(&error))),
                    Poll::Ready(None) => {
                        return Poll::Ready(DatabaseError::Lost("closed by the server".into()));
                    }
                    Poll::Pending => break,
                }
            }
        }
        Poll::Pending
    }
}

//! A pair of connections: one that LISTENs and asks for what was announced, one that reads everything.
//!
//! The listening connection asks itself because its server process is awake: it has just sent the announcement. A reading of
//! everything may take long, and goes over the other one, so that it holds up no announcement.
//!
//! Both are driven inside the follower's own task, not spawned: a notification and the query it causes then need no
//! hop between threads, and dropping the session drops everything that belongs to it.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{AsyncMessage, Client, Connection, Socket, Statement};

use super::advance::Advance;
use super::catch_up::CatchUp;
use super::{Announcement, Database, DatabaseError, words};
use crate::documents::Changes;
use crate::fleet::EnvironmentReading;
use crate::position::Position;

/// True if this very session still receives what is announced. A pooler in transaction mode answers this from another
/// server session, which does not.
const PROBE: &str =
    "SELECT count(*) FROM pg_catalog.pg_listening_channels() AS channel WHERE channel = 'fauna'";

type PgConnection = Connection<Socket, NoTlsStream>;

/// The two connections, ready for use. Nothing moves unless [`Connections::drive`] is polled.
pub struct Session {
    database: Database,
    listener: Client,
    reader: Client,
    probe: Statement,
    advance: Advance,
    catch_up: CatchUp,
    inbox: Arc<Inbox>,
}

/// The network side of a [`Session`].
pub struct Connections {
    listener: PgConnection,
    reader: PgConnection,
    inbox: Arc<Inbox>,
}

/// Announcements that nobody has looked at yet. A burst fills it while a catch-up runs and is taken in one go.
#[derive(Default)]
struct Inbox {
    unread: Mutex<Vec<Option<Announcement>>>,
    arrived: Notify,
}

/// What announcements tell the reader to do.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// These environments moved.
    Of(BTreeSet<Arc<str>>),
    /// Something happened, and nothing says where: everything must be read.
    Unclear,
}

/// More than this and the tables are asked whatever the announcements say.
const MAX_UNREAD: usize = 256;

impl Session {
    /// Opens both connections and LISTENs, *before* anything is read: what commits from then on is announced.
    ///
    /// Returns the session and what drives it; the caller polls both in one task.
    ///
    /// # Errors
    /// PostgreSQL cannot be reached, has no Fauna, or does not let this role read it.
    pub async fn open(database: &Database) -> Result<(Self, Connections), DatabaseError> {
        let inbox = Arc::new(Inbox::default());
        let (listener, listening) = database.connect().await?;
        let (reader, reading) = database.connect().await?;
        let mut connections = Connections { listener: listening, reader: reading, inbox: Arc::clone(&inbox) };
        let settings = database.reader_settings();
        let prepare = database.within("preparing the session", async {
            listener.batch_execute(&format!("{settings}; LISTEN fauna")).await?;
            reader.batch_execute(&settings).await?;
            let probe = listener.prepare(PROBE).await?;
            let advance = Advance::prepare(&listener).await?;
            let catch_up = CatchUp::prepare(&reader).await?;
            Ok::<_, DatabaseError>((probe, advance, catch_up))
        });
        let (probe, advance, catch_up) = tokio::select! {
            biased;
            prepared = prepare => prepared?,
            lost = connections.drive() => return Err(lost),
        };
        let database = database.clone();
        Ok((Self { database, listener, reader, probe, advance, catch_up, inbox }, connections))
    }

    /// Waits until something is announced that `is_news`, and takes everything that was.
    pub async fn announced(&self, mut is_news: impl FnMut(&Announcement) -> bool) -> News {
        loop {
            self.inbox.arrived.notified().await;
            let unread = std::mem::take(&mut *self.inbox.unread.lock());
            if unread.len() >= MAX_UNREAD {
                return News::Unclear;
            }
            let mut environments = BTreeSet::new();
            for announcement in &unread {
                match announcement {
                    Some(announcement) if is_news(announcement) => {
                        environments.insert(announcement.environment().into());
                    }
                    Some(_) => {}
                    None => return News::Unclear,
                }
            }
            if !environments.is_empty() {
                return News::Of(environments);
            }
        }
    }

    /// The patch that leads one environment on from `held`. None if it takes more than that: [`Self::catch_up`] tells.
    ///
    /// # Errors
    /// The query failed or took too long.
    pub async fn advance(
        &self,
        environment: &Arc<str>,
        held: Position,
    ) -> Result<Option<Changes>, DatabaseError> {
        let read = async { Ok(self.advance.read(&self.listener, environment, held).await?) };
        self.database.within("reading what was announced", read).await
    }

    /// Reads all environments in one snapshot.
    ///
    /// # Errors
    /// The query failed or took too long.
    pub async fn catch_up(
        &self,
        known: &[(Arc<str>, Position)],
    ) -> Result<Vec<EnvironmentReading>, DatabaseError> {
        let read = async { Ok(self.catch_up.read(&self.reader, known).await?) };
        self.database.within("catching up", read).await
    }

    /// Makes sure that the listening connection is alive and listens.
    ///
    /// # Errors
    /// It is not or does not.
    pub async fn probe(&self) -> Result<(), DatabaseError> {
        let ask = async { Ok(self.listener.query_one(&self.probe, &[]).await?.try_get::<_, i64>(0)?) };
        match self.database.within("probing the listening connection", ask).await? {
            0 => Err(DatabaseError::NotListening),
            _ => Ok(()),
        }
    }
}

impl Connections {
    /// Moves bytes on both connections and files announcements, until one of them ends.
    pub async fn drive(&mut self) -> DatabaseError {
        poll_fn(|context| self.poll_lost(context)).await
    }

    fn poll_lost(&mut self, context: &mut Context<'_>) -> Poll<DatabaseError> {
        loop {
            match self.listener.poll_message(context) {
                Poll::Ready(Some(Ok(message))) => self.inbox.file(&message),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(DatabaseError::Lost(words(&error))),
                Poll::Ready(None) => return Poll::Ready(DatabaseError::Lost("closed by the server".into())),
                Poll::Pending => break,
            }
        }
        loop {
            match self.reader.poll_message(context) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(DatabaseError::Lost(words(&error))),
                Poll::Ready(None) => return Poll::Ready(DatabaseError::Lost("closed by the server".into())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl Inbox {
    fn file(&self, message: &AsyncMessage) {
        if let AsyncMessage::Notification(notification) = message {
            let mut unread = self.unread.lock();
            if unread.len() < MAX_UNREAD {
                unread.push(Announcement::read(notification.payload()));
            }
            self.arrived.notify_one();
        }
    }
}

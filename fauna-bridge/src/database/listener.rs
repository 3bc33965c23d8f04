//! The connection that LISTENs, and asks for what was announced.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_postgres::{AsyncMessage, Client, Statement};

use super::advance::Advance;
use super::{Announcement, Database, DatabaseError};
use crate::documents::Changes;
use crate::position::Position;

/// Whether this very session still receives what is announced, and which session it is.
const PROBE: &str = "
SELECT count(*) FILTER (WHERE channel = 'fauna') > 0, pg_catalog.pg_backend_pid()
  FROM pg_catalog.pg_listening_channels() AS channel";

/// A connection that has listened since it was made.
pub struct Listener {
    database: Database,
    client: Client,
    process: i32,
    probe: Statement,
    advance: Advance,
    inbox: Arc<Inbox>,
}

/// Announcements that nobody has looked at yet. A burst fills it while a catch-up runs and is taken in one go.
#[derive(Default)]
pub struct Inbox {
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

impl Listener {
    /// Starts to listen. Announcements arrive in `inbox`, where whoever drives the connection files them.
    pub async fn start(
        database: &Database,
        client: Client,
        settings: &str,
        inbox: Arc<Inbox>,
    ) -> Result<Self, DatabaseError> {
        client.batch_execute(&format!("{settings}; LISTEN fauna")).await?;
        let probe = client.prepare(PROBE).await?;
        let advance = Advance::prepare(&client).await?;
        let process = client.query_one(&probe, &[]).await?.try_get(1)?;
        Ok(Self { database: database.clone(), client, process, probe, advance, inbox })
    }

    /// The server process that listens.
    pub fn process(&self) -> i32 {
        self.process
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

    /// The patch that leads one environment on from `held`. None if it takes more than that: a reading of everything tells.
    ///
    /// # Errors
    /// The query failed or took too long.
    pub async fn advance(
        &self,
        environment: &Arc<str>,
        held: Position,
    ) -> Result<Option<Changes>, DatabaseError> {
        let read = async { Ok(self.advance.read(&self.client, environment, held).await?) };
        self.database.within("reading what was announced", read).await
    }

    /// Makes sure that the connection is alive, listens, and has the session to itself that it began with.
    ///
    /// # Errors
    /// It is not, does not or has not.
    pub async fn probe(&self) -> Result<(), DatabaseError> {
        let ask = async {
            let row = self.client.query_one(&self.probe, &[]).await?;
            Ok((row.try_get::<_, bool>(0)?, row.try_get::<_, i32>(1)?))
        };
        match self.database.within("probing the listening connection", ask).await? {
            (true, process) if process == self.process => Ok(()),
            _ => Err(DatabaseError::NotListening),
        }
    }
}

impl Inbox {
    /// Files a message if it is an announcement.
    pub fn file(&self, message: &AsyncMessage) {
        if let AsyncMessage::Notification(notification) = message {
            let mut unread = self.unread.lock();
            if unread.len() < MAX_UNREAD {
                unread.push(Announcement::read(notification.payload()));
            }
            self.arrived.notify_one();
        }
    }
}

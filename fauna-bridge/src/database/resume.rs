//! Patches from further back than the memory reaches, straight from the database's log.
//!
//! Needed after a restart: thousands of clients come back at a handful of positions. One query answers all that share a
//! position, and the pool bounds how many run at once, so a herd costs PostgreSQL a few statements.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Pool, PoolError, RecycleError, RecycleResult, Timeouts};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use super::subscription::is_whole;
use super::{Connected, Database, DatabaseError};
use crate::documents::Changes;
use crate::event::Event;
use crate::position::Position;

/// Connections for this purpose. Two, so that one slow answer does not hold up everybody.
const CONNECTIONS: usize = 2;

/// Distinct positions remembered per environment revision; clients beyond these get a put.
const MAX_POSITIONS: usize = 256;

/// Nothing on a subscriber that has not received everything.
const PATCH: &str = concat!("SELECT CASE WHEN ", is_whole!(), " THEN fauna.changes($1, $2, $3)::text END");

/// Fetches patches for clients that resume.
pub struct Resumer {
    pool: Pool<Database>,
    timeout: Duration,
    answers: Mutex<HashMap<Arc<str>, Answers>>,
}

/// The answers that lead to one position.
struct Answers {
    tip: Position,
    by_start: HashMap<i64, Answer>,
}

/// None: there is no such patch, the client needs the whole.
type Answer = Arc<OnceCell<Option<Event>>>;

impl Resumer {
    /// Connects when first needed.
    ///
    /// # Errors
    /// The pool's settings contradict each other.
    pub fn try_new(database: &Database) -> Result<Self, DatabaseError> {
        // No timeouts of its own: the whole of a question has one.
        let pool = Pool::builder(database.clone())
            .max_size(CONNECTIONS)
            .timeouts(Timeouts::default())
            .build()
            .map_err(|error| DatabaseError::Configuration(error.to_string()))?;
        Ok(Self { pool, timeout: database.timeout, answers: Mutex::default() })
    }

    /// The patch that leads from `position` onwards, in an environment whose tip is `tip`. None if the log no longer
    /// reaches back or too many different positions are asked for. Callers with the same question share one query.
    ///
    /// # Errors
    /// The database did not answer.
    pub async fn patch(
        &self,
        environment: &Arc<str>,
        tip: Position,
        position: Position,
    ) -> Result<Option<Event>, DatabaseError> {
        let Some(answer) = self.answer(environment, tip, position) else { return Ok(None) };
        let event = answer.get_or_try_init(|| self.ask(environment, position)).await?;
        Ok(event.clone())
    }

    fn answer(&self, environment: &Arc<str>, tip: Position, position: Position) -> Option<Answer> {
        let mut all = self.answers.lock();
        let answers =
            all.entry(Arc::clone(environment)).or_insert_with(|| Answers { tip, by_start: HashMap::new() });
        if answers.tip != tip {
            *answers = Answers { tip, by_start: HashMap::new() };
        }
        if answers.by_start.len() >= MAX_POSITIONS && !answers.by_start.contains_key(&position.revision) {
            return None;
        }
        Some(Arc::clone(answers.by_start.entry(position.revision).or_default()))
    }

    async fn ask(&self, environment: &Arc<str>, position: Position) -> Result<Option<Event>, DatabaseError> {
        let ask = async {
            let mut client = self.pool.get().await.map_err(pool_error)?;
            // Nothing outlives the transaction, because a pooler may lend the session to somebody else afterwards.
            let transaction = client.build_transaction().read_only(true).start().await?;
            let limit = format!("SET LOCAL statement_timeout = {}", self.timeout.as_millis());
            transaction.batch_execute(&limit).await?;
            let environment = &**environment;
            let parameters: [(&(dyn ToSql + Sync), Type); 3] =
                [(&environment, Type::TEXT), (&position.epoch, Type::UUID), (&position.revision, Type::INT8)];
            let payload = transaction.query_typed_one(PATCH, &parameters).await?.try_get(0)?;
            transaction.commit().await?;
            Ok::<Option<String>, DatabaseError>(payload)
        };
        let payload = tokio::time::timeout(self.timeout, ask)
            .await
            .map_err(|_| DatabaseError::Timeout { doing: "fetching a patch", after: self.timeout })??;
        // Unreadable or a put: the client gets the bridge's own put, which was read and checked.
        Ok(payload.and_then(|text| patch_event(&text)))
    }
}

fn patch_event(payload: &str) -> Option<Event> {
    let changes: Changes = serde_json::from_str(payload).ok()?;
    changes.from?;
    Event::try_new(&changes.payload()).ok()
}

impl Manager for Database {
    type Type = Client;
    type Error = DatabaseError;

    async fn create(&self) -> Result<Client, DatabaseError> {
        let Connected { client, connection, .. } = self.connect().await?;
        // Its error reaches whoever asks next, or nobody if nobody does.
        tokio::spawn(connection);
        Ok(client)
    }

    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<DatabaseError> {
        if client.is_closed() { Err(RecycleError::message("closed")) } else { Ok(()) }
    }
}

fn pool_error(error: PoolError<DatabaseError>) -> DatabaseError {
    match error {
        PoolError::Backend(error) => error,
        error => DatabaseError::Lost(error.to_string()),
    }
}

//! Patches from further back than the memory reaches, straight from the database's log.
//!
//! Needed after a restart: thousands of clients come back at a handful of positions. One query answers all that share a
//! position, and the pool bounds how many run at once, so a herd costs PostgreSQL a few statements.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, PoolError, RecyclingMethod, Runtime};
use parking_lot::Mutex;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use super::{Database, DatabaseError};
use crate::documents::Changes;
use crate::event::Event;
use crate::position::Position;

/// Connections for this purpose. Two, so that one slow answer does not hold up everybody.
const CONNECTIONS: usize = 2;

/// Distinct positions remembered per environment revision; clients beyond these get a put.
const MAX_POSITIONS: usize = 256;

/// Fetches patches for clients that resume.
pub struct Resumer {
    pool: Pool,
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
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(database.config.clone(), NoTls, recycling);
        let settings = database.reader_settings();
        let set_up = Hook::async_fn(move |client: &mut deadpool_postgres::ClientWrapper, _| {
            let settings = settings.clone();
            Box::pin(async move { client.batch_execute(&settings).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(deadpool_postgres::Timeouts {
                wait: Some(database.timeout),
                create: Some(database.timeout),
                recycle: Some(database.timeout),
            })
            .post_create(set_up)
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
            let client = self.pool.get().await.map_err(pool_error)?;
            let query = client.prepare_cached("SELECT fauna.changes($1, $2, $3)::text").await?;
            let row =
                client.query_one(&query, &[&&**environment, &position.epoch, &position.revision]).await?;
            Ok::<Option<String>, DatabaseError>(row.try_get(0)?)
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

fn pool_error(error: PoolError) -> DatabaseError {
    match error {
        PoolError::Backend(error) => error.into(),
        error => DatabaseError::Lost(error.to_string()),
    }
}

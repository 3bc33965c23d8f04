//! Streams: from a position to the next, for as long as the client may listen.
//!
//! What all streams do is here: greeting, heartbeat, telling that the bridge is stale, ending with age, with the key, with the environment and
//! with the process. What they send is a [`Feed`]: documents for servers ([`documents`]), results for clients ([`evaluations`]),
//! the word that something changed for OFREP's providers ([`refetches`]).
//!
//! A stream keeps its position and asks the environment what comes next, so it holds no queue: while its socket is full
//! nobody polls it, and when it is polled again it gets everything it missed as one.

mod documents;
mod evaluations;
mod line;
mod refetches;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fauna_core::Timestamp;
use futures_util::Stream;
use futures_util::stream::unfold;

use crate::database::Resumer;
use crate::environment::Environment;
use crate::evaluation::{EvaluationContext, Scope};
use crate::follower::Readings;
use crate::health::Health;
use crate::observation::{Close, Observer};
use crate::position::Position;
use crate::sdk_key::SdkKey;
use documents::Documents;
use evaluations::Evaluations;
use line::{Line, Next};
use refetches::Refetches;

/// How streams behave.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// Time between comments on an otherwise silent stream.
    pub heartbeat: Duration,
    /// The longest a stream lives; each ends between 80 and 100 % of it, so that they do not all come back at once.
    pub max_age: Duration,
    /// The middle of the reconnection times that clients are told; each is told one between 50 and 150 % of it.
    pub retry: Duration,
}

/// What every stream needs.
pub struct StreamContext {
    /// How streams behave.
    pub options: StreamOptions,
    /// Patches from further back than memory.
    pub resumer: Resumer,
    /// To make sure of the present state.
    pub readings: Arc<Readings>,
    /// Whether PostgreSQL is in reach and the process stays.
    pub health: Arc<Health>,
    /// Who wants to know.
    pub observer: Arc<Observer>,
}

/// What a stream sends.
trait Feed: Send {
    /// The next event, if there is one now. `stale`: nobody can say whether this bridge's state is the newest.
    fn next(
        &mut self,
        line: &mut Line,
        stale: bool,
    ) -> impl Future<Output = Result<Option<Bytes>, Close>> + Send;

    /// When there may be one although nothing is committed.
    fn wakes(&self) -> Option<Timestamp> {
        None
    }
}

/// The bytes of a stream.
pub trait Events: Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {}

impl<S: Stream<Item = Result<Bytes, std::convert::Infallible>> + Send> Events for S {}

/// Opens a stream of documents for the holder of `key`, who already stands at `position` if it says so.
pub fn open_documents(
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
    key: &SdkKey,
    position: Option<Position>,
) -> impl Events + use<> {
    run(Line::new(context, environment, key), Documents::new(position))
}

/// Opens a stream of results for one evaluation context, as the holder of `key` may see them. `position`: what the client has seen of this
/// environment already. It gets everything nevertheless, but nothing older than that.
pub fn open_evaluations(
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
    key: &SdkKey,
    position: Option<Position>,
    subject: EvaluationContext,
) -> impl Events + use<> {
    let feed = Evaluations::new(Scope::from(key.kind), subject, position);
    run(Line::new(context, environment, key), feed)
}

/// Opens a stream that tells the holder of `key` when to evaluate again. `position`: what it was told of last.
pub fn open_refetches(
    context: Arc<StreamContext>,
    environment: Arc<Environment>,
    key: &SdkKey,
    position: Option<Position>,
) -> impl Events + use<> {
    run(Line::new(context, environment, key), Refetches::new(Scope::from(key.kind), position))
}

fn run<F: Feed>(line: Line, feed: F) -> impl Events {
    unfold((line, feed), |(mut line, mut feed)| async move {
        let bytes = next(&mut line, &mut feed).await?;
        Some((Ok(bytes), (line, feed)))
    })
}

/// The next bytes to send; none at the end.
async fn next<F: Feed>(line: &mut Line, feed: &mut F) -> Option<Bytes> {
    loop {
        let stale = match line.look() {
            Next::Feed { stale } => stale,
            Next::Send(bytes) => return Some(bytes),
            Next::Over => return None,
        };
        match feed.next(line, stale).await {
            Ok(Some(bytes)) => return Some(line.sending(bytes)),
            Ok(None) => {}
            Err(reason) => return Some(line.end(reason)),
        }
        if let Some(heartbeat) = line.wait(feed.wakes()).await {
            return Some(heartbeat);
        }
    }
}

#[cfg(test)]
mod tests;

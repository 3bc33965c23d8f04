//! A server's stream: the documents, for whoever evaluates itself.
//!
//! A server resumes where it stands. What a reader can miss at most is what the environment keeps; further behind, it is dropped and
//! resumes through the log.

use bytes::Bytes;

use super::Feed;
use super::line::Line;
use crate::environment::{ApplyError, Step};
use crate::event::{self, Event};
use crate::observation::{Close, Observation, Start};
use crate::position::Position;

/// Sends documents.
pub struct Documents {
    position: Option<Position>,
}

impl Documents {
    /// For a client that stands at `position`, by its word.
    pub fn new(position: Option<Position>) -> Self {
        Self { position }
    }

    async fn step(&self, line: &mut Line, stale: bool) -> Result<Option<Event>, Close> {
        let first = line.is_first();
        let Some(position) = self.position else {
            return put(line).map(Some);
        };
        let step = line.environment.after(position).map_err(failed)?;
        let (event, start) = match step {
            Step::Current => (None, Start::Current),
            Step::Send(event) => (Some(event), Start::Memory),
            // Boxed: rare, and every connection would carry its size.
            Step::Behind if first => match Box::pin(patch_from_log(line, position)).await {
                Some(event) => (Some(event), Start::Log),
                None => return put(line).map(Some),
            },
            Step::Behind => return Err(Close::Slow),
            Step::Elsewhere if line.may_take_back(position, stale).await => return put(line).map(Some),
            Step::Elsewhere => return Ok(None),
        };
        line.started(start);
        Ok(event)
    }
}

impl Feed for Documents {
    async fn next(&mut self, line: &mut Line, stale: bool) -> Result<Option<Bytes>, Close> {
        let first = line.is_first();
        if let Some(event) = self.step(line, stale).await? {
            self.position = Some(event.position);
            return Ok(Some(event.bytes));
        }
        // A client that resumes with what it once stored cannot know that it is current until it is told. Stale, it has been told already.
        let is_confirmed = first && !line.is_first() && !stale;
        Ok(is_confirmed.then(|| event::status(false)))
    }
}

fn put(line: &mut Line) -> Result<Event, Close> {
    let put = line.environment.put().map_err(failed)?;
    line.started(Start::Put);
    Ok(put)
}

async fn patch_from_log(line: &Line, position: Position) -> Option<Event> {
    let tip = line.environment.position();
    match line.context.resumer.patch(line.environment.key(), tip, position).await {
        Ok(event) => event,
        Err(error) => {
            line.context.observer.observe(&Observation::ResumeFailed { error: &error });
            None
        }
    }
}

fn failed(_: ApplyError) -> Close {
    Close::Failed
}

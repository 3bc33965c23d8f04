//! Writes what was counted, now and then.

use std::sync::Arc;
use std::time::Duration;

use super::{Batch, Usage};
use crate::database::{Database, DatabaseError};
use crate::observation::{Observation, Observer};

/// Counts that one statement writes: little enough to be done long before a timeout.
const PART: usize = 1000;

/// How often.
#[derive(Clone, Copy, Debug)]
pub struct RecorderOptions {
    /// Time between two writings.
    pub interval: Duration,
}

/// The task that writes.
pub struct Recorder {
    usage: Arc<Usage>,
    database: Database,
    options: RecorderOptions,
    observer: Arc<Observer>,
    batch: Batch,
}

impl Recorder {
    /// Writes what `usage` counts.
    pub fn new(
        usage: Arc<Usage>,
        database: Database,
        options: RecorderOptions,
        observer: Arc<Observer>,
    ) -> Self {
        Self { usage, database, options, observer, batch: Batch::default() }
    }

    /// Writes until `end`, and then once more.
    pub async fn run(mut self, end: impl Future<Output = ()>) {
        let mut end = std::pin::pin!(end);
        loop {
            let is_over = tokio::select! {
                () = &mut end => true,
                () = tokio::time::sleep(self.options.interval) => false,
            };
            self.write().await;
            if is_over {
                return;
            }
        }
    }

    async fn write(&mut self) {
        self.usage.empty_into(&mut self.batch);
        self.report_dropped(self.usage.take_dropped(), None);
        if self.batch.is_empty() {
            return;
        }
        let Err(error) = self.write_parts().await else { return };
        if error.forbids_writing() {
            // Waiting would not help: this server only follows another.
            let lost = std::mem::take(&mut self.batch);
            self.usage.release(lost.len());
            self.report_dropped(lost.first(usize::MAX).evaluations, Some(&error));
        } else {
            self.observer.observe(&Observation::UsageNotRecorded { error: &error });
        }
    }

    async fn write_parts(&mut self) -> Result<(), DatabaseError> {
        let mut writer = self.database.usage_writer().await?;
        while !self.batch.is_empty() {
            let part = self.batch.first(PART);
            let evaluations = part.evaluations;
            match writer.record(&part.json).await {
                Ok(()) => self.observer.observe(&Observation::UsageRecorded { evaluations }),
                // It would be refused again, and all that waits behind it would never be written.
                Err(error) if error.is_about_data() => self.report_dropped(evaluations, Some(&error)),
                Err(error) => return Err(error),
            }
            self.usage.release(self.batch.remove(&part));
        }
        Ok(())
    }

    fn report_dropped(&self, evaluations: u64, error: Option<&DatabaseError>) {
        if evaluations > 0 || error.is_some() {
            self.observer.observe(&Observation::UsageDropped { evaluations, error });
        }
    }
}

//! Readings of the database as others see them: they ask for one, wait for it, and may have to know what it is worth.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, watch};

/// Lets others ask for a reading and wait for it.
#[derive(Default)]
pub struct Readings {
    wanted: Notify,
    // Whether they are of a standby, which may not have everything yet.
    of_standby: AtomicBool,
    // The number of readings begun, and the number of the last that succeeded.
    begun: watch::Sender<u64>,
    done: watch::Sender<u64>,
}

impl Readings {
    /// Asks for a reading that begins from now on, and returns once it succeeded. Cancel it freely.
    pub async fn fresh(&self) {
        let begun = *self.begun.borrow();
        let mut done = self.done.subscribe();
        self.wanted.notify_one();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = done.wait_for(|done| *done > begun).await;
    }

    /// Whether what is read may lag behind what others have read.
    pub fn may_lag(&self) -> bool {
        self.of_standby.load(Ordering::Acquire)
    }

    /// Readings are, or are not, of a standby from now on.
    pub fn are_of_standby(&self, of_standby: bool) {
        self.of_standby.store(of_standby, Ordering::Release);
    }

    /// Waits until somebody has asked.
    pub async fn asked(&self) {
        self.wanted.notified().await;
    }

    /// The reading with this number succeeded.
    pub fn finish(&self, number: u64) {
        self.done.send_replace(number);
    }

    /// A reading begins; returns its number.
    pub fn begin(&self) -> u64 {
        self.begun.send_modify(|begun| *begun += 1);
        *self.begun.borrow()
    }
}

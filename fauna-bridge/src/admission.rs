//! How much one SDK key may ask for, so that a client gone wild costs the others nothing.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use parking_lot::Mutex;
use tokio::time::Instant;

/// What is too much; 0 = nothing is.
#[derive(Clone, Copy, Debug)]
pub struct AdmissionOptions {
    /// Open streams per key.
    pub max_streams_per_key: u32,
    /// Requests per second and key, on average; as many at once may come on top.
    pub max_requests_per_second: u32,
}

/// Why a request is not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The key has as many streams as it may have.
    Streams,
    /// The key makes requests too fast.
    Requests,
}

/// Decides.
pub struct Admission {
    options: AdmissionOptions,
    streams: Mutex<HashMap<Arc<str>, u32>>,
    buckets: Mutex<HashMap<Arc<str>, Bucket>>,
}

/// A token bucket that holds a second's worth.
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// One open stream; it counts until this is dropped. None where nothing is counted.
pub struct StreamPermit(Option<(Arc<Admission>, Arc<str>)>);

impl Admission {
    /// Nobody has asked for anything yet.
    pub fn new(options: AdmissionOptions) -> Self {
        Self { options, streams: Mutex::default(), buckets: Mutex::default() }
    }

    /// One more request by the key with this id.
    ///
    /// # Errors
    /// It is one too many.
    pub fn request(&self, key: &Arc<str>) -> Result<(), Excess> {
        if self.options.max_requests_per_second == 0 {
            return Ok(());
        }
        let rate = f64::from(self.options.max_requests_per_second);
        let now = Instant::now();
        let mut buckets = self.buckets.lock();
        let bucket = buckets.entry(Arc::clone(key)).or_insert_with(|| Bucket { tokens: rate, filled: now });
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.tokens = since.mul_add(rate, bucket.tokens).min(rate);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return Err(Excess::Requests);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// One more stream of the key with this id.
    ///
    /// # Errors
    /// It is one too many.
    pub fn stream(self: &Arc<Self>, key: &Arc<str>) -> Result<StreamPermit, Excess> {
        if self.options.max_streams_per_key == 0 {
            return Ok(StreamPermit(None));
        }
        let mut streams = self.streams.lock();
        let open = streams.entry(Arc::clone(key)).or_default();
        if *open >= self.options.max_streams_per_key {
            return Err(Excess::Streams);
        }
        *open += 1;
        Ok(StreamPermit(Some((Arc::clone(self), Arc::clone(key)))))
    }
}

impl StreamPermit {
    /// The same stream, which counts as open until it is dropped.
    pub fn over<S: Stream>(self, stream: S) -> impl Stream<Item = S::Item> {
        stream.inspect(move |_| {
            let _held = &self;
        })
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let Some((admission, key)) = &self.0 else { return };
        let mut streams = admission.streams.lock();
        match streams.get_mut(key) {
            Some(open) if *open > 1 => *open -= 1,
            _ => drop(streams.remove(key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn admission(streams: u32, requests: u32) -> Arc<Admission> {
        let options = AdmissionOptions { max_streams_per_key: streams, max_requests_per_second: requests };
        Arc::new(Admission::new(options))
    }

    #[test]
    fn a_key_has_so_many_streams_at_a_time_and_no_more() {
        let admission = admission(2, 0);
        let (one, other): (Arc<str>, Arc<str>) = ("one".into(), "other".into());
        let first = admission.stream(&one).ok();
        let _second = admission.stream(&one).ok().unwrap();
        assert_eq!(admission.stream(&one).err(), Some(Excess::Streams));
        assert!(admission.stream(&other).is_ok());
        drop(first);
        assert!(admission.stream(&one).is_ok());
        assert_eq!(admission.streams.lock().len(), 1, "a key without streams is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_has_a_seconds_worth_of_requests_at_once_and_then_its_rate() {
        let admission = admission(0, 10);
        let key: Arc<str> = "key".into();
        let admitted = |attempts| (0..attempts).filter(|_| admission.request(&key).is_ok()).count();
        assert_eq!(admitted(25), 10);
        tokio::time::advance(Duration::from_millis(300)).await;
        assert_eq!(admitted(25), 3);
        tokio::time::advance(Duration::from_hours(1)).await;
        assert_eq!(admitted(25), 10);
        assert_eq!(admission.request(&"other".into()), Ok(()));
    }

    #[test]
    fn without_limits_nothing_is_too_much() {
        let admission = admission(0, 0);
        let key: Arc<str> = "key".into();
        let permits: Vec<_> = (0..1000).map(|_| admission.stream(&key)).collect();
        assert!(permits.iter().all(Result::is_ok));
        assert!((0..1000).all(|_| admission.request(&key).is_ok()));
        assert!(admission.streams.lock().is_empty());
    }
}

//! A cached value, refreshed when it is stale or on demand; one task refreshes, the others wait. Ages use wall-clock time,
//! because the monotonic clock may stop while Lambda freezes the environment.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::domain::time::Timestamp;
use crate::error::error_chain;

/// The time between refreshes after a failure, and for the same reason, in seconds.
const RETRY_AFTER: i64 = 60;

/// The cache of one value.
pub(super) struct RefreshingCache<T> {
    /// The age at which the value is stale, in seconds.
    max_age: i64,
    cached: Mutex<Option<Cached<T>>>,
}

struct Cached<T> {
    value: Arc<T>,
    /// The time of the next refresh.
    due: Timestamp,
    /// The time of the last refresh for each reason.
    refreshed_for: HashMap<String, Timestamp>,
}

impl<T> RefreshingCache<T> {
    pub(super) fn new(max_age: i64) -> Self {
        Self { max_age, cached: Mutex::default() }
    }

    /// The value; stale only if it cannot be refreshed.
    pub(super) async fn get<E, F>(&self, now: Timestamp, read: impl FnOnce() -> F) -> Result<Arc<T>, E>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        let mut cached = self.cached.lock().await;
        if let Some(cached) = cached.as_mut() {
            if now >= cached.due {
                cached.replace(read().await, now, self.max_age);
            }
            return Ok(Arc::clone(&cached.value));
        }
        let value = Arc::new(read().await?);
        let due = now.plus_seconds(self.max_age);
        *cached = Some(Cached { value: Arc::clone(&value), due, refreshed_for: HashMap::new() });
        Ok(value)
    }

    /// The value, refreshed unless it was refreshed for this reason within `RETRY_AFTER`.
    pub(super) async fn refresh_for<E, F>(
        &self,
        reason: &str,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        {
            let mut cached = self.cached.lock().await;
            if let Some(cached) = cached.as_mut() {
                cached.refreshed_for.retain(|_, since| now < since.plus_seconds(RETRY_AFTER));
                if !cached.refreshed_for.contains_key(reason) {
                    cached.refreshed_for.insert(reason.to_owned(), now);
                    cached.replace(read().await, now, self.max_age);
                }
                return Ok(Arc::clone(&cached.value));
            }
        }
        self.get(now, read).await
    }
}

impl<T> Cached<T> {
    /// Stores a new value; a failure keeps the cached one for `RETRY_AFTER`.
    fn replace<E: Error>(&mut self, read: Result<T, E>, now: Timestamp, max_age: i64) {
        match read {
            Ok(value) => {
                self.value = Arc::new(value);
                self.due = now.plus_seconds(max_age);
            }
            Err(error) => {
                self.due = now.plus_seconds(RETRY_AFTER);
                tracing::warn!(cause = error_chain(&error), "the VAPID secret cannot be refreshed");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const MAX_AGE: i64 = 300;

    #[derive(Debug, thiserror::Error)]
    #[error("no answer")]
    struct NoAnswer;

    /// A source whose value is the number of reads.
    #[derive(Default)]
    struct Source(Cell<u32>);

    impl Source {
        async fn read(&self) -> Result<u32, NoAnswer> {
            // Other tasks ask in between.
            tokio::task::yield_now().await;
            self.0.set(self.0.get() + 1);
            Ok(self.0.get())
        }
    }

    async fn failing() -> Result<u32, NoAnswer> {
        Err(NoAnswer)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[tokio::test]
    async fn a_value_is_read_once_until_it_is_stale() {
        let (cache, source) = (RefreshingCache::new(MAX_AGE), Source::default());
        let get = async |seconds: i64| *cache.get(at(seconds), || source.read()).await.expect("a value");

        assert_eq!(tokio::join!(get(0), get(0), get(0)), (1, 1, 1), "one task reads for all");
        assert_eq!(get(MAX_AGE - 1).await, 1);
        assert_eq!(tokio::join!(get(MAX_AGE), get(MAX_AGE)), (2, 2));
    }

    #[tokio::test]
    async fn a_failed_refresh_keeps_the_cached_value_and_waits() {
        let (cache, source) = (RefreshingCache::new(MAX_AGE), Source::default());
        let get = async |seconds: i64| *cache.get(at(seconds), || source.read()).await.expect("a value");
        assert!(cache.get(at(0), failing).await.is_err(), "nothing is cached yet");
        assert_eq!(get(0).await, 1);

        assert_eq!(*cache.get(at(MAX_AGE), failing).await.expect("the old value"), 1);
        assert_eq!(get(MAX_AGE + RETRY_AFTER - 1).await, 1, "no immediate retry");
        assert_eq!(get(MAX_AGE + RETRY_AFTER).await, 2);
    }

    #[tokio::test]
    async fn each_reason_refreshes_once_in_a_while() {
        let (cache, source) = (RefreshingCache::new(MAX_AGE), Source::default());
        let refresh = async |reason: &str, seconds| {
            *cache.refresh_for(reason, at(seconds), || source.read()).await.expect("a value")
        };

        assert_eq!(refresh("a", 0).await, 1, "an empty cache is read once");
        assert_eq!(tokio::join!(refresh("a", 0), refresh("a", 0), refresh("a", 0)), (2, 2, 2));
        assert_eq!(refresh("b", 1).await, 3, "another reason does not wait");
        assert_eq!((refresh("a", RETRY_AFTER - 1).await, refresh("b", RETRY_AFTER).await), (3, 3));
        assert_eq!(refresh("a", RETRY_AFTER).await, 4);
    }

    #[tokio::test]
    async fn with_a_max_age_of_zero_each_call_reads() {
        let (cache, source) = (RefreshingCache::new(0), Source::default());
        for expected in 1..4 {
            assert_eq!(*cache.get(at(0), || source.read()).await.expect("a value"), expected);
        }
    }
}

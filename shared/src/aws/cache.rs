//! A value that is read again when it is old or doubted. One caller reads, the others wait for what it finds. Ages are told
//! by the clock on the wall: the other one may stand still while an environment is frozen.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::domain::time::Timestamp;
use crate::http::chain;

/// After a failed reading, and after one for the same doubt, so many seconds pass before the next.
const PAUSE: i64 = 60;

/// The value, once it was read.
pub(super) struct Reread<T> {
    /// In seconds.
    max_age: i64,
    known: Mutex<Option<Known<T>>>,
}

struct Known<T> {
    value: Arc<T>,
    /// When it is to be read again.
    due: Timestamp,
    /// When it was read again for which doubt.
    doubts: HashMap<String, Timestamp>,
}

impl<T> Reread<T> {
    pub(super) fn new(max_age: i64) -> Self {
        Self { max_age, known: Mutex::default() }
    }

    /// The value, at most of the greatest age unless it cannot be read again.
    pub(super) async fn get<E, F>(&self, now: Timestamp, read: impl FnOnce() -> F) -> Result<Arc<T>, E>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_mut() {
            if now >= known.due {
                known.replace(read().await, now, self.max_age);
            }
            return Ok(Arc::clone(&known.value));
        }
        let value = Arc::new(read().await?);
        let due = now.plus_seconds(self.max_age);
        *known = Some(Known { value: Arc::clone(&value), due, doubts: HashMap::new() });
        Ok(value)
    }

    /// The value, read again unless it was read again for this doubt within the pause.
    pub(super) async fn doubting<E, F>(
        &self,
        doubt: &str,
        now: Timestamp,
        read: impl FnOnce() -> F,
    ) -> Result<Arc<T>, E>
    where
        E: Error,
        F: Future<Output = Result<T, E>>,
    {
        {
            let mut known = self.known.lock().await;
            if let Some(known) = known.as_mut() {
                known.doubts.retain(|_, since| now < since.plus_seconds(PAUSE));
                if !known.doubts.contains_key(doubt) {
                    known.doubts.insert(doubt.to_owned(), now);
                    known.replace(read().await, now, self.max_age);
                }
                return Ok(Arc::clone(&known.value));
            }
        }
        self.get(now, read).await
    }
}

impl<T> Known<T> {
    /// Takes what was read. If nothing was, what is known stays for a while longer.
    fn replace<E: Error>(&mut self, read: Result<T, E>, now: Timestamp, max_age: i64) {
        match read {
            Ok(value) => {
                self.value = Arc::new(value);
                self.due = now.plus_seconds(max_age);
            }
            Err(error) => {
                self.due = now.plus_seconds(PAUSE);
                tracing::warn!(cause = chain(&error), "the VAPID secret cannot be read again");
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

    /// What is read counts the readings.
    #[derive(Default)]
    struct Source(Cell<u32>);

    impl Source {
        async fn read(&self) -> Result<u32, NoAnswer> {
            // Others ask meanwhile.
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
    async fn a_value_is_read_once_until_it_is_old() {
        let (reread, source) = (Reread::new(MAX_AGE), Source::default());
        let get = async |seconds: i64| *reread.get(at(seconds), || source.read()).await.expect("a value");

        assert_eq!(tokio::join!(get(0), get(0), get(0)), (1, 1, 1), "one reads for all");
        assert_eq!(get(MAX_AGE - 1).await, 1);
        assert_eq!(tokio::join!(get(MAX_AGE), get(MAX_AGE)), (2, 2));
    }

    #[tokio::test]
    async fn a_failed_reading_leaves_what_is_known_and_pauses() {
        let (reread, source) = (Reread::new(MAX_AGE), Source::default());
        let get = async |seconds: i64| *reread.get(at(seconds), || source.read()).await.expect("a value");
        assert!(reread.get(at(0), failing).await.is_err(), "nothing is known yet");
        assert_eq!(get(0).await, 1);

        assert_eq!(*reread.get(at(MAX_AGE), failing).await.expect("the old value"), 1);
        assert_eq!(get(MAX_AGE + PAUSE - 1).await, 1, "not tried again at once");
        assert_eq!(get(MAX_AGE + PAUSE).await, 2);
    }

    #[tokio::test]
    async fn each_doubt_has_it_read_again_once_in_a_while() {
        let (reread, source) = (Reread::new(MAX_AGE), Source::default());
        let doubting =
            async |doubt: &str, seconds| *reread.doubting(doubt, at(seconds), || source.read()).await.expect("a value");

        assert_eq!(doubting("a", 0).await, 1, "what was never read is read once");
        assert_eq!(tokio::join!(doubting("a", 0), doubting("a", 0), doubting("a", 0)), (2, 2, 2));
        assert_eq!(doubting("b", 1).await, 3, "another doubt need not wait");
        assert_eq!((doubting("a", PAUSE - 1).await, doubting("b", PAUSE).await), (3, 3));
        assert_eq!(doubting("a", PAUSE).await, 4);
    }

    #[tokio::test]
    async fn without_an_age_each_call_reads() {
        let (reread, source) = (Reread::new(0), Source::default());
        for expected in 1..4 {
            assert_eq!(*reread.get(at(0), || source.read()).await.expect("a value"), expected);
        }
    }
}

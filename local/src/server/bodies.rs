//! Bodies of requests: each is read within a size and a time, and all together within one budget of memory.

use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody as _};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::server::limits::Limits;

/// Reads the bodies of one server.
#[derive(Clone)]
pub(crate) struct Bodies {
    limits: Limits,
    /// A permit for each byte.
    budget: Arc<Semaphore>,
}

/// A body, which counts against the budget until its last clone is dropped.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeldBody {
    bytes: Bytes,
    _permits: Option<Arc<OwnedSemaphorePermit>>,
}

/// Why a body is not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    TimedOut,
    /// The connection ended, or the body's encoding is invalid.
    Incomplete,
    /// The other bodies use the whole budget.
    OutOfBudget,
}

impl Bodies {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, budget: Arc::new(Semaphore::new(limits.all_bodies)) }
    }

    /// Reads a body of at most `max` bytes.
    pub(crate) async fn read(&self, body: Body, max: usize) -> Result<HeldBody, BodyError> {
        if is_larger(&body, max) {
            return Err(BodyError::TooLarge);
        }
        timeout(self.limits.body, self.collect(body, max)).await.unwrap_or(Err(BodyError::TimedOut))
    }

    async fn collect(&self, mut body: Body, max: usize) -> Result<HeldBody, BodyError> {
        let reserve = |bytes: usize| {
            let bytes = u32::try_from(bytes).map_err(|_| BodyError::TooLarge)?;
            Arc::clone(&self.budget).try_acquire_many_owned(bytes).map_err(|_| BodyError::OutOfBudget)
        };
        let (mut bytes, mut permits) = (Vec::new(), reserve(0)?);
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| BodyError::Incomplete)?.into_data() else { continue };
            if bytes.len() + data.len() > max {
                return Err(BodyError::TooLarge);
            }
            permits.merge(reserve(data.len())?);
            bytes.extend_from_slice(&data);
        }
        Ok(HeldBody { bytes: bytes.into(), _permits: Some(Arc::new(permits)) })
    }
}

/// Whether a body declares more than `max` bytes (`Content-Length`).
pub(crate) fn is_larger(body: &Body, max: usize) -> bool {
    body.size_hint().lower() > max as u64
}

impl std::ops::Deref for HeldBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<&'static [u8]> for HeldBody {
    fn from(bytes: &'static [u8]) -> Self {
        Self { bytes: Bytes::from_static(bytes), _permits: None }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bodies() -> Bodies {
        Bodies::new(Limits { body: Duration::from_millis(20), all_bodies: 10, ..Limits::default() })
    }

    #[tokio::test]
    async fn all_bodies_share_one_budget() {
        let bodies = bodies();
        let first = bodies.read(Body::from("1234567"), 9).await.expect("a body");
        assert_eq!(bodies.read(Body::from("1234"), 9).await.err(), Some(BodyError::OutOfBudget));
        let clone = first.clone();
        drop(first);
        assert_eq!(bodies.read(Body::from("1234"), 9).await.err(), Some(BodyError::OutOfBudget), "a clone is held");
        drop(clone);
        assert_eq!(&*bodies.read(Body::from("1234"), 9).await.expect("a body"), b"1234");
    }

    #[tokio::test]
    async fn a_body_has_a_size_and_a_time() {
        let bodies = bodies();
        assert_eq!(bodies.read(Body::from("12345"), 4).await.err(), Some(BodyError::TooLarge));
        let never = Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>());
        assert_eq!(bodies.read(never, 4).await.err(), Some(BodyError::TimedOut));
        assert_eq!(bodies.budget.available_permits(), 10);
    }
}

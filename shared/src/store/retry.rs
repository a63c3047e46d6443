//! Retries of calls that were certainly not applied.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use super::error::{code, is_throttled};
use crate::domain::random;

/// The maximum number of retries: about 4 seconds in all.
const MAX_RETRIES: u32 = 12;

/// The maximum number of retries for a client that has not proven its secret: about 50 milliseconds in all.
const MAX_UNPROVEN_RETRIES: u32 = 2;

/// No retry starts after this, so that the whole fits the authorizer's time limit of 10 seconds.
const RETRY_BUDGET: Duration = Duration::from_secs(6);

/// The retries of one call.
pub(super) struct Retries {
    started: Instant,
    count: u32,
    max: u32,
}

impl Retries {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), count: 0, max: MAX_RETRIES }
    }

    /// Few retries, so that a client without a valid secret cannot occupy the authorizer while DynamoDB throttles.
    pub(super) fn start_unproven() -> Self {
        Self { max: MAX_UNPROVEN_RETRIES, ..Self::start() }
    }

    /// Allows all retries, if an attempt shows that this is no flood.
    pub(super) fn allow_all(&mut self) {
        self.max = MAX_RETRIES;
    }

    /// Counts one more retry.
    pub(super) fn count(&mut self) {
        self.count += 1;
    }

    /// Whether the number or the time of the retries is used up.
    pub(super) fn exhausted(&self) -> bool {
        self.count >= self.max || self.started.elapsed() > RETRY_BUDGET
    }

    /// Waits with exponential backoff and up to 50 % jitter.
    pub(super) async fn backoff(&self) {
        let max = 10 << self.count.min(6);
        tokio::time::sleep(Duration::from_millis(u64::from(max / 2 + random::up_to(max / 2)))).await;
    }
}

/// Retries a call while DynamoDB throttles it or another transaction holds its item.
pub(super) async fn retry_throttled<O, E, F>(call: impl Fn() -> F) -> Result<O, SdkError<E>>
where
    F: Future<Output = Result<O, SdkError<E>>>,
    E: ProvideErrorMetadata,
{
    let mut retries = Retries::start();
    loop {
        match call().await {
            Err(SdkError::ServiceError(response)) if is_throttled(code(response.err())) && !retries.exhausted() => {
                retries.count();
                retries.backoff().await;
            }
            sent => return sent,
        }
    }
}

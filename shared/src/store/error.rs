//! Errors of the store, and what an error of the SDK means.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};

/// A call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB did not respond in time, or throttled the call.
    #[error("the store does not respond")]
    Unavailable(#[source] Box<dyn StdError + Send + Sync>),
    /// An attempt of the counting write got no response, so the request may have been counted.
    #[error("the counting write may have been applied")]
    Ambiguous(#[source] Box<Error>),
    /// DynamoDB rejected a call that should be valid.
    #[error("the store rejected a call")]
    Unexpected(#[source] Box<dyn StdError + Send + Sync>),
    /// A stored item does not have the form that we write.
    #[error("an item of {0} is malformed")]
    Malformed(&'static str),
}

/// A call without a required part is a bug.
impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::Unexpected(error.into())
    }
}

impl<E> From<SdkError<E>> for Error
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let rejected = match &error {
            SdkError::ConstructionFailure(_) => true,
            SdkError::ServiceError(response) => {
                response.raw().status().as_u16() < 500 && !is_throttled(code(response.err()))
            }
            _ => false,
        };
        if rejected { Self::Unexpected(error.into()) } else { Self::Unavailable(error.into()) }
    }
}

/// The code of a service error; empty if it has none.
pub(super) fn code(error: &impl ProvideErrorMetadata) -> &str {
    error.code().unwrap_or_default()
}

/// Whether a code says that a transaction holds the item.
pub(super) fn is_conflict(code: &str) -> bool {
    code.strip_suffix("Exception").unwrap_or(code) == "TransactionConflict"
}

/// Whether a code says that the call was certainly not applied because of load or a conflict. Reasons of a cancelled
/// transaction have the same codes without `Exception`.
pub(super) fn is_throttled(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code.strip_suffix("Exception").unwrap_or(code),
            "ProvisionedThroughputExceeded" | "RequestLimitExceeded" | "TransactionConflict" | "TransactionInProgress"
        )
}

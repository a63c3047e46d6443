//! Errors of the store, and what an error of the SDK means.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::item::Item;

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

/// Whether a code says that the call was certainly not applied because of load or a conflict. Reasons of a cancelled
/// transaction have the same codes without `Exception`.
pub(super) fn is_throttled(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code.strip_suffix("Exception").unwrap_or(code),
            "ProvisionedThroughputExceeded" | "RequestLimitExceeded" | "TransactionConflict" | "TransactionInProgress"
        )
}

/// A write that may fail on its condition.
pub(super) trait ConditionalWrite {
    /// The existing item, which a failed condition returns if the call asks for it; `None` if the error is another one.
    fn condition_failed(&self) -> Option<Option<&Item>>;
}

impl ConditionalWrite for UpdateItemError {
    fn condition_failed(&self) -> Option<Option<&Item>> {
        if let Self::ConditionalCheckFailedException(failed) = self { Some(failed.item()) } else { None }
    }
}

impl ConditionalWrite for PutItemError {
    fn condition_failed(&self) -> Option<Option<&Item>> {
        if let Self::ConditionalCheckFailedException(failed) = self { Some(failed.item()) } else { None }
    }
}

impl ConditionalWrite for DeleteItemError {
    fn condition_failed(&self) -> Option<Option<&Item>> {
        if let Self::ConditionalCheckFailedException(failed) = self { Some(failed.item()) } else { None }
    }
}

/// The result of a conditional write: its output, or the existing item if the condition failed.
pub(super) fn conditional<O, E>(sent: Result<O, SdkError<E>>) -> Result<Result<O, Option<Item>>, Error>
where
    E: StdError + ProvideErrorMetadata + ConditionalWrite + Send + Sync + 'static,
{
    let error = match sent {
        Ok(output) => return Ok(Ok(output)),
        Err(error) => error,
    };
    if let SdkError::ServiceError(response) = &error
        && let Some(existing) = response.err().condition_failed()
    {
        return Ok(Err(existing.cloned()));
    }
    Err(error.into())
}

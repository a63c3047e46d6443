//! Conditional writes: the existing item of a failed condition, whatever the operation.

use std::error::Error as StdError;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

use super::error::Error;
use super::item::Item;

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

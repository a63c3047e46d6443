//! Several items written together or not at all. The token makes a repeat of a transaction that was applied succeed
//! without being applied again.

use std::time::Instant;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::TransactWriteItem;

use super::{Error, PATIENCE, REPEATS, Store, busy, failed, pause};
use crate::domain::random;

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Transacted {
    /// All of it was written.
    Done,
    /// Nothing was written: the condition of the part with this number failed.
    Refused(usize),
}

impl Store {
    /// Writes these items together.
    pub(super) async fn transact(&self, parts: Vec<TransactWriteItem>) -> Result<Transacted, Error> {
        let token = random::base62(32);
        let (mut repeats, began) = (0, Instant::now());
        loop {
            let call = self.client.transact_write_items().set_transact_items(Some(parts.clone()));
            let Err(error) = call.client_request_token(&token).send().await else {
                return Ok(Transacted::Done);
            };
            let again = match &error {
                SdkError::ServiceError(answer) => match answer.err() {
                    TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                        let codes: Vec<&str> =
                            cancelled.cancellation_reasons().iter().map(|r| r.code().unwrap_or_default()).collect();
                        if let Some(part) = codes.iter().position(|code| *code == "ConditionalCheckFailed") {
                            return Ok(Transacted::Refused(part));
                        }
                        codes.iter().any(|code| {
                            matches!(*code, "TransactionConflict" | "ProvisionedThroughputExceeded")
                                || code.contains("Throttl")
                        })
                    }
                    other => busy(other) || other.code() == Some("TransactionInProgressException"),
                },
                _ => false,
            };
            repeats += 1;
            if !again || repeats == REPEATS || began.elapsed() > PATIENCE {
                return Err(if again { Error::Unavailable(error.into()) } else { failed(error) });
            }
            tokio::time::sleep(pause(repeats)).await;
        }
    }
}
